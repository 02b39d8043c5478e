//! Revocations of tokens that leaked: none is lost, and no reader gets a revoked token.

pub(super) mod entry;
pub(super) mod owed;
pub(super) mod readers;
