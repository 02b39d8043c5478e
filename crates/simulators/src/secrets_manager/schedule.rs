//! RotationRules: validation, and the windows in which rotations happen (Secrets Manager user guide, "Rotation
//! schedules").

use croner::Cron;
use croner::parser::CronParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::error::ServiceError;
use super::input::Input;
use super::window::{DAY, HOUR, Window, day_of};

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
    Hours(i64),
    Days(i64),
    Cron { dates: Box<Cron>, in_hours: bool },
}

impl Rules {
    /// Reads and checks the `RotationRules` of a request.
    pub(super) fn read(input: &Input<'_>, now: Timestamp) -> Result<Option<Self>, ServiceError> {
        let Some(rules) = input.structure("RotationRules")? else { return Ok(None) };
        rules.only(&["AutomaticallyAfterDays", "Duration", "ScheduleExpression"])?;
        let rules = Self {
            days: rules.number("AutomaticallyAfterDays", Some(1..=1000))?,
            expression: rules.text("ScheduleExpression", 1..=256)?.map(str::to_owned),
            duration: rules.text("Duration", 2..=3)?.map(str::to_owned),
        };
        rules.check_patterns()?;
        let schedule = rules.schedule()?;
        let shortest = schedule.shortest_interval(now)?;
        if shortest < SignedDuration::from_hours(LEAST_HOURS) {
            return Err(invalid("A secret can't be rotated by schedule more often than every 4 hours."));
        }
        if let Some(hours) = rules.hours()? {
            schedule.check_duration(hours, shortest, now)?;
        }
        Ok(Some(rules))
    }

    /// Returns the window of the rotation after one at `time`.
    pub(super) fn next(&self, time: Timestamp) -> Option<Window> {
        self.schedule().ok()?.window(time, self.hours().ok()?)
    }

    /// Whether the schedule counts from the last rotation or manual update (API reference, `RotationRulesType`,
    /// `AutomaticallyAfterDays`).
    pub(super) fn counts_updates(&self) -> bool {
        self.days.is_some()
    }

    /// The rules in an answer, with the calculated days. `hourly` stands for those of an hourly rate.
    pub(super) fn answer(&self, now: Timestamp, hourly: Option<i64>) -> Value {
        let mut answer = Map::new();
        if let Some(days) = self.calculated_days(now, hourly) {
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

    fn calculated_days(&self, now: Timestamp, hourly: Option<i64>) -> Option<i64> {
        let schedule = self.schedule().ok()?;
        let (one, other) = match &schedule {
            Schedule::Days(days) => return Some(*days),
            Schedule::Hours(_) => return hourly,
            Schedule::Cron { .. } => {
                let first = schedule.start(now)?;
                (first, schedule.start(first)?)
            }
        };
        Some((other.duration_since(one).as_secs() / DAY.as_secs()).max(1)).filter(|_| other > one)
    }

    fn check_patterns(&self) -> Result<(), ServiceError> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "()#?*-/, ".contains(letter);
        if let Some(expression) = self.expression.as_deref().filter(|text| !text.chars().all(allowed)) {
            return Err(super::input::constraint(
                "ScheduleExpression",
                Some(expression),
                "Member must satisfy regular expression pattern: [0-9A-Za-z\\(\\)#\\?\\*\\-\\/, ]+",
            ));
        }
        let is_hours =
            |text: &str| text.strip_suffix('h').is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        match self.duration.as_deref().filter(|text| !is_hours(text)) {
            Some(duration) => {
                let pattern = "Member must satisfy regular expression pattern: [0-9]+h";
                Err(super::input::constraint("Duration", Some(duration), pattern))
            }
            None => Ok(()),
        }
    }

    /// The length of the window.
    fn hours(&self) -> Result<Option<i64>, ServiceError> {
        let Some(duration) = &self.duration else { return Ok(None) };
        let hours = duration.strip_suffix('h').and_then(|hours| hours.parse::<i64>().ok());
        let hours = hours.filter(|hours| (1..=24).contains(hours));
        hours.map(Some).ok_or_else(|| invalid("RotationRules.Duration must be hours between 1h and 24h."))
    }

    fn schedule(&self) -> Result<Schedule, ServiceError> {
        match (self.days, &self.expression) {
            (Some(days), None) => Ok(Schedule::Days(days)),
            (None, Some(expression)) => parse_expression(expression),
            _ => Err(invalid("RotationRules must have exactly one of AutomaticallyAfterDays and ScheduleExpression.")),
        }
    }
}

impl Schedule {
    /// The start of the first window after a rotation at `time`: on the hour, at midnight for a rate in days.
    fn start(&self, time: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Hours(hours) => {
                let hour = time.as_second().div_euclid(HOUR.as_secs());
                Timestamp::from_second((hour + hours) * HOUR.as_secs()).ok()
            }
            Self::Days(days) => day_of(time).checked_add(SignedDuration::from_hours(24 * days)).ok(),
            Self::Cron { dates, .. } => {
                let next = dates.find_next_occurrence(&time.to_zoned(TimeZone::UTC), false).ok()?;
                Some(next.timestamp())
            }
        }
    }

