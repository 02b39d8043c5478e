//! When a static role is due to be rotated.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// The maximum jitter, as a fraction of the period, so that roles written together are not rotated together.
const SPREAD: f64 = 0.1;
/// The fraction of a token's life after which it is rotated, even if the period is longer.
const LIFE: f64 = 0.75;
/// The wait after the first failure. It doubles with each further failure.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The clock skew allowed between the nodes of a cluster.
const CLOCK_SKEW: Duration = Duration::from_secs(120);
/// The maximum jitter, as a fraction of the wait.
const WAIT_SPREAD: f64 = 0.25;

/// The inputs of a role's next rotation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RotationTiming<'a> {
    /// The rotation period.
    pub(crate) period: Duration,
    /// The current credential; `None` where there is none, or it was minted with other settings than the role's.
    pub(crate) credential: Option<CredentialAge<'a>>,
    /// Whether a staged version waits for its promotion.
    pub(crate) is_pending: bool,
    /// The time of the last failure, and the number of failures in a row.
    pub(crate) failed: Option<(Timestamp, u32)>,
    /// The present time. Later timestamps come from another node's clock.
    pub(crate) now: Timestamp,
}

/// The version, issue and expiry of a credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CredentialAge<'a> {
    /// The version id, which is the seed of the jitter.
    pub(crate) version: &'a str,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// The time when a role is due; the epoch for a rotation that is overdue or unfinished.
pub(crate) fn due(timing: &RotationTiming<'_>) -> Timestamp {
    let latest = later(timing.now, CLOCK_SKEW);
    let finished = timing.credential.filter(|age| !timing.is_pending && age.issued_at <= latest);
    let by_age = finished.map_or(Timestamp::UNIX_EPOCH, |age| by_age(timing.period, &age));
    let Some((at, failures)) = timing.failed else { return by_age };
    let jitter = jitter(timing.credential.map_or("", |age| age.version));
    by_age.max(later(at.min(timing.now), wait(failures).mul_f64(1.0 - WAIT_SPREAD * jitter)))
}

fn by_age(period: Duration, age: &CredentialAge<'_>) -> Timestamp {
    let life = Duration::try_from(age.expires_at.duration_since(age.issued_at)).unwrap_or_default();
    let by_period = period.saturating_sub(period.mul_f64(SPREAD * jitter(age.version)));
    later(age.issued_at, by_period.min(life.mul_f64(LIFE)))
}

/// The maximum wait after a number of failures in a row.
fn wait(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}

/// A number in 0..1, derived from the random bits of a version id, so that it is stable for each version.
fn jitter(version: &str) -> f64 {
    let seed = Uuid::parse_str(version).map_or(0, |id| (id.as_u128() >> 96) as u32);
    f64::from(seed) / (f64::from(u32::MAX) + 1.0)
}

fn later(from: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    from.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "00000000-0000-4000-8000-000000000000";
    const MIDDLE: &str = "80000000-0000-4000-8000-000000000000";
    const LAST: &str = "ffffffff-0000-4000-8000-000000000000";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// The due time of a role whose token was issued at 100,000 s.
    fn due_at(version: &str, period: u64, life: i64, failed: Option<(i64, u32)>) -> i64 {
        let age = CredentialAge { version, issued_at: at(100_000), expires_at: at(100_000 + life) };
        let failed = failed.map(|(second, failures)| (at(second), failures));
        let period = Duration::from_secs(period);
        due(&RotationTiming { period, credential: Some(age), is_pending: false, failed, now: at(300_000) }).as_second()
    }

    #[test]
    fn a_role_is_due_after_its_period_and_always_before_its_token_expires() {
        for (version, period, life, expected) in [
            (FIRST, 3_600, 86_400, 103_600),
            (MIDDLE, 3_600, 86_400, 103_420),
            (LAST, 3_600, 86_400, 103_240),
            // A version id that is not a UUID has no jitter.
            ("kv-version-1", 3_600, 86_400, 103_600),
            (FIRST, 86_400, 86_400, 164_800),
            (LAST, 86_400, 86_400, 164_800),
            (FIRST, 3_600, 60, 100_045),
            (FIRST, u64::MAX, 86_400, 164_800),
            // A lifetime of zero or less is due at once.
            (FIRST, 3_600, 0, 100_000),
            (FIRST, 3_600, -60, 100_000),
        ] {
            assert_eq!(due_at(version, period, life, None), expected, "{version} {period} {life}");
        }
    }

    #[test]
    fn a_failed_rotation_is_retried_after_a_growing_wait() {
        for (failures, wait) in [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 300), (7, 300), (u32::MAX, 300)] {
            assert_eq!(due_at(FIRST, 3_600, 86_400, Some((200_000, failures))), 200_000 + wait, "{failures}");
        }
        assert_eq!(due_at(MIDDLE, 3_600, 86_400, Some((200_000, 3))), 200_035, "an eighth less");
        assert_eq!(due_at(FIRST, 3_600, 86_400, Some((100_010, 9))), 103_600, "no sooner than without the failure");
    }

    #[test]
    fn a_role_without_a_matching_credential_or_with_an_unfinished_rotation_is_due_at_once() {
        let timing = fresh();
        assert_eq!(due(&timing), Timestamp::UNIX_EPOCH);
        let failed = RotationTiming { failed: Some((at(5_000), 2)), ..timing };
        assert_eq!(due(&failed), at(5_020), "unless it has just failed");
        let age = CredentialAge { version: FIRST, issued_at: at(4_000), expires_at: at(90_000) };
        let pending = RotationTiming { credential: Some(age), is_pending: true, ..timing };
        assert_eq!(due(&pending), Timestamp::UNIX_EPOCH);
        assert_eq!(due(&RotationTiming { failed: failed.failed, ..pending }), at(5_020));
    }

    #[test]
    fn timestamps_in_the_future_do_not_delay_a_rotation() {
        assert_eq!(due_at(FIRST, 3_600, 86_400, Some((9_000_000, 9))), 300_300, "the longest wait from now");
        let ahead = CredentialAge { version: FIRST, issued_at: at(9_000_000), expires_at: at(9_086_400) };
        assert_eq!(due(&RotationTiming { credential: Some(ahead), ..fresh() }), Timestamp::UNIX_EPOCH);
        let near = CredentialAge { issued_at: at(300_100), expires_at: at(386_500), ..ahead };
        assert_eq!(due(&RotationTiming { credential: Some(near), ..fresh() }), at(303_700));
    }

    fn fresh() -> RotationTiming<'static> {
        let period = Duration::from_secs(3_600);
        RotationTiming { period, credential: None, is_pending: false, failed: None, now: at(300_000) }
    }
}
