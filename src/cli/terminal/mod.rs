//! What people see: streams, styles, tables, times, signals.

pub(super) mod human_time;
pub(super) mod output;
pub(super) mod signals;
pub(super) mod style;
pub(super) mod table;
