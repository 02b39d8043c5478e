//! The stored document: its fields, and what a rotation reads from them and writes to them.

mod adoption;
pub(crate) mod clients;
pub(crate) mod credentials;
pub(crate) mod fields;
pub(crate) mod lineage;
pub(crate) mod names;
pub(crate) mod permits;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod token;
pub(crate) mod token_life;
#[cfg(feature = "operator")]
mod unknown;
