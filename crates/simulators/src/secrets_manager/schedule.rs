//! RotationRules: validation, and the date of the next rotation (Secrets Manager user guide, "Rotation schedules").

use std::time::Duration;

use croner::Cron;
use croner::parser::CronParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::clock::later;
use super::error::ServiceError;
use super::input::Input;

/// One hour, in seconds.
const HOUR: u64 = 3600;
/// The shortest time between two scheduled rotations, in hours.
const LEAST_HOURS: i64 = 4;
/// How many occurrences of a cron expression are checked for the shortest interval.
const OCCURRENCES: usize = 60;

/// The rotation rules of a secret, as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    days: Option<i64>,
    expression: Option<String>,
    duration: Option<String>,
}

/// A parsed schedule.
enum Schedule {
    Every(Duration),
    Cron(Box<Cron>),
}

impl Rules {
    /// Reads and checks the `RotationRules` of a request.
    pub(super) fn read(input: &Input<'_>, now: Timestamp) -> Result<Option<Self>, ServiceError> {
        let Some(rules) = input.structure("RotationRules")? else { return Ok(None) };
        let rules = Self {
            days: rules.number("AutomaticallyAfterDays")?,
            expression: rules.text("ScheduleExpression", 1..=256)?.map(str::to_owned),
            duration: rules.text("Duration", 2..=3)?.map(str::to_owned),
        };
        let schedule = rules.schedule()?;
        let shortest = schedule.shortest_interval(now)?;
        if shortest < SignedDuration::from_hours(LEAST_HOURS) {
            return Err(invalid("A secret can't be rotated by schedule more often than every 4 hours."));
        }
        if let Some(duration) = &rules.duration {
            check_duration(duration, shortest)?;
        }
        Ok(Some(rules))
    }

    /// Returns when the rotation after `time` is due.
    pub(super) fn next(&self, time: Timestamp) -> Option<Timestamp> {
        self.schedule().ok()?.next(time)
    }

    /// The rules in an answer.
    pub(super) fn answer(&self) -> Value {
        let mut answer = Map::new();
        if let Some(days) = self.days {
            answer.insert("AutomaticallyAfterDays".to_owned(), days.into());
        }
        if let Some(duration) = &self.duration {
            answer.insert("Duration".to_owned(), duration.clone().into());
        }
        if let Some(expression) = &self.expression {
            answer.insert("ScheduleExpression".to_owned(), expression.clone().into());
        }
        Value::Object(answer)
    }

    fn schedule(&self) -> Result<Schedule, ServiceError> {
        match (self.days, &self.expression) {
            (Some(days), None) => {
                let days = u64::try_from(days).ok().filter(|days| (1..=1000).contains(days));
                let days =
                    days.ok_or_else(|| invalid("RotationRules.AutomaticallyAfterDays must be within 1-1000."))?;
                Ok(Schedule::Every(Duration::from_secs(days * 24 * HOUR)))
            }
            (None, Some(expression)) => parse_expression(expression),
            _ => Err(invalid("RotationRules must have exactly one of AutomaticallyAfterDays and ScheduleExpression.")),
        }
    }
}

impl Schedule {
    fn next(&self, time: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(interval) => Some(later(time, *interval)),
            Self::Cron(cron) => {
                let next = cron.find_next_occurrence(&time.to_zoned(TimeZone::UTC), false).ok()?;
                Some(next.timestamp())
            }
        }
    }

    fn shortest_interval(&self, now: Timestamp) -> Result<SignedDuration, ServiceError> {
        let first = self.next(now).ok_or_else(|| invalid("The schedule expression never comes due."))?;
        let times: Vec<Timestamp> =
            std::iter::successors(Some(first), |time| self.next(*time)).take(OCCURRENCES).collect();
        let gaps = times.windows(2).filter_map(|pair| match pair {
            [one, other] => Some(other.duration_since(*one)),
            _ => None,
        });
        Ok(gaps.min().unwrap_or(SignedDuration::MAX))
    }
}

fn parse_expression(expression: &str) -> Result<Schedule, ServiceError> {
    let inner = |prefix: &str| expression.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')'));
    let parsed = match (inner("rate("), inner("cron(")) {
        (Some(rate), _) => parse_rate(rate),
        (_, Some(cron)) => parse_cron(cron),
        _ => None,
    };
    parsed.ok_or_else(|| invalid(&format!("The schedule expression {expression} isn't valid.")))
}

/// `4 hours`, `1 day`.
fn parse_rate(rate: &str) -> Option<Schedule> {
    let (number, unit) = rate.trim().split_once(' ')?;
    let number: u64 = number.parse().ok().filter(|number| (1..=999).contains(number))?;
    let hours = match unit.trim() {
        "hour" | "hours" => number,
        "day" | "days" => number * 24,
        _ => return None,
    };
    Some(Schedule::Every(Duration::from_secs(hours * HOUR)))
}

/// `minutes hours day-of-month month day-of-week year`, in UTC, at full hours only.
fn parse_cron(cron: &str) -> Option<Schedule> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let ["0", hours, day_of_month, month, day_of_week, year] = fields.as_slice() else { return None };
    // Exactly one of the two day fields is set. The other is `?`.
    if (*day_of_month == "?") == (*day_of_week == "?") {
        return None;
    }
    let any = |field: &str| if field == "?" { "*".to_owned() } else { field.to_owned() };
    let pattern = format!("0 0 {hours} {} {month} {} {year}", any(day_of_month), last_weekday(&any(day_of_week)));
    let parser = CronParser::builder().alternative_weekdays(true).sloppy_ranges(true).build();
    parser.parse(&pattern).ok().map(|cron| Schedule::Cron(Box::new(cron)))
}

/// The parser writes `6L`, the last Friday, as `6#L`.
fn last_weekday(field: &str) -> String {
    match field.strip_suffix('L') {
        Some(day) if !day.is_empty() && !day.ends_with('#') => format!("{day}#L"),
        _ => field.to_owned(),
    }
}

/// Checks the rotation window, such as `3h`, which must end before the next one starts.
fn check_duration(duration: &str, interval: SignedDuration) -> Result<(), ServiceError> {
    let hours = duration.strip_suffix('h').and_then(|hours| hours.parse::<i64>().ok());
    let hours = hours.filter(|hours| (1..=24).contains(hours));
    let hours = hours.ok_or_else(|| invalid("RotationRules.Duration must be hours between 1h and 24h."))?;
    if SignedDuration::from_hours(hours) > interval {
        return Err(invalid("RotationRules.Duration must not extend into the next rotation window."));
    }
    Ok(())
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::invalid_parameter(message)
}
