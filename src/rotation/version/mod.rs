//! Versions and their labels, the check before each step, and the rotation schedule.

pub(crate) mod labels;
pub(crate) mod preflight;
pub(crate) mod schedule;
