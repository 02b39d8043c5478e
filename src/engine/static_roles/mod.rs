//! Static roles: tokens that the engine rotates by the four steps.

pub(super) mod credential;
pub(super) mod role;
pub(super) mod rotation;
pub(super) mod scheduler;
pub(super) mod store;
