//! The secrets engine for Vault and OpenBao.

pub mod engine;
pub mod framework;
pub mod transport;
