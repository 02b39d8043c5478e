//! `status`: versions, labels, token expiry and the next rotation.

pub(super) mod arguments;
mod json;
mod read;
mod rows;
mod state;
mod watch;

use std::time::Duration;

use self::arguments::StatusArgs;
use self::json::StatusJson;
use self::read::read_all;
use self::rows::{HEADER, NOTHING};
use self::state::Status;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::session::Session;
use crate::cli::terminal::output::Format;
use crate::cli::terminal::table;
use crate::rotation::Clock;

/// The timeout for each secret.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Prints the status of the selected secrets.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or the secrets could not be listed. Errors of a secret are printed.
pub async fn run(arguments: &StatusArgs, session: &Session) -> Result<Exit, CommandFailure> {
    if let Some(interval) = arguments.watch {
        return watch::run(arguments, interval, session).await;
    }
    let statuses = read_all(arguments, session, TIMEOUT).await?;
    if statuses.is_empty() {
        return Err(nothing_rotates());
    }
    show(&statuses, session);
    let failed: Vec<_> = statuses.iter().filter_map(|status| Some((status, status.error.as_ref()?))).collect();
    for (status, error) in &failed {
        session.output.error(&format!("{}: {}", status.typed, error.chain()), error.hint());
    }
    Ok(if failed.is_empty() { Exit::Done } else { Exit::Failed })
}

fn nothing_rotates() -> CommandFailure {
    CommandFailure {
        exit: Exit::Failed,
        message: NOTHING.to_owned(),
        hint: "check AWS_REGION and the account, name the secrets, or enable their rotation".to_owned(),
    }
}

fn show(statuses: &[Status], session: &Session) {
    let output = &session.output;
    match output.format {
        Format::Json => statuses.iter().for_each(|status| output.json(&StatusJson::of(status))),
        Format::Text => {
            let now = session.clock.now();
            let rows: Vec<_> = statuses.iter().flat_map(|status| status.rows(now)).collect();
            table::lines(HEADER, &rows, output.style).iter().for_each(|line| output.styled(line));
        }
    }
}
