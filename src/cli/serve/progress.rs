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

/// The redraw interval.
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Progress<'a> {
    output: &'a Output,
    /// Only on a terminal.
    bar: Option<ProgressBar>,
    /// Whether only warnings are printed.
    is_quiet: bool,
    /// The fingerprint of each secret's token, and whether its last read failed, when they were last printed.
    known: Mutex<BTreeMap<String, (String, bool)>>,
}

impl<'a> Progress<'a> {
    pub(super) fn begin(output: &'a Output) -> Self {
        let bar = output.is_watched.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
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
            let (mark, failure) = (fingerprint(&keeper.held().token), keeper.failure());
            let new = (mark.clone(), failure.is_some());
            let Some(old) = self
                .known
                .lock()
                .insert(keeper.name.clone(), new.clone())
                .map_or(Some(None), |old| (old != new).then_some(Some(old)))
            else {
                continue;
            };
            self.above(|| {
                if !self.is_quiet && old.as_ref().is_none_or(|(old, _)| *old != mark) {
                    self.output.note(format_args!("{}: token #{mark}{}", keeper.name, life(keeper)));
                }
                match (failure, old.is_some_and(|(_, failed)| failed)) {
                    (Some(error), _) => self.output.warning(
                        &format!(
                            "{}: the secret cannot be read, and its last token is served{}: {}",
                            keeper.name,
                            life(keeper),
                            error.chain()
                        ),
                        error.hint(),
                    ),
                    (None, true) => self.output.note(format_args!("{}: the secret can be read again", keeper.name)),
                    (None, false) => {}
                }
            });
        }
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

fn life(keeper: &Keeper) -> String {
    keeper.held().left(keeper.now()).map_or_else(String::new, |left| format!(", valid for {}", span(left)))
}
