//! What people see of a running endpoint: a line that is redrawn on a terminal, and a line for each change elsewhere.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use tokio::time::sleep;

use super::endpoint::Endpoint;
use super::keeper::Keeper;
use crate::cli::terminal::fingerprint::fingerprint;
use crate::cli::terminal::human_time::span;
use crate::cli::terminal::output::Output;
use crate::cli::terminal::printable::printable;
use crate::rotation::{ErrorKind, RotationError};

/// The redraw interval.
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Progress<'a> {
    output: &'a Output,
    /// Only on a terminal.
    bar: Option<ProgressBar>,
    /// Whether only warnings are printed.
    is_quiet: bool,
    /// What was last printed of each secret.
    known: Mutex<BTreeMap<String, Known>>,
}

/// The fingerprint of a secret's token, and in trouble the reason and whether that token is still usable.
type Known = (String, Option<(ErrorKind, bool)>);

impl<'a> Progress<'a> {
    pub(super) fn begin(output: &'a Output) -> Self {
        let bar = output.is_watched.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { output, bar, is_quiet: false, known: Mutex::default() }
    }

    /// Prints warnings only, and no line is redrawn: the terminal is the command's.
    pub(super) fn of_command(output: &'a Output, is_quiet: bool) -> Self {
        Self { output, bar: None, is_quiet, known: Mutex::default() }
    }

    /// Prints what has changed since the last call.
    pub(super) fn show(&self, endpoint: &Endpoint) {
        for keeper in &endpoint.keepers {
            let (mark, trouble) = (fingerprint(&keeper.held().token), keeper.trouble());
            let new = (mark.clone(), trouble.as_ref().map(|error| (error.kind(), keeper.is_ready())));
            let old = self.known.lock().insert(keeper.name.clone(), new.clone());
            if old.as_ref() == Some(&new) {
                continue;
            }
            let (old_mark, old_trouble) = old.map_or((None, None), |(mark, trouble)| (Some(mark), trouble));
            self.above(|| {
                if !self.is_quiet && old_mark.is_none_or(|old| old != mark) {
                    self.output.note(line(keeper));
                }
                match trouble {
                    Some(error) if new.1 != old_trouble => self.warn(keeper, &error),
                    None if old_trouble.is_some() => {
                        self.output.note(format_args!("{}: recovered: its current token is served", keeper.name));
                    }
                    _ => {}
                }
            });
        }
    }

    /// Takes the tokens as printed already.
    pub(super) fn skip(&self, endpoint: &Endpoint) {
        let known =
            endpoint.keepers.iter().map(|keeper| (keeper.name.clone(), (fingerprint(&keeper.held().token), None)));
        self.known.lock().extend(known);
    }

    fn warn(&self, keeper: &Keeper, error: &RotationError) {
        let what = match keeper.is_ready() {
            true => format!("the last token is served{}", life(keeper)),
            false => "no valid token".to_owned(),
        };
        self.output.warning(&format!("{}: {what}: {}", keeper.name, error.chain()), error.hint());
    }

    /// Redraws the line. Never ends.
    pub(super) async fn redraw(&self, endpoint: &Endpoint) {
        let Some(bar) = &self.bar else { return std::future::pending().await };
        loop {
            let of = |keeper: &Keeper| {
                format!("{} #{}{}", printable(&keeper.name), fingerprint(&keeper.held().token), life(keeper))
            };
            let tokens: Vec<_> = endpoint.keepers.iter().map(of).collect();
            let requests = endpoint.counts.requests.load(Ordering::Relaxed);
            bar.set_message(format!("{requests} requests  {}", tokens.join("  ")));
            bar.tick();
            sleep(TICK).await;
        }
    }

    pub(super) fn note(&self, line: &str) {
        self.above(|| self.output.note(line));
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn above(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

/// The token of a secret, for people.
pub(super) fn line(keeper: &Keeper) -> String {
    format!("{}: token #{}{}", keeper.name, fingerprint(&keeper.held().token), life(keeper))
}

fn life(keeper: &Keeper) -> String {
    keeper.held().left(keeper.now()).map_or_else(String::new, |left| format!(", valid for {}", span(left)))
}
