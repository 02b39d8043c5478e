//! Durations in the syntax of Vault.

use std::time::Duration;

/// The host's maximum, in nanoseconds.
const LONGEST: u128 = i64::MAX as u128;
const SECOND: u128 = 1_000_000_000;
/// `ms` precedes `m`, so that it is not parsed as minutes.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("d", 86_400 * SECOND),
];
/// More digits would overflow.
const MOST_DIGITS: usize = 19;

/// Parses seconds, or numbers with units: `90`, `1h30m`, `1.5h`, `1d`. An empty text is zero.
///
/// Returns `None` for any other text, and for a duration that is negative, not a whole number of seconds, or longer than
/// 292 years.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return if text.is_empty() { Some(Duration::ZERO) } else { whole(number(text)?.checked_mul(SECOND)?) };
    }
    let (mut rest, mut nanoseconds) = (text, 0_u128);
    while !rest.is_empty() {
        let (part, after) = part(rest)?;
        nanoseconds = nanoseconds.checked_add(part)?;
        rest = after;
    }
    whole(nanoseconds)
}

/// Parses a number with its unit, and returns its nanoseconds and the rest of the text.
fn part(text: &str) -> Option<(u128, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (amount, after) = text.split_at(end);
    let (unit, scale) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
    let (integer, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if integer.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction_of = 10_u128.checked_pow(u32::try_from(fraction.len().min(MOST_DIGITS + 1)).ok()?)?;
    let nanoseconds = number(integer)? * scale + number(fraction)? * scale / fraction_of;
    Some((nanoseconds, &after[unit.len()..]))
}

fn number(digits: &str) -> Option<u128> {
    if digits.is_empty() {
        return Some(0);
    }
    (digits.len() <= MOST_DIGITS).then(|| digits.parse().ok())?
}

fn whole(nanoseconds: u128) -> Option<Duration> {
    let is_whole = nanoseconds.is_multiple_of(SECOND) && nanoseconds <= LONGEST;
    is_whole.then(|| u64::try_from(nanoseconds / SECOND).ok().map(Duration::from_secs))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_add_up() {
        for (text, seconds) in [
            ("", 0),
            ("0", 0),
            ("007", 7),
            ("1h30m", 5400),
            ("1.5h", 5400),
            ("1d12h", 129_600),
            ("1500ms500ms", 2),
            ("0.5m", 30),
            (".5m", 30),
            ("2.s", 2),
            ("1000000us", 1),
            ("1000000µs", 1),
            ("1000000000ns", 1),
            ("106751d", 106_751 * 86_400),
            ("9223372036", 9_223_372_036),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn invalid_durations_are_none() {
        for text in [
            "-1",
            "-1h",
            "+1h",
            "1 h",
            " 1h",
            "h",
            ".h",
            "1x",
            "1hx",
            "1h2",
            "1..5h",
            "90.0",
            "1H",
            "1,5h",
            "1.5s",
            "500ms",
            "1h1ns",
            "1e3",
            "٣",
            "1h\0",
            "soon",
            "9223372037",
            "106752d",
            "99999999999999999999",
            "1.00000000000000000000h",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for unit in ["", "s", "d", "h1d"] {
            assert_eq!(parse(&format!("{}{unit}", "9".repeat(5_000))), None, "too many digits");
        }
        assert_eq!(parse(&"106751d".repeat(100)), None);
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_of_a_duration_add_up(parts in vec((0..u64::MAX / 2, prop::sample::select(UNITS.to_vec())), 1..5)) {
            let text: String = parts.iter().map(|(count, (unit, _))| format!("{count}{unit}")).collect();
            let total: u128 = parts.iter().map(|(count, (_, scale))| u128::from(*count) * scale).sum();
            let expected = (total.is_multiple_of(SECOND) && total <= LONGEST)
                .then(|| Duration::from_secs(u64::try_from(total / SECOND).expect("at most 292 years")));
            prop_assert_eq!(parse(&text), expected);
        }

        #[test]
        fn whole_seconds_in_units_survive(days in 0..1000_u64, hours in 0..100_u64, minutes in 0..100_u64, seconds in 0..100_u64) {
            let total = Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds);
            prop_assert_eq!(parse(&format!("{days}d{hours}h{minutes}m{seconds}s")), Some(total));
            prop_assert_eq!(parse(&format!("{}ms", total.as_millis())), Some(total));
            prop_assert_eq!(parse(&total.as_secs().to_string()), Some(total));
        }

        #[test]
        fn no_text_panics(text in any::<String>(), nearly in "[0-9.]{0,22}(ns|us|µs|ms|s|m|h|d|)[0-9.]{0,3}(h|d|µ)?") {
            for text in [text, nearly] {
                prop_assert!(parse(&text).is_none_or(|duration| duration.as_nanos() <= LONGEST));
            }
        }
    }
}
