//! Automated rotation: when a static role or a config is rotated next.

pub(super) mod last_error;
pub(super) mod plan;
pub(super) mod timing;
