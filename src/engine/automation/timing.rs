//! When an automated rotation is due.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::last_error::LastError;
use super::plan::{Pace, earlier, later, next_date};

/// The maximum jitter, as a fraction of the period, so that rotations that began together drift apart.
const SPREAD: f64 = 0.1;
/// The maximum jitter of the first rotation: roles are often written together.
const FIRST_SPREAD: f64 = 0.5;
/// The fraction of a token's life after which it is rotated, even if the pace is slower.
const LIFE: f64 = 0.75;
/// The wait after the first failure. It doubles with each further failure.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The clock skew allowed between the nodes of a cluster.
const CLOCK_SKEW: Duration = Duration::from_secs(120);
/// The dates of a schedule are whole seconds.
const RESOLUTION: Duration = Duration::from_secs(1);
/// The maximum jitter, as a fraction of the wait.
const WAIT_SPREAD: f64 = 0.25;

/// The inputs of the next rotation.
#[derive(Clone, Debug)]
pub(crate) struct RotationTiming<'a> {
    /// When rotations are wanted.
    pub(crate) pace: Pace,
    /// The last rotation; `None` where there was none, or its result does not match the settings.
    pub(crate) last: Option<LastRotation<'a>>,
    /// Whether a staged version waits for its promotion.
    pub(crate) is_pending: bool,
    /// Why the last rotation failed; `None` after a success.
    pub(crate) failed: Option<&'a LastError>,
    /// The present time. Later timestamps come from another node's clock.
    pub(crate) now: Timestamp,
}

/// The last successful rotation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastRotation<'a> {
    /// The seed of the jitter: the version id of a credential.
    pub(crate) seed: &'a str,
    /// Whether it made the first version.
    pub(crate) is_first: bool,
    pub(crate) at: Timestamp,
    /// When the token expires; `None` for a client secret, which does not.
    pub(crate) expires_at: Option<Timestamp>,
}

/// When the rotation is due: the epoch if it is overdue or unfinished, `None` without automated rotation.
pub(crate) fn due(timing: &RotationTiming<'_>) -> Option<Timestamp> {
    let latest = later(timing.now, CLOCK_SKEW);
    let failed = timing.failed.filter(|failed| failed.at <= latest);
    let jitter = jitter(timing.last.map_or("", |last| last.seed));
    let retry = failed.map(|failed| later(failed.at, wait(failed.failures).mul_f64(1.0 - WAIT_SPREAD * jitter)));
    let retry = retry.unwrap_or(Timestamp::UNIX_EPOCH);
    if timing.failed.is_some_and(|failed| failed.is_requested) {
        return Some(retry);
    }
    if matches!(timing.pace, Pace::Never) {
        return None;
    }
    let finished = timing.last.filter(|last| !timing.is_pending && last.at <= latest);
    let Some(last) = finished else { return Some(retry) };
    // A schedule's first date is not moved: half of the token's life may end before it.
    let is_spread = last.is_first && matches!(timing.pace, Pace::Every(_));
    let early = jitter * if is_spread { FIRST_SPREAD } else { SPREAD };
    let by_pace = by_pace(&timing.pace, &last, early, timing.now, retry);
    let by_life = last.expires_at.map(|end| by_life(&last, end, early).max(retry));
    Some(by_life.map_or(by_pace, |by_life| by_life.min(by_pace)))
}

/// When the pace wants a rotation, but not before `retry`. A schedule whose window has passed waits for its next date.
fn by_pace(pace: &Pace, last: &LastRotation<'_>, early: f64, now: Timestamp, retry: Timestamp) -> Timestamp {
    match pace {
        Pace::Never => Timestamp::MAX,
        Pace::Every(period) => later(last.at, period.saturating_sub(period.mul_f64(early))).max(retry),
        Pace::At { schedule, window } => {
            // A date counts until its window has passed.
            let passed = window.map_or(Timestamp::MIN, |window| earlier(retry.max(now), window + RESOLUTION));
            next_date(schedule, last.at.max(passed)).unwrap_or(Timestamp::MAX).max(retry)
        }
    }
}

