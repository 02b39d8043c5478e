//! The rotation schedule of a secret, and the longest gap between two rotations.

use std::time::Duration;

use croner::parser::{CronParser, Seconds};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The number of future dates of a cron schedule that are searched for the widest gap: more than a month of daily dates,
/// years of monthly ones.
const CRON_DATES: usize = 40;

/// A rotation schedule (Secrets Manager API reference, `RotationRulesType`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationRules {
    /// Days between rotations. With a schedule expression, Secrets Manager returns days that it calculated from it.
    pub automatically_after_days: Option<i64>,
    /// `rate(…)` or `cron(…)`. It decides if there are days as well.
    pub schedule_expression: Option<String>,
    /// The length of the window in which a rotation may start, such as `3h`.
    pub duration: Option<String>,
}

impl RotationRules {
    /// Returns the longest time from one rotation to the end of the next window; `None` without a schedule, or with a
    /// schedule of unknown form.
    ///
    /// The dates of a cron schedule are counted from `now`.
    pub fn longest_gap(&self, now: Timestamp) -> Option<Duration> {
        let interval = self.interval(now)?;
        let window = self.duration.as_deref().and_then(parse_window).unwrap_or_else(|| self.default_window(interval));
        Some(interval + window)
    }

    /// An hourly schedule has a window of one hour; the window of any other schedule ends with the UTC day
    /// (Secrets Manager user guide, "Rotation schedules").
    fn default_window(&self, interval: Duration) -> Duration {
        let in_hours = self.schedule_expression.as_deref().is_some_and(|expression| expression.contains("hour"));
        if in_hours || interval < DAY { HOUR } else { DAY }
    }

    fn interval(&self, now: Timestamp) -> Option<Duration> {
        let Some(expression) = self.schedule_expression.as_deref().map(str::trim) else {
            return DAY.checked_mul(u32::try_from(self.automatically_after_days?).ok()?);
        };
        if let Some(rate) = expression.strip_prefix("rate(") {
            return parse_rate(rate.strip_suffix(')')?);
        }
        widest_cron_gap(expression.strip_prefix("cron(")?.strip_suffix(')')?, now)
    }
}

fn parse_window(text: &str) -> Option<Duration> {
    HOUR.checked_mul(text.strip_suffix('h')?.parse().ok()?)
}

fn parse_rate(rate: &str) -> Option<Duration> {
    let (count, unit) = rate.trim().split_once(' ')?;
    let count: u32 = count.parse().ok()?;
    match unit.trim() {
        "hour" | "hours" => HOUR.checked_mul(count),
        "day" | "days" => DAY.checked_mul(count),
        _ => None,
    }
}

/// In AWS's cron syntax, minutes come first, a year last, and Sunday is 1.
fn widest_cron_gap(fields: &str, now: Timestamp) -> Option<Duration> {
    let parser =
        CronParser::builder().seconds(Seconds::Required).alternative_weekdays(true).sloppy_ranges(true).build();
    let cron = parser.parse(&format!("0 {fields}")).ok()?;
    let (mut widest, mut earlier) = (None, None::<Zoned>);
    for date in cron.iter_from(now.to_zoned(TimeZone::UTC), croner::Direction::Forward).take(CRON_DATES) {
        let gap = earlier.and_then(|earlier| Duration::try_from(date.duration_since(&earlier)).ok());
        (widest, earlier) = (widest.max(gap), Some(date));
    }
    widest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(days: Option<i64>, expression: Option<&str>, duration: Option<&str>) -> Option<u64> {
        let rules = RotationRules {
            automatically_after_days: days,
            schedule_expression: expression.map(str::to_owned),
            duration: duration.map(str::to_owned),
        };
        let now = "2026-01-01T00:30:00Z".parse().expect("a valid timestamp");
        rules.longest_gap(now).map(|gap| gap.as_secs() / 3600)
    }

    #[test]
    fn the_longest_gap_is_interval_plus_window() {
        assert_eq!(gap(Some(1), None, None), Some(48));
        assert_eq!(gap(Some(1), None, Some("3h")), Some(27));
        assert_eq!(gap(None, Some("rate(4 hours)"), None), Some(5));
        assert_eq!(gap(None, Some("rate(4 hours)"), Some("2h")), Some(6));
        assert_eq!(gap(None, Some("rate(24 hours)"), None), Some(25));
        assert_eq!(gap(None, Some("rate(10 days)"), Some("6h")), Some(246));
    }

    #[test]
    fn an_expression_decides_beside_calculated_days() {
        assert_eq!(gap(Some(1), Some("rate(4 hours)"), None), Some(5));
        assert_eq!(gap(Some(1), Some("cron(0 8 ? * 2-6 *)"), Some("2h")), Some(3 * 24 + 2));
        assert_eq!(gap(Some(1), Some("cron(nonsense)"), None), None);
    }

    #[test]
    fn a_cron_schedule_has_the_widest_gap_of_its_dates() {
        assert_eq!(gap(None, Some("cron(0 8 * * ? *)"), Some("2h")), Some(26));
        assert_eq!(gap(None, Some("cron(0 /8 * * ? *)"), None), Some(9));
        assert_eq!(gap(None, Some("cron(0 8 ? * 2-6 *)"), Some("2h")), Some(3 * 24 + 2), "Friday to Monday");
        assert_eq!(gap(None, Some("cron(0 8 1 * ? *)"), Some("2h")), Some(31 * 24 + 2), "a long month");
    }

    #[test]
    fn an_invalid_schedule_has_no_gap() {
        assert_eq!(gap(None, None, Some("3h")), None);
        assert_eq!(gap(None, Some("rate(4 fortnights)"), None), None);
        assert_eq!(gap(None, Some("cron(nonsense)"), None), None);
        assert_eq!(gap(Some(-1), None, None), None);
    }
}
