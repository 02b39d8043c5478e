//! Simulators of Genesys Cloud, of NICE CXone and of AWS Secrets Manager, on loopback.
//!
//! They share no types with the rest of the crate, so that a misspelt field
//! cannot pass on both sides.

mod clock;
pub mod control;
pub mod cxone;
mod expires_in;
pub mod faults;
pub mod function;
pub mod genesys;
pub mod http;
pub mod invoke;
pub mod journal;
pub mod secrets_manager;
mod simulation;

pub use simulation::{Simulation, SimulationSettings};
