//! Leased and shared tokens.

pub(super) mod lease;
pub(super) mod shared_token;
pub(super) mod single_flight;
pub(super) mod token_request;
