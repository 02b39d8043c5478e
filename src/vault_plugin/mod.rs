//! The secrets engine for Vault and OpenBao.

pub mod transport;
