//! When a static role is due to be rotated.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// The part of the period by which roles are spread at most, so that those written together are not rotated together.
const SPREAD: f64 = 0.1;
/// The part of a token's life after which it is replaced, however long the period is.
const LIFE: f64 = 0.75;
/// The wait after the first failure. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// By how much the clocks of a cluster may differ.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(120);
/// The part of a wait that is left to chance.
const WAIT_SPREAD: f64 = 0.25;

/// What a role's next rotation depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing<'a> {
    /// How often it is to be rotated.
    pub(crate) period: Duration,
    /// The credential that readers get; `None` where there is none, or it follows from other settings than the role's.
    pub(crate) credential: Option<Age<'a>>,
    /// Whether a rotation was begun and has not come to its end.
    pub(crate) is_begun: bool,
    /// When the last attempt failed, and how many did in a row.
    pub(crate) failed: Option<(Timestamp, u32)>,
    /// What time it is. What is said to have happened later was written by another clock.
    pub(crate) now: Timestamp,
}

/// How old a credential is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age<'a> {
    /// Its version, out of which chance is drawn: nothing has to be stored for that.
    pub(crate) version: &'a str,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// When a role is due. What should have been rotated long ago is due since the epoch.
pub(crate) fn due(timing: &Timing<'_>) -> Timestamp {
    let latest = later(timing.now, CLOCK_DIFFERENCE);
    let finished = timing.credential.filter(|age| !timing.is_begun && age.issued_at <= latest);
    let by_age = finished.map_or(Timestamp::UNIX_EPOCH, |age| by_age(timing.period, &age));
    let Some((at, failures)) = timing.failed else { return by_age };
    let chance = chance(timing.credential.map_or("", |age| age.version));
    by_age.max(later(at.min(timing.now), wait(failures).mul_f64(1.0 - WAIT_SPREAD * chance)))
}

fn by_age(period: Duration, age: &Age<'_>) -> Timestamp {
    let life = Duration::try_from(age.expires_at.duration_since(age.issued_at)).unwrap_or_default();
    let by_period = period.saturating_sub(period.mul_f64(SPREAD * chance(age.version)));
    later(age.issued_at, by_period.min(life.mul_f64(LIFE)))
}

/// The bound of the wait after so many failures in a row.
fn wait(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}

/// A number from 0 up to 1 that is the same each time it is asked for. The first half of a random id is random.
fn chance(version: &str) -> f64 {
    let drawn = Uuid::parse_str(version).map_or(0, |id| (id.as_u128() >> 96) as u32);
    f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
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

    /// When a role is due whose token was made at 100,000.
    fn due_at(version: &str, period: u64, life: i64, failed: Option<(i64, u32)>) -> i64 {
        let age = Age { version, issued_at: at(100_000), expires_at: at(100_000 + life) };
        let failed = failed.map(|(second, failures)| (at(second), failures));
        let period = Duration::from_secs(period);
        due(&Timing { period, credential: Some(age), is_begun: false, failed, now: at(300_000) }).as_second()
    }

    #[test]
    fn a_role_is_due_by_its_period_and_always_before_its_token_expires() {
        for (version, period, life, expected) in [
            (FIRST, 3_600, 86_400, 103_600),
            (MIDDLE, 3_600, 86_400, 103_420),
            (LAST, 3_600, 86_400, 103_240),
            // A version that is no uuid was made by nobody here.
            ("kv-version-1", 3_600, 86_400, 103_600),
            (FIRST, 86_400, 86_400, 164_800),
            (LAST, 86_400, 86_400, 164_800),
            (FIRST, 3_600, 60, 100_045),
            (FIRST, u64::MAX, 86_400, 164_800),
            // Times that make no sense ask for a new token.
            (FIRST, 3_600, 0, 100_000),
            (FIRST, 3_600, -60, 100_000),
        ] {
            assert_eq!(due_at(version, period, life, None), expected, "{version} {period} {life}");
        }
    }

    #[test]
    fn what_failed_is_tried_again_after_a_wait_that_grows() {
        for (failures, wait) in [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 300), (7, 300), (u32::MAX, 300)] {
            assert_eq!(due_at(FIRST, 3_600, 86_400, Some((200_000, failures))), 200_000 + wait, "{failures}");
        }
        assert_eq!(due_at(MIDDLE, 3_600, 86_400, Some((200_000, 3))), 200_035, "an eighth less");
        assert_eq!(due_at(FIRST, 3_600, 86_400, Some((100_010, 9))), 103_600, "not sooner than without the failure");
    }

    #[test]
    fn a_role_without_a_credential_of_its_own_is_due_at_once_and_so_is_one_whose_rotation_was_cut_short() {
        let timing = fresh();
        assert_eq!(due(&timing), Timestamp::UNIX_EPOCH);
        let failed = Timing { failed: Some((at(5_000), 2)), ..timing };
        assert_eq!(due(&failed), at(5_020), "unless it failed just now");
        let age = Age { version: FIRST, issued_at: at(4_000), expires_at: at(90_000) };
        let begun = Timing { credential: Some(age), is_begun: true, ..timing };
        assert_eq!(due(&begun), Timestamp::UNIX_EPOCH);
        assert_eq!(due(&Timing { failed: failed.failed, ..begun }), at(5_020));
    }

    #[test]
    fn what_a_clock_ahead_of_this_one_wrote_holds_nothing_up() {
        assert_eq!(due_at(FIRST, 3_600, 86_400, Some((9_000_000, 9))), 300_300, "the longest wait from now");
        let ahead = Age { version: FIRST, issued_at: at(9_000_000), expires_at: at(9_086_400) };
        assert_eq!(due(&Timing { credential: Some(ahead), ..fresh() }), Timestamp::UNIX_EPOCH);
        let near = Age { issued_at: at(300_100), expires_at: at(386_500), ..ahead };
        assert_eq!(due(&Timing { credential: Some(near), ..fresh() }), at(303_700));
    }

    fn fresh() -> Timing<'static> {
        let period = Duration::from_secs(3_600);
        Timing { period, credential: None, is_begun: false, failed: None, now: at(300_000) }
    }
}