    /// The first window after a rotation at `time`. It ends with the UTC day at the latest.
    fn window(&self, time: Timestamp, hours: Option<i64>) -> Option<Window> {
        let start = self.start(time)?;
        let in_hours = matches!(self, Self::Hours(_) | Self::Cron { in_hours: true, .. });
        let hours = hours.unwrap_or(if in_hours { 1 } else { 24 });
        Some(Window::new(start, SignedDuration::from_hours(hours)))
    }

    fn shortest_interval(&self, now: Timestamp) -> Result<SignedDuration, ServiceError> {
        let first = self.start(now).ok_or_else(|| invalid("The schedule expression never comes due."))?;
        let times: Vec<Timestamp> =
            std::iter::successors(Some(first), |time| self.start(*time)).take(OCCURRENCES).collect();
        let gaps = times.windows(2).filter_map(|pair| match pair {
            [one, other] => Some(other.duration_since(*one)),
            _ => None,
        });
        Ok(gaps.min().unwrap_or(SignedDuration::MAX))
    }

    /// Checks that a window ends before the next one starts, and with the UTC day.
    fn check_duration(&self, hours: i64, interval: SignedDuration, now: Timestamp) -> Result<(), ServiceError> {
        let length = SignedDuration::from_hours(hours);
        if length > interval {
            return Err(invalid("RotationRules.Duration must not extend into the next rotation window."));
        }
        // The hours of a rate depend on the last rotation.
        let dated = matches!(self, Self::Cron { in_hours: false, .. });
        let start = self.start(now).filter(|_| dated);
        if start.is_some_and(|start| start + length > day_of(start) + DAY) {
            return Err(invalid("RotationRules.Duration must not extend into the next UTC day."));
        }
        Ok(())
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
    let number: i64 = number.parse().ok().filter(|number| (1..=999).contains(number))?;
    match unit.trim() {
        "hour" | "hours" => Some(Schedule::Hours(number)),
        "day" | "days" => Some(Schedule::Days(number)),
        _ => None,
    }
}

/// `minutes hours day-of-month month day-of-week year`, in UTC, at full hours and in every year only.
fn parse_cron(cron: &str) -> Option<Schedule> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let ["0", hours, day_of_month, month, day_of_week, "*"] = fields.as_slice() else { return None };
    // Exactly one of the two day fields is set. The other is `?`.
    if (*day_of_month == "?") == (*day_of_week == "?") {
        return None;
    }
    let any = |field: &str| if field == "?" { "*".to_owned() } else { field.to_owned() };
    let pattern = format!("0 0 {hours} {} {month} {} *", any(day_of_month), last_weekday(&any(day_of_week)));
    let parser = CronParser::builder().alternative_weekdays(true).sloppy_ranges(true).build();
    let in_hours = hours.contains(|letter: char| !letter.is_ascii_digit());
    parser.parse(&pattern).ok().map(|dates| Schedule::Cron { dates: Box::new(dates), in_hours })
}

/// The parser writes `6L`, the last Friday, as `6#L`.
fn last_weekday(field: &str) -> String {
    match field.strip_suffix('L') {
        Some(day) if !day.is_empty() && !day.ends_with('#') => format!("{day}#L"),
        _ => field.to_owned(),
    }
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::invalid_parameter(message)
}
