//! Reads the idle time-out of tokens, without using them.

use std::time::Duration;

use jiff::Timestamp;

use super::current_token::CurrentToken;
use crate::rotation::credentials::place::Place;
use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::idle::{IdleEnd, KeepAlive};
use crate::rotation::tokens::retry::Deadline;
use crate::secret::SecretString;

/// Reads idle time-outs. The defaults are those of a platform without an idle time-out. Each method makes one attempt.
pub trait IdleTimeouts: Send + Sync {
    /// Returns when a token ends unless it is used before; `None` if the platform names no such time. This does not count
    /// as a use.
    ///
    /// # Errors
    /// `TokenRejected` if the token has ended, and other platform errors.
    fn idle_end(&self, _place: &Place, _token: &SecretString) -> impl Future<Output = Result<Option<IdleEnd>>> + Send {
        async { Ok(None) }
    }

    /// Returns the idle time-out of the organization, which may exempt tokens; `None` if it has none, or if the token may
    /// not read it.
    ///
    /// # Errors
    /// `TokenRejected` if the token has ended, and other platform errors.
    fn idle_timeout(
        &self,
        _place: &Place,
        _token: &SecretString,
    ) -> impl Future<Output = Result<Option<Duration>>> + Send {
        async { Ok(None) }
    }
}

/// The idle time-out of a secret's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleReport {
    /// The time after which a token that is not used ends.
    pub timeout: Duration,
    /// Whether the platform names such an end for the client's tokens. If not, the organization may exempt them.
    pub is_named: bool,
    /// The current token of the secret; `None` if there is none that has not expired, or its state is unknown.
    pub current: Option<CurrentIdle>,
}

/// The state of the current token in an organization with an idle time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrentIdle {
    /// It ends at this time, unless it is used before.
    EndsAt(Timestamp),
    /// The platform rejects it, although it has not expired.
    Ended,
}

impl<S: RotationStore, I: RotationPlatform + IdleTimeouts, C: Clock> Rotator<S, I, C> {
    /// Reads the idle time-out with a token that was just used, and the state of the document's token. Makes one attempt
    /// for each; a failure is no error of the check.
    pub(super) async fn idle_report(
        &self,
        place: &Place,
        fresh: &SecretString,
        document: &Document,
    ) -> Option<IdleReport> {
        let (end, setting) = tokio::join!(self.issuer.idle_end(place, fresh), self.issuer.idle_timeout(place, fresh));
        let unknown = |error: &RotationError| tracing::debug!("the idle time-out is not known: {error}");
        let end = end.inspect_err(unknown).ok().flatten();
        let setting = setting.inspect_err(unknown).ok().flatten();
        let timeout = setting.or_else(|| Some(to_half_minutes(end?.left(self.clock.now()))))?;
        let current = match document.access_token().ok().flatten() {
            Some(token) if end.is_some() && document.expires_at().is_none_or(|end| end > self.clock.now()) => {
                match self.issuer.idle_end(place, &token).await.inspect_err(unknown) {
                    Ok(end) => end.map(|end| CurrentIdle::EndsAt(end.at)),
                    Err(error) if error.kind() == ErrorKind::TokenRejected => Some(CurrentIdle::Ended),
                    Err(_) => None,
                }
            }
            _ => None,
        };
        Some(IdleReport { timeout, is_named: end.is_some(), current })
    }

    /// Returns when the token that readers get ends unless it is used before; `None` if the platform names no such time.
    /// This does not count as a use.
    ///
    /// # Errors
    /// `TokenRejected` if the token has ended; the place cannot be read; and other platform errors.
    pub async fn idles_at(&self, current: &CurrentToken, deadline: Deadline) -> Result<Option<IdleEnd>> {
        let place = self.place_of(current, deadline).await?;
        let look = || self.issuer.idle_end(&place, &current.access_token);
        self.retries.run("read when the token idles out", deadline, look).await
    }
}

/// Rounds a time that was measured with clocks of one second to the half minute.
fn to_half_minutes(time: Duration) -> Duration {
    Duration::from_secs((time.as_secs() + 15) / 30 * 30)
}

impl<S: RotationStore, I: RotationPlatform + KeepAlive, C: Clock> Rotator<S, I, C> {
    /// Uses the token that readers get, which restarts its idle time-out. Returns when it ends without another use; `None` if
    /// the platform names no such time.
    ///
    /// # Errors
    /// `TokenRejected` if the token has ended; the place cannot be read; and other platform errors.
    pub async fn keep_alive(&self, current: &CurrentToken, deadline: Deadline) -> Result<Option<IdleEnd>> {
        let place = self.place_of(current, deadline).await?;
        let keep_alive = || self.issuer.keep_alive(&place, &current.access_token);
        self.retries.run("keep the token alive", deadline, keep_alive).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_time_out_is_rounded_to_the_half_minute() {
        let rounded =
            [284, 285, 300, 314, 899, 901].map(|seconds| to_half_minutes(Duration::from_secs(seconds)).as_secs());
        assert_eq!(rounded, [270, 300, 300, 300, 900, 900]);
    }
}
