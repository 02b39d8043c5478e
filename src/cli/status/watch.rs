//! `status --watch`: look again and again.
//!
//! On a terminal one picture is drawn over and over. Elsewhere, and as JSON, a secret is shown when it is first seen and
//! whenever something about it has changed since: nothing happens, nothing is printed.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use tokio::time::sleep;

use super::arguments::StatusArgs;
use super::json::StatusJson;
use super::look::look_at_all;
use super::rows::{HEADER, NOTHING};
use super::state::Status;
use crate::cli::exit::{CommandFailure, Exit, sentence};
use crate::cli::target::session::Session;
use crate::cli::terminal::human_time::to_the_second;
use crate::cli::terminal::output::{Format, one_line};
use crate::cli::terminal::signals::Signals;
use crate::cli::terminal::style::Colour;
use crate::cli::terminal::table;
use crate::rotation::{Clock, ErrorKind, RotationError};

/// How long one secret may take: the next look comes soon.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is looked at.
struct Watch<'a> {
    session: &'a Session,
    interval: Duration,
    view: WatchView,
}

enum WatchView {
    /// What is drawn over.
    Picture(ProgressBar),
    /// What each secret was like when it was last printed.
    Changes(BTreeMap<String, String>),
}

/// Shows the secrets until this process is told to stop, which is no failure.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or no list could be had the first time. What fails later is shown, and passes.
pub(super) async fn run(arguments: &StatusArgs, interval: Duration, session: &Session) -> Result<Exit, CommandFailure> {
    let mut signals = Signals::listen();
    let mut watch = Watch { session, interval, view: WatchView::of(session) };
    let mut last = None;
    loop {
        let look = look_at_all(arguments, session, PATIENCE);
        let looked = tokio::select! {
            looked = look => looked,
            () = signals.next() => return Ok(watch.end()),
        };
        match (looked, &last) {
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
        let picture = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            picture.set_style(style);
        }
        Self::Picture(picture)
    }
}

impl Watch<'_> {
    fn show(&mut self, statuses: &[Status], failure: Option<&CommandFailure>) {
        let now = self.session.clock.now();
        match &mut self.view {
            WatchView::Picture(picture) => {
                picture.set_message(lines(statuses, failure, now, self.interval, self.session).join("\n"));
                picture.tick();
            }
            WatchView::Changes(known) => {
                if let Some(failure) = failure {
                    return self.session.output.error(&failure.message, &failure.hint);
                }
                gone(statuses, known).iter().for_each(|status| print(status, now, self.session));
                changed(statuses, known).into_iter().for_each(|status| print(status, now, self.session));
            }
        }
    }

    /// The last picture stays.
    fn end(&self) -> Exit {
        if let WatchView::Picture(picture) = &self.view {
            picture.abandon();
        }
        Exit::Done
    }
}

/// The picture: the table, what is wrong, and how old it all is.
fn lines(
    statuses: &[Status],
    failure: Option<&CommandFailure>,
    now: Timestamp,
    interval: Duration,
    session: &Session,
) -> Vec<String> {
    let style = session.output.style;
    let rows: Vec<_> = statuses.iter().flat_map(|status| status.rows(now)).collect();
    let mut lines = match statuses {
        [] => vec![NOTHING.to_owned()],
        _ => table::lines(HEADER, &rows, style),
    };
    let wrong = statuses.iter().filter_map(|status| Some((status, status.error.as_ref()?)));
    let wrong = wrong.map(|(status, error)| (format!("{}: {}", status.typed, sentence(error)), error.hint()));
    for (message, hint) in wrong.chain(failure.map(|failure| (failure.message.clone(), failure.hint.as_str()))) {
        lines.push(format!("{} {}", style.paint(Colour::Red, "error:"), one_line(&message)));
        lines.push(format!("{} {}", style.paint(Colour::Bold, "hint:"), one_line(hint)));
    }
    let seen = format!("{}, every {} s, Ctrl-C ends", to_the_second(now), interval.as_secs());
    lines.push(style.paint(Colour::Faint, &seen));
    lines
}

/// Those that were printed and are listed no more.
fn gone(statuses: &[Status], known: &mut BTreeMap<String, String>) -> Vec<Status> {
    let is_gone = |typed: &String| !statuses.iter().any(|status| status.typed == *typed);
    let gone: Vec<_> = known.keys().filter(|typed| is_gone(typed)).cloned().collect();
    known.retain(|typed, _| !is_gone(typed));
    let told =
        |typed| Status::unknown(typed, RotationError::new(ErrorKind::SecretNotFound, "it is not listed any more"));
    gone.into_iter().map(told).collect()
}

/// Those of which something has changed since they were last printed.
fn changed<'a>(statuses: &'a [Status], known: &mut BTreeMap<String, String>) -> Vec<&'a Status> {
    let has_changed = |status: &&Status| {
        let now = fingerprint(status);
        known.insert(status.typed.clone(), now.clone()) != Some(now)
    };
    statuses.iter().filter(has_changed).collect()
}

/// What counts as a change: all that is shown but for the words of an error, which name each call anew.
fn fingerprint(status: &Status) -> String {
    let error = status.error.as_ref().map(|error| error.kind().name());
    let told = serde_json::to_string(&StatusJson::of(status).without_error());
    format!("{error:?} {}", told.unwrap_or_default())
}

fn print(status: &Status, now: Timestamp, session: &Session) {
    let (output, at) = (&session.output, to_the_second(now));
    match output.format {
        Format::Json => output.json(&StatusJson::of(status).seen(at)),
        Format::Text => {
            let lines = table::lines(HEADER, &status.rows(now), output.style);
            lines.iter().skip(1).for_each(|line| output.result(format_args!("{at}  {line}")));
        }
    }
    if let Some(error) = &status.error {
        output.error(&format!("{}: {}", status.typed, sentence(error)), error.hint());
    }
}
