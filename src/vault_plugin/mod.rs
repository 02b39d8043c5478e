//! The secrets engine for Vault and OpenBao.

pub mod framework;
pub mod transport;
