//! The simulated platforms' clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that starts from real time and can be advanced.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    started_at: Timestamp,
    advanced: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the simulated clock starts from real time")]
    pub fn new() -> Self {
        Self { started: Instant::now(), started_at: Timestamp::now(), advanced: Duration::ZERO }
    }

    /// Returns the simulated time since the start.
    pub fn now(&self) -> Duration {
        self.started.elapsed().saturating_add(self.advanced)
    }

    /// Advances the clock.
    pub fn advance(&mut self, time: Duration) {
        self.advanced = self.advanced.saturating_add(time);
    }

    /// Converts a time of this clock to a date, at most the latest representable one.
    pub fn date(&self, moment: Duration) -> Timestamp {
        let moment = SignedDuration::try_from(moment).unwrap_or(SignedDuration::MAX);
        self.started_at.saturating_add(moment).unwrap_or(Timestamp::MAX)
    }
}
