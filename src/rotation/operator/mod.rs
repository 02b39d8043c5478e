//! What only an operator asks for: checks, diagnosis, previous tokens, token durations.

pub(crate) mod check;
pub(crate) mod current_token;
pub(crate) mod diagnose;
pub(crate) mod revoke_previous;
pub(crate) mod token_duration;
