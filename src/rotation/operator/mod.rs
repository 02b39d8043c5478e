//! Operations of the command line: check, diagnosis, observation, previous tokens, token duration.

pub(crate) mod check;
pub(crate) mod current_token;
pub(crate) mod diagnose;
pub(crate) mod observe;
pub(crate) mod revoke_previous;
pub(crate) mod token_duration;
