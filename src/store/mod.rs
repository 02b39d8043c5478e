//! Secret stores: one adapter per store, and the version index of the stores without labels.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "cli")]
pub mod file;
pub mod memory;
#[cfg(feature = "vault-kv")]
pub mod vault;
pub(crate) mod version_index;
