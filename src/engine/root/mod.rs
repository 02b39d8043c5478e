//! Rotation of the configs' own secrets.

pub(super) mod automation;
pub(super) mod in_place;
pub(super) mod lease;
pub(super) mod role_tokens;
pub(super) mod rotation;
pub(super) mod succession;
