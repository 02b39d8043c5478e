//! The idle time-out of tokens: what a check says about it.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::terminal::human_time::{minute, span};
use crate::rotation::{CurrentIdle, IdleReport};

/// The stable name of this warning in JSON output.
pub(super) const IDLE_TIMEOUT: &str = "IdleTimeout";
const HINT: &str = "run `genesys-rotator rotate --keep-alive SECRET` from a scheduler at half of this time, or use the secrets engine with keep_alive; without it, readers must call the platform more often than that (docs/idle-time-outs.md)";

/// When the current token ends unless it is used before.
pub(super) fn idles_at(idle: &IdleReport) -> Option<Timestamp> {
    match idle.current {
        Some(CurrentIdle::EndsAt(at)) => Some(at),
        _ => None,
    }
}

/// The lines about the time-out and the current token.
pub(super) fn notes(idle: &IdleReport) -> Vec<String> {
    let timeout = span(idle.timeout);
    let first = match idle.is_named {
        true => format!("the platform ends a token that is not used for {timeout}"),
        false => format!(
            "the organization ends tokens that are not used for {timeout}; the platform names no such end for tokens of this client"
        ),
    };
    let current = idles_at(idle).map(|at| format!("the current token ends at {} UTC, unless it is used", minute(at)));
    std::iter::once(first).chain(current).collect()
}

/// Message and hint for a current token that has ended, or a schedule that is longer than the time-out.
pub(super) fn warning(idle: &IdleReport, needed: Option<Duration>) -> Option<(String, String)> {
    let timeout = span(idle.timeout);
    if idle.current == Some(CurrentIdle::Ended) {
        let message =
            format!("readers get a token that the platform rejects: it was not used for {timeout}, or was revoked");
        return Some((message, format!("rotate the secret now; then {HINT}")));
    }
    let needed = needed.filter(|needed| *needed > idle.timeout)?;
    let verb = if idle.is_named { "ends" } else { "may end" };
    let message = format!(
        "a token {verb} when it is not used for {timeout}, and the schedule may replace it only after {}",
        span(needed)
    );
    Some((message, HINT.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(is_named: bool, current: Option<CurrentIdle>) -> IdleReport {
        IdleReport { timeout: Duration::from_secs(900), is_named, current }
    }

    fn message(idle: IdleReport, needed: Option<u64>) -> Option<String> {
        Some(warning(&idle, needed.map(Duration::from_secs))?.0)
    }

    #[test]
    fn a_schedule_that_is_longer_than_the_time_out_is_warned_of() {
        let named = report(true, None);
        assert_eq!((message(named, None), message(named, Some(900))), (None, None));
        let expected = "a token ends when it is not used for 15 min, and the schedule may replace it only after 5 h";
        assert_eq!(message(named, Some(18_000)).as_deref(), Some(expected));
        assert!(message(report(false, None), Some(901)).is_some_and(|text| text.starts_with("a token may end")));
    }

    #[test]
    fn a_current_token_that_has_ended_is_warned_of_whatever_the_schedule() {
        let ended = message(report(true, Some(CurrentIdle::Ended)), None);
        assert!(ended.is_some_and(|text| text.starts_with("readers get a token that the platform rejects")));
    }

    #[test]
    fn the_notes_name_the_time_out_and_the_end_of_the_current_token() {
        let at = "2026-01-02T03:19:05Z".parse().expect("a time");
        let expected = [
            "the platform ends a token that is not used for 15 min",
            "the current token ends at 2026-01-02 03:19 UTC, unless it is used",
        ];
        assert_eq!(notes(&report(true, Some(CurrentIdle::EndsAt(at)))), expected);
        assert!(notes(&report(false, None))[0].ends_with("names no such end for tokens of this client"));
    }
}
