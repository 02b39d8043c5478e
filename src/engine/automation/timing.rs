//! When an automated rotation is due.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::plan::{Pace, later, next_date};

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
    /// The time of the last failure, and the number of failures in a row.
    pub(crate) failed: Option<(Timestamp, u32)>,
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
    if matches!(timing.pace, Pace::Never) {
        return None;
    }
    let latest = later(timing.now, CLOCK_SKEW);
    let finished = timing.last.filter(|last| !timing.is_pending && last.at <= latest);
    let jitter = jitter(timing.last.map_or("", |last| last.seed));
    let retry = timing
        .failed
        .map(|(at, failures)| later(at.min(timing.now), wait(failures).mul_f64(1.0 - WAIT_SPREAD * jitter)));
    let retry = retry.unwrap_or(Timestamp::UNIX_EPOCH);
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
            let date = next_date(schedule, last.at).unwrap_or(Timestamp::MAX);
            let earliest = retry.max(now);
            match window {
                Some(window) if later(date, *window) < earliest => {
                    next_date(schedule, earliest).unwrap_or(Timestamp::MAX)
                }
                _ => date.max(retry),
            }
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

    const FIRST: &str = "00000000-0000-4000-8000-000000000000";
    const MIDDLE: &str = "80000000-0000-4000-8000-000000000000";
    const LAST: &str = "ffffffff-0000-4000-8000-000000000000";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
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
        let failed = failed.map(|(second, failures)| (at(second), failures));
        let pace = Pace::Every(Duration::from_secs(period));
        seconds(&RotationTiming { pace, last: Some(last), failed, ..fresh() })
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
        let failed = Some((at(5_000), 2));
        assert_eq!(seconds(&RotationTiming { failed, ..fresh() }), 5_020, "unless it has just failed");
        let pending = RotationTiming { last: Some(last(FIRST, 86_400)), is_pending: true, ..fresh() };
        assert_eq!(seconds(&pending), 0);
        assert_eq!(seconds(&RotationTiming { failed, ..pending }), 5_020);
    }

    #[test]
    fn timestamps_in_the_future_do_not_delay_a_rotation() {
        assert_eq!(due_at(FIRST, 3_600, 86_400, Some((9_000_000, 9))), 300_300, "the longest wait from now");
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

    /// A schedule at each hour. The last rotation was at 03:46:40, and its token lives for `life` seconds.
    fn hourly(window: Option<u64>, life: i64, failed: Option<(i64, u32)>, now: i64) -> i64 {
        let schedule = Box::new("0 * * * *".parse().expect("a schedule"));
        let pace = Pace::At { schedule, window: window.map(Duration::from_secs) };
        let failed = failed.map(|(second, failures)| (at(second), failures));
        let now = at(now);
        seconds(&RotationTiming { pace, last: Some(last(FIRST, life)), failed, now, ..fresh() })
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
