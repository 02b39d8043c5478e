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
