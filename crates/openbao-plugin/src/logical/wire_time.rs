//! Durations on the wire: nanoseconds.

use std::time::Duration;

/// Reads a duration. A negative one counts as zero.
pub(crate) fn duration(nanoseconds: i64) -> Duration {
    Duration::from_nanos(nanoseconds.try_into().unwrap_or(0))
}

/// Writes a duration, at most `i64::MAX` nanoseconds.
pub(crate) fn nanoseconds(duration: Duration) -> i64 {
    duration.as_nanos().try_into().unwrap_or(i64::MAX)
}
