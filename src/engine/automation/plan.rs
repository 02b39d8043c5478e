//! When rotations are wanted: a period, or a schedule with a window. The fields and rules are those of Vault's engines.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use openbao_plugin::Failure;
use openbao_plugin::framework::{Call, Field, refuse};

const PERIOD: &str = "rotation_period";
const SCHEDULE: &str = "rotation_schedule";
const WINDOW: &str = "rotation_window";
const DISABLE: &str = "disable_automated_rotation";
/// The request fields of a plan.
pub(crate) const PLAN_FIELDS: &[Field] = &[
    Field::duration(PERIOD, "The time between rotations: at least 60 seconds. Replaces rotation_schedule."),
    Field::text(
        SCHEDULE,
        "When to rotate, as the five fields of cron in UTC, such as \"30 2 * * 1-5\". Replaces rotation_period.",
    ),
    Field::duration(
        WINDOW,
        "How long after a date of rotation_schedule a rotation may start: at least 1h. After it, the next date counts.",
    )
    .default("no limit"),
    Field::boolean(DISABLE, "Whether to rotate only on request.").default("false"),
];
/// The shortest rotation period.
const SHORTEST_PERIOD: Duration = Duration::from_secs(60);
/// The shortest rotation window, as in Vault.
const SHORTEST_WINDOW: Duration = Duration::from_secs(3_600);

/// The settings of automated rotation, as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RotationPlan {
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation_period: Option<u64>,
    /// Five fields of cron, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation_schedule: Option<String>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation_window: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disable_automated_rotation: bool,
}

/// When rotations are wanted.
#[derive(Clone, Debug)]
pub(crate) enum Pace {
    /// This long after the last one.
    Every(Duration),
    /// At the times of a schedule.
    At {
        /// In UTC.
        schedule: Box<Cron>,
        /// How long after such a time a rotation may start; `None` for any time.
        window: Option<Duration>,
    },
    /// Not automatically.
    Never,
}

impl RotationPlan {
    /// The stored plan, updated with the fields of the request. A period replaces a schedule, and a schedule a period; 0 and
    /// an empty text remove them.
    ///
    /// # Errors
    /// 400 for an invalid combination or value.
    pub(crate) fn merged(call: &Call, mut plan: Self) -> Result<Self, Failure> {
        let period = call.duration(PERIOD).filter(|period| !period.is_zero());
        let schedule = call.text(SCHEDULE).map(str::trim).filter(|schedule| !schedule.is_empty());
        if period.is_some() && schedule.is_some() {
            return Err(refuse("rotation_period and rotation_schedule exclude each other", "send one of them"));
        }
        if call.is_given(PERIOD) || schedule.is_some() {
            plan.rotation_period = period.map(|period| period.as_secs());
        }
        if call.is_given(SCHEDULE) || period.is_some() {
            plan.rotation_schedule = schedule.map(str::to_owned);
        }
        if plan.rotation_schedule.is_none() {
            plan.rotation_window = None;
        }
        if let Some(window) = call.duration(WINDOW) {
            plan.rotation_window = Some(window.as_secs()).filter(|seconds| *seconds > 0);
        }
        plan.disable_automated_rotation = call.boolean(DISABLE).unwrap_or(plan.disable_automated_rotation);
        plan.check().map(|()| plan)
    }

    fn check(&self) -> Result<(), Failure> {
        if let Some(seconds) = self.rotation_period.filter(|seconds| *seconds < SHORTEST_PERIOD.as_secs()) {
            let sentence = format!("rotation_period is {seconds} s: it must be at least 60 s");
            return Err(refuse(sentence, "set rotation_period to 60 or more; tokens live for hours"));
        }
        if self.rotation_window.is_some() && self.rotation_schedule.is_none() {
            return Err(refuse("rotation_window requires rotation_schedule", "remove rotation_window"));
        }
        if let Some(seconds) = self.rotation_window.filter(|seconds| *seconds < SHORTEST_WINDOW.as_secs()) {
            let sentence = format!("rotation_window is {seconds} s: it must be at least 3600 s");
            return Err(refuse(sentence, "set rotation_window to 1h or more, or remove it"));
        }
        match &self.rotation_schedule {
            Some(text) => schedule(text).map(drop),
            None => Ok(()),
        }
    }

    /// Whether a period or a schedule is set.
    pub(crate) fn is_set(&self) -> bool {
        self.rotation_period.is_some() || self.rotation_schedule.is_some()
    }

    /// The period, if one is set.
    pub(crate) fn period(&self) -> Option<Duration> {
        self.rotation_period.map(Duration::from_secs)
    }

    /// When rotations are wanted.
    pub(crate) fn pace(&self) -> Pace {
        let schedule = self.rotation_schedule.as_deref().and_then(|text| schedule(text).ok());
        match (self.disable_automated_rotation, schedule, self.period()) {
            (false, Some(schedule), _) => {
                Pace::At { schedule: Box::new(schedule), window: self.rotation_window.map(Duration::from_secs) }
            }
            (false, None, Some(period)) => Pace::Every(period),
            _ => Pace::Never,
        }
    }

    /// The fields that a read returns, without those that are not set.
    pub(crate) fn shown(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }
}

/// Parses a schedule that has a next date.
fn schedule(text: &str) -> Result<Cron, Failure> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let invalid = |why: String| {
        let hint = "set the five fields of cron: minute, hour, day of the month, month, day of the week, such as \"30 2 * * 1-5\" (UTC)";
        refuse(format!("rotation_schedule is not valid: {why}"), hint)
    };
    let schedule = parser.parse(text).map_err(|error| invalid(error.to_string()))?;
    match next_date(&schedule, Timestamp::UNIX_EPOCH) {
        Some(_) => Ok(schedule),
        None => Err(invalid("it has no date".to_owned())),
    }
}

/// The first date of a schedule after a time.
pub(super) fn next_date(schedule: &Cron, after: Timestamp) -> Option<Timestamp> {
    let date = schedule.find_next_occurrence(&after.to_zoned(TimeZone::UTC), false).ok()?;
    Some(date.timestamp())
}

/// A time that a duration is added to; the latest time where there is none.
pub(in crate::engine) fn later(from: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    from.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// A time that a duration is subtracted from; the earliest time where there is none.
pub(super) fn earlier(from: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    from.saturating_sub(wait).unwrap_or(Timestamp::MIN)
}
