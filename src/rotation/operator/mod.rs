//! Operations of the command line: check, diagnosis, observation, revocation, and settings of OAuth clients.

pub(crate) mod adopt;
pub(crate) mod check;
pub(crate) mod client_state;
pub(crate) mod current_token;
pub(crate) mod diagnose;
pub(crate) mod end_token;
pub(crate) mod idle;
pub(crate) mod observe;
pub(crate) mod revoke_previous;
pub(crate) mod token_duration;
