//! The remaining lifetime of a token, and the lifetime that the schedule needs.

use std::time::Duration;

use jiff::Timestamp;

use super::fields::Document;
use crate::rotation::credentials::platform_name::PlatformName;

/// The remaining lifetime of a token, and the lifetime that the schedule needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLife {
    /// When the token expires.
    pub expires_at: Timestamp,
    /// The remaining lifetime; zero after expiry.
    pub left: Duration,
    /// The longest time to the end of the next rotation, if there is a schedule.
    pub needed: Option<Duration>,
    /// Whether the platform alone decides the lifetime, so that no setting can extend it.
    pub is_fixed: bool,
}

impl TokenLife {
    /// Returns the life at `now` of a token that expires at `expires_at`.
    pub fn seen(expires_at: Timestamp, now: Timestamp, needed: Option<Duration>) -> Self {
        let left = Duration::try_from(expires_at.duration_since(now)).unwrap_or_default();
        Self { expires_at, left, needed, is_fixed: false }
    }

    /// Returns the life at `now` of a document's token; `None` if the document has no time of expiry.
    pub fn of(document: &Document, now: Timestamp, needed: Option<Duration>) -> Option<Self> {
        let is_fixed = document.platform().is_ok_and(|platform| platform == PlatformName::Cxone.name());
        Some(Self { is_fixed, ..Self::seen(document.expires_at()?, now, needed) })
    }

    /// Returns whether the token may expire before the next rotation replaces it.
    pub fn ends_before_next_rotation(&self) -> bool {
        self.needed.is_some_and(|needed| self.left < needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_life_compares_what_is_left_with_what_the_schedule_needs() {
        let life = |document: &str, needed| {
            let document = Document::parse(&document.into()).expect("a document");
            let now = "2026-01-02T00:00:00Z".parse().expect("a time");
            TokenLife::of(&document, now, Some(Duration::from_secs(needed)))
        };
        let genesys = r#"{"expires_at": "2026-01-02T01:00:00Z"}"#;
        let cxone = r#"{"platform": "nice-cxone", "expires_at": "2026-01-02T01:00:00Z"}"#;
        let (hour, fixed) =
            (life(genesys, 3600).expect("a time of expiry"), life(cxone, 3601).expect("a time of expiry"));
        assert_eq!((hour.left, hour.is_fixed, fixed.is_fixed), (Duration::from_secs(3600), false, true));
        assert!(!hour.ends_before_next_rotation() && fixed.ends_before_next_rotation());
        assert_eq!(life(r#"{"expires_at": "2026-01-01T00:00:00Z"}"#, 1).map(|life| life.left), Some(Duration::ZERO));
        assert_eq!(life("{}", 1), None);
    }
}
