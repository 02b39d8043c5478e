//! `status --watch`: reads and prints the status periodically.
//!
//! On a terminal, the table is redrawn in place. Elsewhere, and as JSON, a secret is printed when it is first read and
//! whenever it has changed since.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use tokio::time::sleep;

use super::arguments::StatusArgs;
use super::json::StatusJson;
use super::read::read_all;
use super::rows::{NOTHING, WIDE_HEADER, table_of};
use super::state::Status;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::session::Session;
use crate::cli::terminal::human_time::{span, to_the_second};
use crate::cli::terminal::output::Format;
use crate::cli::terminal::printable::one_line;
use crate::cli::terminal::signals::Signals;
use crate::cli::terminal::style::Colour;
use crate::cli::terminal::table;
use crate::rotation::{Clock, ErrorKind, RotationError};

/// The timeout for each secret, which is read again soon.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A running watch.
struct Watch<'a> {
    session: &'a Session,
    interval: Duration,
    is_wide: bool,
    view: WatchView,
}

enum WatchView {
    /// A table that is redrawn in place.
    Table(ProgressBar),
    /// The fingerprint of each secret when it was last printed.
    Changes(BTreeMap<String, String>),
}

/// Prints the status until SIGINT or SIGTERM, which is success.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or the first listing failed. Later errors are printed, and the watch goes on.
pub(super) async fn run(arguments: &StatusArgs, interval: Duration, session: &Session) -> Result<Exit, CommandFailure> {
    let mut signals = Signals::listen();
    let mut watch = Watch { session, interval, is_wide: arguments.wide, view: WatchView::of(session) };
    let mut last = None;
    loop {
        let read = read_all(arguments, session, TIMEOUT);
        let found = tokio::select! {
            found = read => found,
            () = signals.next() => return Ok(watch.end()),
        };
        match (found, &last) {
            (Ok(statuses), _) => watch.show(last.insert(statuses), None),
            (Err(failure), None) => return Err(failure),
            (Err(failure), Some(statuses)) => watch.show(statuses, Some(&failure)),
        }
        tokio::select! {
            () = sleep(interval) => {}
            () = signals.next() => return Ok(watch.end()),
        }
    }
}

impl WatchView {
    fn of(session: &Session) -> Self {
        if session.output.format == Format::Json || !session.output.is_redrawn {
            return Self::Changes(BTreeMap::new());
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self::Table(bar)
    }
}

impl Watch<'_> {
    fn show(&mut self, statuses: &[Status], failure: Option<&CommandFailure>) {
        let now = self.session.clock.now();
        match &mut self.view {
            WatchView::Table(bar) => {
                bar.set_message(lines(statuses, failure, now, (self.interval, self.is_wide), self.session).join("\n"));
                bar.tick();
            }
            WatchView::Changes(known) => {
                if let Some(failure) = failure {
                    return self.session.output.error(&failure.message, &failure.hint);
                }
                gone(statuses, known).iter().for_each(|status| print(status, now, self.session));
                changed(statuses, known, now).into_iter().for_each(|status| print(status, now, self.session));
            }
        }
    }

    /// Leaves the last table on the screen.
    fn end(&self) -> Exit {
        if let WatchView::Table(bar) = &self.view {
            bar.abandon();
        }
        Exit::Done
    }
}

/// The lines to draw: the table, the errors, and the time of reading.
fn lines(
    statuses: &[Status],
    failure: Option<&CommandFailure>,
    now: Timestamp,
    (interval, is_wide): (Duration, bool),
    session: &Session,
) -> Vec<String> {
    let style = session.output.style;
    let mut lines = match statuses {
        [] => vec![NOTHING.to_owned()],
        _ => table_of(statuses, now, is_wide, &session.output),
    };
    let errors = statuses.iter().filter_map(|status| Some((status, status.error.as_ref()?)));
    let errors = errors.map(|(status, error)| (format!("{}: {}", status.typed, error.chain()), error.hint()));
    for (message, hint) in errors.chain(failure.map(|failure| (failure.message.clone(), failure.hint.as_str()))) {
        lines.push(format!("{} {}", style.paint(Colour::Red, "error:"), one_line(&message)));
        lines.push(format!("{} {}", style.paint(Colour::Bold, "hint:"), one_line(hint)));
    }
    let seen = format!("{}, every {}, Ctrl-C to stop", to_the_second(now), span(interval));
    lines.push(style.paint(Colour::Faint, &seen));
    lines
}

/// Returns the printed secrets that are no longer listed.
fn gone(statuses: &[Status], known: &mut BTreeMap<String, String>) -> Vec<Status> {
    let is_gone = |typed: &String| !statuses.iter().any(|status| status.typed == *typed);
    let gone: Vec<_> = known.keys().filter(|typed| is_gone(typed)).cloned().collect();
    known.retain(|typed, _| !is_gone(typed));
    let unlisted =
        |typed| Status::unknown(typed, RotationError::new(ErrorKind::SecretNotFound, "the secret is no longer listed"));
    gone.into_iter().map(unlisted).collect()
}

/// Returns the secrets that have changed since they were last printed.
fn changed<'a>(statuses: &'a [Status], known: &mut BTreeMap<String, String>, now: Timestamp) -> Vec<&'a Status> {
    let has_changed = |status: &&Status| {
        let found = fingerprint(status, now);
        known.insert(status.typed.clone(), found.clone()) != Some(found)
    };
    statuses.iter().filter(has_changed).collect()
}

/// Everything that counts as a change. Error messages do not, since they contain the id of each request.
fn fingerprint(status: &Status, now: Timestamp) -> String {
    let error = status.error.as_ref().map(|error| error.kind().name());
    let json = serde_json::to_string(&StatusJson::of(status, now).without_error());
    format!("{error:?} {}", json.unwrap_or_default())
}

fn print(status: &Status, now: Timestamp, session: &Session) {
    let (output, at) = (&session.output, to_the_second(now));
    match output.format {
        Format::Json => output.json(&StatusJson::of(status, now).seen(at)),
        Format::Text => {
            let lines = table::lines(WIDE_HEADER, &status.wide_rows(now), output.style);
            lines.iter().skip(1).for_each(|line| output.styled(&format!("{at}  {line}")));
        }
    }
    if let Some(error) = &status.error {
        output.error(&format!("{}: {}", status.typed, error.chain()), error.hint());
    }
}
