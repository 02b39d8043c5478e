//! Rotation windows.

use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::clock::later;

pub(super) const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The time in which a scheduled rotation happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    start: Timestamp,
    seconds: u64,
}

impl Window {
    /// Creates a window, which ends with the UTC day of its start at the latest.
    pub(super) fn new(start: Timestamp, length: SignedDuration) -> Self {
        let left = DAY - start.duration_since(day_of(start));
        Self { start, seconds: length.min(left).as_secs().unsigned_abs() }
    }

    /// Its last second, on or before which the rotation happens.
    pub(super) fn last(&self) -> Timestamp {
        later(self.start, Duration::from_secs(self.seconds.saturating_sub(1)))
    }

    /// A random second of it.
    pub(super) fn any(&self, random: &mut Rng) -> Timestamp {
        later(self.start, Duration::from_secs(random.u64(..self.seconds.max(1))))
    }
}

/// Midnight of a time's UTC day.
pub(super) fn day_of(time: Timestamp) -> Timestamp {
    let day = DAY.as_secs();
    Timestamp::from_second(time.as_second().div_euclid(day) * day).unwrap_or(time)
}
