//! Keeps contact-centre API tokens fresh where pipelines read them.

#[cfg(feature = "demo")]
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the demonstration prints with a part of it"))]
pub mod cli;
mod connection;
#[cfg(feature = "vault")]
pub mod engine;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(any(feature = "cli", feature = "lambda", feature = "vault"))]
pub mod log_filter;
mod loopback;
#[cfg(any(feature = "cli", feature = "vault"))]
mod openmetrics;
pub mod platform;
pub mod rotation;
pub mod secret;
pub mod store;
