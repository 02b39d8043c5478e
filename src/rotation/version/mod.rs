//! Versions, their labels, the preflight check, and the rotation schedule.

pub(crate) mod labels;
pub(crate) mod preflight;
pub(crate) mod schedule;
