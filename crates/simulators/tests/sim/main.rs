//! The simulators and the function runner, each through real HTTP.
//!
//! One binary, because linking dominates the build time of integration tests.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "tests are an edge: they read the clock, PYTHON, and say what they skip"
)]

mod control;
mod cxone;
mod faults;
mod function;
mod genesys;
mod genesys_clients;
mod genesys_idle;
mod genesys_sdk;
mod secrets_manager;
