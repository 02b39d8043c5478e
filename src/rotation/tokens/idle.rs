//! The idle time-out of tokens: an organization may end tokens that are not used for some time.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

use crate::rotation::credentials::place::Place;
use crate::rotation::error::Result;
use crate::secret::SecretString;

/// When the platform ends a token, unless the token is used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleEnd {
    /// The time by the platform's clock.
    pub at: Timestamp,
    /// When the platform said so, by its clock; `None` if the answer had no date.
    pub said_at: Option<Timestamp>,
}

impl IdleEnd {
    /// Returns the time from the platform's answer to the end; zero if that has passed. `now` is the local time, which counts
    /// only if the answer had no date.
    pub fn left(&self, now: Timestamp) -> Duration {
        let left: SignedDuration = self.at.duration_since(self.said_at.unwrap_or(now));
        Duration::try_from(left).unwrap_or_default()
    }
}

/// Uses tokens, so that they do not idle out. The default is that of a platform without an idle time-out.
pub trait KeepAlive: Send + Sync {
    /// Uses a token, which restarts its idle time-out. Returns when the token ends without another use; `None` if the
    /// platform names no such time. Makes one attempt.
    ///
    /// # Errors
    /// `TokenRejected` if the token has ended; `IpNotAuthorized`, `RateLimited`, `PlatformUnavailable`.
    fn keep_alive(
        &self,
        _place: &Place,
        _token: &SecretString,
    ) -> impl Future<Output = Result<Option<IdleEnd>>> + Send {
        async { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_counts_by_the_clock_of_the_platform() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        for (said_at, now, left) in [(Some(1_000), 5_000, 900), (None, 1_300, 600), (Some(2_000), 1_000, 0)] {
            let end = IdleEnd { at: at(1_900), said_at: said_at.map(at) };
            assert_eq!(end.left(at(now)), Duration::from_secs(left), "{said_at:?} {now}");
        }
    }
}
