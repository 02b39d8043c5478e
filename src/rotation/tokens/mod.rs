//! Tokens on the platform: issue, validate, revoke, roll back.

pub(crate) mod admin;
pub(crate) mod exchange;
pub(crate) mod idle;
pub(crate) mod rate_limit;
pub(crate) mod retry;
pub(crate) mod revoke;
pub(crate) mod rollback;
pub(crate) mod verify;