fn by_life(last: &LastRotation<'_>, expires_at: Timestamp, early: f64) -> Timestamp {
    let life = Duration::try_from(expires_at.duration_since(last.at)).unwrap_or_default();
    later(last.at, life.mul_f64(LIFE * (1.0 - early)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::automation::last_error::Cause;
    use crate::rotation::{ErrorKind, RotationError};

    const FIRST: &str = "00000000-0000-4000-8000-000000000000";
    const MIDDLE: &str = "80000000-0000-4000-8000-000000000000";
    const LAST: &str = "ffffffff-0000-4000-8000-000000000000";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn failure((second, failures): (i64, u32)) -> LastError {
        let error = RotationError::new(ErrorKind::PlatformUnavailable, "down");
        LastError { failures, ..LastError::after(None, &error, Cause::Due, at(second)) }
    }

    fn last(seed: &str, life: i64) -> LastRotation<'_> {
        LastRotation { seed, is_first: false, at: at(100_000), expires_at: Some(at(100_000 + life)) }
    }

    fn seconds(timing: &RotationTiming<'_>) -> i64 {
        due(timing).expect("automated rotation").as_second()
    }

    /// The due time of a role whose token was issued at 100,000 s.
    fn due_at(version: &str, period: u64, life: i64, failed: Option<(i64, u32)>) -> i64 {
        let last = last(version, life);
        let failed = failed.map(failure);
        let pace = Pace::Every(Duration::from_secs(period));
        seconds(&RotationTiming { pace, last: Some(last), failed: failed.as_ref(), ..fresh() })
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
            (LAST, 86_400, 86_400, 158_320),
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
        assert_eq!(seconds(&fresh()), 0);
        let failure = failure((5_000, 2));
        let failed = Some(&failure);
        assert_eq!(seconds(&RotationTiming { failed, ..fresh() }), 5_020, "unless it has just failed");
        let pending = RotationTiming { last: Some(last(FIRST, 86_400)), is_pending: true, ..fresh() };
        assert_eq!(seconds(&pending), 0);
        assert_eq!(seconds(&RotationTiming { failed, ..pending }), 5_020);
    }

    #[test]
    fn timestamps_in_the_future_do_not_delay_a_rotation() {
        assert_eq!(due_at(FIRST, 3_600, 86_400, Some((9_000_000, 9))), 103_600, "as without the failure");
        assert_eq!(due_at(FIRST, 3_600, 86_400, Some((300_100, 1))), 300_110, "within the clock skew");
        let ahead = LastRotation { at: at(9_000_000), expires_at: Some(at(9_086_400)), ..last(FIRST, 0) };
        assert_eq!(seconds(&RotationTiming { last: Some(ahead), ..fresh() }), 0);
        let near = LastRotation { at: at(300_100), expires_at: Some(at(386_500)), ..ahead };
        assert_eq!(seconds(&RotationTiming { last: Some(near), ..fresh() }), 303_700);
    }

    fn fresh() -> RotationTiming<'static> {
        let pace = Pace::Every(Duration::from_secs(3_600));
        RotationTiming { pace, last: None, is_pending: false, failed: None, now: at(300_000) }
    }

    #[test]
    fn the_first_rotations_of_roles_that_were_written_together_are_spread_over_half_of_the_time() {
        for (seed, expected) in [(FIRST, 164_800), (MIDDLE, 148_600), (LAST, 132_400)] {
            let last = LastRotation { is_first: true, ..last(seed, 86_400) };
            let pace = Pace::Every(Duration::from_secs(7 * 86_400));
            assert_eq!(seconds(&RotationTiming { pace, last: Some(last), ..fresh() }), expected, "{seed}");
        }
    }

    #[test]
    fn nothing_is_due_without_automated_rotation() {
        let pending = RotationTiming { pace: Pace::Never, last: Some(last(FIRST, 60)), is_pending: true, ..fresh() };
        assert_eq!(due(&pending), None);
    }

    #[test]
    fn a_requested_rotation_that_failed_is_retried_whatever_the_plan() {
        let failure = LastError { is_requested: true, ..failure((300_000, 1)) };
        for pace in [Pace::Never, Pace::Every(Duration::from_secs(3 * 86_400))] {
            let timing = RotationTiming { pace, last: Some(last(FIRST, 86_400)), failed: Some(&failure), ..fresh() };
            assert_eq!(due(&timing), Some(at(300_010)), "{:?}", timing.pace);
        }
    }

    /// A schedule at each hour. The last rotation was at 03:46:40, and its token lives for `life` seconds.
    fn hourly(window: Option<u64>, life: i64, failed: Option<(i64, u32)>, now: i64) -> i64 {
        let schedule = Box::new("0 * * * *".parse().expect("a schedule"));
        let pace = Pace::At { schedule, window: window.map(Duration::from_secs) };
        let failed = failed.map(failure);
        let last = Some(last(FIRST, life));
        seconds(&RotationTiming { pace, last, failed: failed.as_ref(), now: at(now), ..fresh() })
    }

    #[test]
    fn a_schedule_is_due_at_its_next_date_and_after_its_window_at_the_next_one() {
        const FOUR: i64 = 100_800;
        const DAY: i64 = 86_400;
        for (window, failed, now, expected) in [
            (None, None, FOUR - 100, FOUR),
            (None, None, FOUR + 9_000, FOUR),
            (Some(3_000), None, FOUR + 3_000, FOUR),
            (Some(3_000), None, FOUR + 3_001, FOUR + 3_600),
            (Some(3_000), None, FOUR + 3_601, FOUR + 3_600),
            (Some(3_000), None, FOUR + 6_601, FOUR + 7_200),
            (Some(7_200), None, FOUR + 7_201, FOUR + 3_600),
            (Some(3_000), Some((FOUR + 3_602, 1)), FOUR + 3_605, FOUR + 3_612),
            (Some(3_000), Some((FOUR + 100, 1)), FOUR + 105, FOUR + 110),
            (Some(3_000), Some((FOUR + 2_995, 1)), FOUR + 2_999, FOUR + 3_600),
            (None, Some((FOUR + 2_995, 1)), FOUR + 2_999, FOUR + 3_005),
        ] {
            assert_eq!(hourly(window, DAY, failed, now), expected, "{window:?} {failed:?} {now}");
        }
        assert_eq!(hourly(Some(3_600), 400, None, 100_000), 100_300, "a token is rotated before it expires");
        assert_eq!(hourly(Some(3_600), 400, Some((100_310, 1)), 100_311), 100_320, "also outside of the window");
    }

    #[test]
    fn the_spread_of_first_rotations_moves_no_date_of_a_schedule() {
        // Three quarters of the token's life are 1,000 s; the next date is 800 s away.
        let first = LastRotation { is_first: true, ..last(LAST, 1_334) };
        let pace = Pace::At { schedule: Box::new("0 * * * *".parse().expect("a schedule")), window: None };
        let timing = RotationTiming { pace, last: Some(first), is_pending: false, failed: None, now: at(100_000) };
        assert_eq!(due(&timing), Some(at(100_800)));
    }
}
