//! Tokens: exchange, validation, revocation, retries, rate limits.

pub(crate) mod exchange;
pub(crate) mod rate_limit;
pub(crate) mod retry;
