//! The service's clock, and dates in answers.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A monotonic clock that starts from real time and can be advanced.
#[derive(Clone, Debug)]
pub(super) struct ServiceClock {
    origin: Timestamp,
    started: Instant,
    added: Duration,
}

impl ServiceClock {
    #[expect(clippy::disallowed_methods, reason = "the simulated clock starts from real time")]
    pub(super) fn new() -> Self {
        Self { origin: Timestamp::now(), started: Instant::now(), added: Duration::ZERO }
    }

    pub(super) fn now(&self) -> Timestamp {
        later(self.origin, self.started.elapsed() + self.added)
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.added += by;
    }
}

/// Adds a duration, up to the latest representable time.
pub(super) fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// Epoch seconds with a fraction, as AWS JSON 1.1 writes a timestamp.
pub(super) fn epoch_seconds(time: Timestamp) -> Value {
    // Milliseconds since 1970 are below 2^53, so the conversion is exact.
    #[allow(clippy::cast_precision_loss)]
    let seconds = time.as_millisecond() as f64 / 1000.0;
    json!(seconds)
}
