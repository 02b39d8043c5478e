//! What monitoring reads: counters, and the state of static roles.

mod openmetrics;
pub(super) mod summary;
