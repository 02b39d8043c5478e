//! Simulators of Genesys Cloud and of AWS Secrets Manager, on loopback.
//!
//! They share no types with the rest of the crate, so that a misspelt field
//! cannot pass on both sides.

pub mod control;
pub mod faults;
pub mod genesys;
pub mod http;
pub mod journal;
