//! The stored document: its fields, and what the rotation reads from them.

pub(crate) mod credentials;
pub(crate) mod fields;
pub(crate) mod plan;
pub(crate) mod probe;
