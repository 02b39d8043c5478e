//! The simulators and the function runner, each through real HTTP.
//!
//! One binary for all of them: linking is what integration tests spend their time on.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "tests are an edge: they read the clock, PYTHON, and say what they skip"
)]

mod control;
mod cxone;
mod function;
mod genesys;
mod genesys_clients;
mod genesys_sdk;
mod secrets_manager;
