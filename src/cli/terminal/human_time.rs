//! Durations and moments as people say them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];

/// Reads `30s`, `5m`, `1h` or a number of seconds.
///
/// # Errors
/// A sentence, for anything else and for nothing at all.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let unit = [('s', 1), ('m', 60), ('h', 3_600)].into_iter().find(|(unit, _)| text.ends_with(*unit));
    let (number, factor) = unit.map_or((text, 1), |(unit, factor)| (text.strip_suffix(unit).unwrap_or(text), factor));
    let seconds = number.parse::<u32>().ok().map(|number| u64::from(number) * factor).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| "write 30s, 5m or 1h".to_owned())
}

/// How old something may be: an age, or the moment since which it is young enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgeLimit {
    /// So long.
    Of(Duration),
    /// Since then.
    Since(Timestamp),
}

impl AgeLimit {
    /// Reads a duration, or a moment by RFC 3339.
    ///
    /// # Errors
    /// A sentence, for anything else.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let moment = || text.trim().parse().map(Self::Since);
        parse_duration(text)
            .map(Self::Of)
            .or_else(|_| moment())
            .map_err(|_: jiff::Error| "write 30m or 1h, or a moment such as 2026-01-02T03:04:05Z".to_owned())
    }

    /// The moment that it means now.
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

/// How far a moment is from now: `in 3 h 20 min`, `2 h ago`.
pub(crate) fn from_now(moment: Timestamp, now: Timestamp) -> String {
    match (Duration::try_from(moment.duration_since(now)), Duration::try_from(now.duration_since(moment))) {
        (_, Ok(past)) if past.as_secs() == 0 => "now".to_owned(),
        (Ok(future), _) => format!("in {}", span(future)),
        (_, Ok(past)) => format!("{} ago", span(past)),
        (Err(_), Err(_)) => moment.to_string(),
    }
}

/// Date and time of day to the minute, UTC.
pub(crate) fn minute(moment: Timestamp) -> String {
    let date = moment.to_zoned(TimeZone::UTC).datetime();
    let (year, month, day) = (date.year(), date.month(), date.day());
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", date.hour(), date.minute())
}

/// The moment without its fraction of a second.
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
    fn a_duration_is_read_with_or_without_its_unit() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h", 3_600), ("90", 90), (" 2m ", 120)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0", "0m", "-1s", "5 m", "1d", "m", "ss", "5ms", "5mm", "1.5h", "99999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_age_is_a_duration_or_a_moment() {
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
    fn a_moment_is_told_from_either_side() {
        let now = moment("2026-01-02T03:04:05Z");
        assert_eq!(from_now(moment("2026-01-02T06:24:05Z"), now), "in 3 h 20 min");
        assert_eq!(from_now(moment("2026-01-02T01:04:05Z"), now), "2 h ago");
        assert_eq!(from_now(moment("2026-01-02T03:04:04.5Z"), now), "now");
        assert_eq!(minute(now), "2026-01-02 03:04");
    }
}
