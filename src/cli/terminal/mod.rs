//! The terminal: streams, styles, tables, times, signals. Knows no command.

#[cfg(feature = "cli")]
pub(super) mod confirmation;
pub(super) mod fingerprint;
pub(super) mod human_time;
pub(super) mod output;
pub(super) mod printable;
#[cfg(feature = "cli")]
pub(super) mod prompt;
#[cfg(feature = "cli")]
pub(super) mod signals;
pub(super) mod style;
#[cfg(feature = "cli")]
pub(super) mod table;
