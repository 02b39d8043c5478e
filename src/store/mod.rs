//! Where secrets are kept: one adapter for each kind of store.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "cli")]
pub mod file;
pub mod memory;
#[cfg(feature = "vault-kv")]
pub mod vault;
