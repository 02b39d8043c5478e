//! Durations and points in time, as text.

use std::time::Duration;

use jiff::fmt::friendly::SpanParser;
use jiff::tz::TimeZone;
use jiff::{SpanRelativeTo, Timestamp};

const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
/// The shortest and the longest duration that the command line accepts.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// Reads `30s`, `90m`, `1h30m`, `2d` or a number of seconds.
///
/// The grammar is jiff's friendly duration format (docs.rs/jiff, `fmt::friendly`); a day has 24 hours.
///
/// # Errors
/// The expected format, for any other text and for less than a second.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let duration = text.parse().map(Duration::from_secs).ok().or_else(|| friendly_duration(text));
    let is_valid = |duration: &Duration| (SHORTEST..=LONGEST).contains(duration);
    duration.filter(is_valid).ok_or_else(|| "expected a duration such as 30s, 5m, 1h or 2d".to_owned())
}

fn friendly_duration(text: &str) -> Option<Duration> {
    let span = SpanParser::new().parse_span(text).ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

/// How old something may be: a maximum age, or the earliest point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgeLimit {
    /// At most this old.
    Of(Duration),
    /// Not from before this point in time.
    Since(Timestamp),
}

impl AgeLimit {
    /// Reads a duration, or an RFC 3339 timestamp.
    ///
    /// # Errors
    /// The expected format, for any other text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let timestamp = || text.trim().parse().map(Self::Since);
        parse_duration(text)
            .map(Self::Of)
            .or_else(|_| timestamp())
            .map_err(|_: jiff::Error| "expected 30m, 1h, or a timestamp such as 2026-01-02T03:04:05Z".to_owned())
    }

    /// The earliest point in time that satisfies the limit at `now`.
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Of(age) => now.checked_sub(age).unwrap_or(Timestamp::MIN),
            Self::Since(moment) => moment,
        }
    }
}

/// The two largest units, rounded down: `23 h 59 min`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let first = UNITS.iter().position(|(size, _)| seconds >= *size).unwrap_or(UNITS.len() - 1);
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, unit) in UNITS.iter().skip(first).take(2) {
        let count = rest / size;
        rest %= size;
        if count > 0 || parts.is_empty() {
            parts.push(format!("{count} {unit}"));
        }
    }
    parts.join(" ")
}

/// The distance of a point in time from now: `in 3 h 20 min`, `2 h ago`.
pub(crate) fn from_now(moment: Timestamp, now: Timestamp) -> String {
    match (Duration::try_from(moment.duration_since(now)), Duration::try_from(now.duration_since(moment))) {
        (_, Ok(past)) if past.as_secs() == 0 => "now".to_owned(),
        (Ok(future), _) => format!("in {}", span(future)),
        (_, Ok(past)) => format!("{} ago", span(past)),
        (Err(_), Err(_)) => moment.to_string(),
    }
}

/// Date and time of day to the minute, in UTC.
pub(crate) fn minute(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The timestamp without its fraction of a second.
pub(crate) fn to_the_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn a_duration_is_a_number_with_a_unit_or_a_number_of_seconds() {
        let rows = [
            ("30s", 30),
            ("5m", 300),
            ("90m", 5_400),
            ("1h", 3_600),
            ("1h30m", 5_400),
            ("1.5h", 5_400),
            ("2d", 172_800),
            ("90", 90),
            ("3600s", 3_600),
            (" 2m ", 120),
        ];
        for (text, seconds) in rows {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0", "0m", "-1s", "1s ago", "m", "ss", "5ms", "5mm", "1 month", "99999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_age_limit_is_a_duration_or_a_timestamp() {
        let now = moment("2026-01-02T03:04:05Z");
        assert_eq!(AgeLimit::parse("1h").map(|age| age.before(now)), Ok(moment("2026-01-02T02:04:05Z")));
        let since = "2026-01-02T03:00:00+01:00";
        assert_eq!(AgeLimit::parse(since).map(|age| age.before(now)), Ok(moment("2026-01-02T02:00:00Z")));
        assert!(AgeLimit::parse("yesterday").is_err() && AgeLimit::parse("2026-01-02").is_err());
    }

    #[test]
    fn a_span_shows_its_two_largest_units() {
        let rows = [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3_600, "1 h"),
            (3_659, "1 h"),
            (86_399, "23 h 59 min"),
            (86_400, "1 d"),
            (90_061, "1 d 1 h"),
            (400 * 86_400 + 59, "400 d"),
        ];
        for (seconds, text) in rows {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn the_distance_from_now_is_in_the_future_or_in_the_past() {
        let now = moment("2026-01-02T03:04:05Z");
        assert_eq!(from_now(moment("2026-01-02T06:24:05Z"), now), "in 3 h 20 min");
        assert_eq!(from_now(moment("2026-01-02T01:04:05Z"), now), "2 h ago");
        assert_eq!(from_now(moment("2026-01-02T03:04:04.5Z"), now), "now");
        assert_eq!(minute(now), "2026-01-02 03:04");
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;

    fn moments() -> impl Strategy<Value = Timestamp> {
        let seconds = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
        (seconds, 0..1_000_000_000).prop_map(|(seconds, nanos)| Timestamp::new(seconds, nanos).unwrap_or_default())
    }

    proptest! {
        #[test]
        fn a_duration_is_the_sum_of_its_parts(days in 0..99_u64, hours in 0..99_u64, minutes in 0..99_u64, seconds in 1..99_u64) {
            let total = Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds);
            prop_assert_eq!(parse_duration(&format!("{days}d{hours}h{minutes}m{seconds}s")), Ok(total));
            prop_assert_eq!(parse_duration(&total.as_secs().to_string()), Ok(total));
            prop_assert_eq!(AgeLimit::parse(&format!(" {}s ", total.as_secs())), Ok(AgeLimit::Of(total)));
        }

        #[test]
        fn no_text_and_no_moment_panics(
            text in prop_oneof![any::<String>(), "-?[0-9]{1,20}(\\.[0-9]{0,3})?(ns|us|ms|s|m|h|d|w|mo|y)( ago)?"],
            moment in moments(), now in moments(), seconds in any::<u64>(),
        ) {
            if let Ok(duration) = parse_duration(&text) {
                prop_assert!((SHORTEST..=LONGEST).contains(&duration));
            }
            if let Ok(age) = AgeLimit::parse(&text) {
                prop_assert!(matches!(age, AgeLimit::Since(_)) || age.before(now) <= now);
            }
            prop_assert!(!span(Duration::from_secs(seconds)).is_empty());
            prop_assert!(!from_now(moment, now).is_empty() && !minute(moment).is_empty());
            prop_assert_eq!(to_the_second(moment).subsec_nanosecond(), 0);
        }
    }
}
