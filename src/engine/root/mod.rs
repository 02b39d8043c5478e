//! New secrets for the engine's own OAuth clients.

pub(super) mod in_place;
pub(super) mod succession;
