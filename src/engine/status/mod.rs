//! What monitoring reads: counters, and the state of static roles.

pub(super) mod openmetrics;
pub(super) mod summary;
