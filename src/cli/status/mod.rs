//! `status`: the state of secrets: token expiry, the next rotation, versions and labels.

mod alarm;
pub(super) mod arguments;
mod condition;
mod json;
mod metrics;
mod page;
mod read;
mod rows;
mod state;
mod watch;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use self::arguments::{StatusArgs, StatusFormat};
use self::json::StatusJson;
use self::read::read_all;
use self::rows::{NOTHING, by_urgency, table_of};
use self::state::Status;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::session::Session;
use crate::cli::terminal::output::Format;
use crate::rotation::Clock;

/// The timeout for each secret.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Prints the status of the selected secrets.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, the secrets could not be listed, or the page could not be written. Errors of a
/// secret are printed.
pub async fn run(arguments: &StatusArgs, session: &Session) -> Result<Exit, CommandFailure> {
    if let Some(interval) = arguments.watch {
        return watch::run(arguments, interval, session).await;
    }
    alarm::check(arguments)?;
    let statuses = read_all(arguments, session, TIMEOUT).await?;
    if statuses.is_empty() {
        return Err(nothing_rotates());
    }
    let now = session.clock.now();
    show(&statuses, arguments, now, session);
    let failed: Vec<_> = statuses.iter().filter_map(|status| Some((status, status.error.as_ref()?))).collect();
    for (status, error) in &failed {
        session.output.error(&format!("{}: {}", status.typed, error.chain()), error.hint());
    }
    let alarm = alarm::sound(&statuses, arguments, session);
    if let Some(path) = &arguments.html {
        page::write(path, &by_urgency(&statuses, now), now).map_err(|error| not_written(path, &error))?;
    }
    // The metrics say what could not be read: a job that publishes them must not stop then.
    let is_reported = failed.is_empty() || arguments.format.is_some();
    Ok(if is_reported { alarm } else { Exit::Failed })
}

fn nothing_rotates() -> CommandFailure {
    CommandFailure {
        exit: Exit::Failed,
        message: NOTHING.to_owned(),
        hint: "check AWS_REGION and the account, name the secrets, or enable their rotation".to_owned(),
    }
}

fn not_written(path: &Path, error: &std::io::Error) -> CommandFailure {
    CommandFailure {
        exit: Exit::Failed,
        message: format!("the page {} could not be written: {error}", path.display()),
        hint: "choose a file in a folder that this user may write to".to_owned(),
    }
}

fn show(statuses: &[Status], arguments: &StatusArgs, now: Timestamp, session: &Session) {
    let output = &session.output;
    match (arguments.format, output.format) {
        (Some(StatusFormat::Openmetrics), _) => output.raw(&metrics::text(statuses, now)),
        (None, Format::Json) => statuses.iter().for_each(|status| output.json(&StatusJson::of(status, now))),
        (None, Format::Text) => {
            table_of(statuses, now, arguments.wide, output).iter().for_each(|line| output.styled(line));
        }
    }
}
