//! The condition of a secret: one word for tables, pages and monitoring.

use std::time::Duration;

use jiff::Timestamp;
use strum::{IntoStaticStr, VariantArray};

use super::state::{Status, TokenStatus};
use crate::cli::terminal::style::Colour;

/// How long a rotation may take before it counts as failing: Secrets Manager retries one within this time.
const LONGEST_ROTATION: Duration = Duration::from_secs(15 * 60);

/// The condition of a secret, the most urgent one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Condition {
    /// The secret or its value cannot be read.
    Unreadable,
    /// The token has expired.
    Expired,
    /// A rotation began or was due more than 15 minutes ago, and was not promoted.
    Failing,
    /// The token expires before the next rotation.
    ExpiresFirst,
    /// Rotation is disabled, for example because it was cancelled.
    Cancelled,
    /// No rotation has stored a token yet.
    NoToken,
    /// The expiry cannot be read.
    Unknown,
    /// The token is valid until after the next rotation, or no schedule is known.
    Ok,
}

impl Condition {
    /// The stable name in JSON output and in metrics.
    pub(super) fn name(self) -> &'static str {
        self.into()
    }

    pub(super) fn colour(self) -> Option<Colour> {
        match self {
            Self::Unreadable | Self::Expired | Self::Failing => Some(Colour::Red),
            Self::ExpiresFirst | Self::Cancelled | Self::NoToken | Self::Unknown => Some(Colour::Yellow),
            Self::Ok => None,
        }
    }
}

impl Status {
    pub(super) fn condition(&self, now: Timestamp) -> Condition {
        let next = self.described.as_ref().and_then(|described| described.next_rotation);
        let expires_at = self.expires_at();
        let is_cancelled = self.described.as_ref().is_some_and(|described| described.rotation_enabled == Some(false));
        match self.token {
            _ if self.error.is_some() => Condition::Unreadable,
            _ if expires_at.is_some_and(|expires_at| expires_at <= now) => Condition::Expired,
            _ if self.failing_for(now).is_some() => Condition::Failing,
            _ if expires_at.zip(next).is_some_and(|(expires_at, next)| expires_at < next) => Condition::ExpiresFirst,
            _ if is_cancelled => Condition::Cancelled,
            TokenStatus::Missing => Condition::NoToken,
            TokenStatus::Stored { expires_at: Some(_), .. } => Condition::Ok,
            _ => Condition::Unknown,
        }
    }

    /// When the token expires, as far as that is known.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        match self.token {
            TokenStatus::Stored { expires_at, .. } => expires_at,
            _ => None,
        }
    }

    /// How long a rotation has been failing, if one is: since it began, or since it was due. Secrets Manager names a date in the
    /// past while rotations fail (API reference, `DescribeSecret`, `NextRotationDate`).
    pub(super) fn failing_for(&self, now: Timestamp) -> Option<Duration> {
        let described = self.described.as_ref().filter(|described| described.rotation_enabled != Some(false))?;
        let since = self.pending_since.into_iter().chain(described.next_rotation).min()?;
        let age = Duration::try_from(now.duration_since(since)).ok()?;
        (age > LONGEST_ROTATION).then_some(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::rows::tests::{moment, status};
    use crate::rotation::{Description, ErrorKind, RotationError};

    #[test]
    fn the_most_urgent_condition_counts() {
        let now = moment("2026-01-02T06:00:00Z");
        let stored = |expires_at: &str| TokenStatus::Stored { issued_at: None, expires_at: Some(moment(expires_at)) };
        let good = || status(stored("2026-01-03T03:04:04Z"));
        let described = |change: fn(&mut Description)| {
            let mut status = good();
            change(status.described.as_mut().expect("described"));
            status
        };
        let error = RotationError::new(ErrorKind::StoreDenied, "denied");
        for (status, condition) in [
            (good(), Condition::Ok),
            (Status { error: Some(error), ..good() }, Condition::Unreadable),
            (status(stored("2026-01-02T06:00:00Z")), Condition::Expired),
            (Status { pending_since: Some(moment("2026-01-02T05:44:00Z")), ..good() }, Condition::Failing),
            (Status { pending_since: Some(moment("2026-01-02T05:46:00Z")), ..good() }, Condition::Ok),
            (described(|described| described.next_rotation = Some(moment("2026-01-02T05:44:00Z"))), Condition::Failing),
            (described(|described| described.next_rotation = Some(moment("2026-01-02T05:46:00Z"))), Condition::Ok),
            (status(stored("2026-01-02T07:59:00Z")), Condition::ExpiresFirst),
            (described(|described| described.rotation_enabled = Some(false)), Condition::Cancelled),
            (status(TokenStatus::Missing), Condition::NoToken),
            (status(TokenStatus::NotPermitted), Condition::Unknown),
            (status(TokenStatus::Stored { issued_at: None, expires_at: None }), Condition::Unknown),
        ] {
            assert_eq!(status.condition(now), condition);
        }
        assert!(Condition::VARIANTS.is_sorted());
    }
}
