//! The terminal: streams, styles, tables, times, signals. Knows no command.

pub(super) mod confirmation;
pub(super) mod fingerprint;
pub(super) mod human_time;
pub(super) mod output;
pub(super) mod printable;
pub(super) mod prompt;
pub(super) mod signals;
pub(super) mod style;
pub(super) mod table;
