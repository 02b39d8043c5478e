//! Simulators of Genesys Cloud, NICE CXone, AWS Secrets Manager and the Lambda Runtime API, on loopback.
//!
//! They share no types with the product, so a misspelled field cannot pass on both sides.

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
