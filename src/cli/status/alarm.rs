//! `--warn` and `--fail`: the exit code for monitoring.

use std::time::Duration;

use jiff::Timestamp;

use super::arguments::StatusArgs;
use super::condition::Condition;
use super::state::{Status, TokenStatus};
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::session::Session;
use crate::cli::terminal::human_time::{from_now, span};
use crate::rotation::Clock;

/// Refuses a warning that would come after the failure.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure.
pub(super) fn check(arguments: &StatusArgs) -> Result<(), CommandFailure> {
    match (arguments.warn, arguments.fail) {
        (Some(warn), Some(fail)) if warn <= fail => {
            let message = format!("--warn {} is not longer than --fail {}", span(warn), span(fail));
            Err(CommandFailure::usage(message, "warn earlier than fail, such as --warn 2h --fail 30m"))
        }
        _ => Ok(()),
    }
}

/// Prints what the thresholds find, and returns the exit code.
pub(super) fn sound(statuses: &[Status], arguments: &StatusArgs, session: &Session) -> Exit {
    let (now, output) = (session.clock.now(), &session.output);
    let mut exit = Exit::Done;
    for status in statuses.iter().filter(|status| status.error.is_none()) {
        let why = |limit: Option<Duration>| limit.and_then(|limit| why_too_soon(status, limit, now));
        if let Some(why) = why(arguments.fail) {
            output.error(&format!("{}: {why}", status.typed), &hint(status));
            exit = Exit::Failed;
        } else if let Some(why) = why(arguments.warn).or_else(|| arguments.warn.and_then(|_| worry(status, now))) {
            output.warning(&format!("{}: {why}", status.typed), &hint(status));
        }
    }
    exit
}

/// Why a token may not be valid for as long as the limit.
fn why_too_soon(status: &Status, limit: Duration, now: Timestamp) -> Option<String> {
    match (status.token, status.expires_at()) {
        (TokenStatus::Missing, _) => Some("no rotation has stored a token yet".to_owned()),
        (_, None) => Some("the expiry of its token cannot be read".to_owned()),
        (_, Some(end)) if end <= now => Some(format!("the token expired {}", from_now(end, now))),
        (_, Some(end)) if end <= now + limit => Some(format!("the token expires {}", from_now(end, now))),
        _ => None,
    }
}

/// What else needs attention.
fn worry(status: &Status, now: Timestamp) -> Option<String> {
    match status.condition(now) {
        Condition::Failing => {
            Some(format!("its rotation has been failing for {}", span(status.failing_for(now).unwrap_or_default())))
        }
        Condition::ExpiresFirst => Some("the token expires before the next rotation".to_owned()),
        Condition::Cancelled => Some("rotation is disabled".to_owned()),
        _ => None,
    }
}

fn hint(status: &Status) -> String {
    format!("find the cause with `genesys-rotator check {}`, and rotate it", status.typed)
}
