//! Progress of the rotations: a bar on a terminal, a line for each step elsewhere.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use crate::cli::terminal::output::Output;
use crate::cli::terminal::printable::printable;
use crate::rotation::Step;

/// The redraw interval of the bar.
const TICK: Duration = Duration::from_millis(120);

pub(super) struct Progress<'a> {
    output: &'a Output,
    secrets: usize,
    /// Whether the lines for steps are left out, with `--all`.
    is_many: bool,
    /// Only on a terminal.
    bar: OnceLock<ProgressBar>,
    /// The running rotations and their steps.
    running: Mutex<BTreeMap<String, Option<Step>>>,
}

impl<'a> Progress<'a> {
    pub(super) fn begin(output: &'a Output, secrets: usize, is_many: bool) -> Self {
        Self { output, secrets, is_many, bar: OnceLock::new(), running: Mutex::default() }
    }

    /// Shows the bar on a terminal.
    pub(super) fn show(&self) {
        if self.output.is_watched {
            self.bar.get_or_init(|| bar(self.output, self.secrets));
        }
    }

    /// Records that a rotation has started.
    pub(super) fn started(&self, secret: &str) {
        self.running.lock().insert(secret.to_owned(), None);
    }

    /// Records that a step has started.
    pub(super) fn step(&self, secret: &str, step: Step) {
        if let Some(running) = self.running.lock().get_mut(secret) {
            *running = Some(step);
        }
        match self.bar.get() {
            Some(bar) => bar.set_message(format!("{}  {step}", printable(secret))),
            None if self.is_many => {}
            None => self.output.note(format_args!("{secret}  {step}")),
        }
    }

    /// Records that a rotation has ended.
    pub(super) fn ended(&self, secret: &str) {
        self.running.lock().remove(secret);
        if let Some(bar) = self.bar.get() {
            bar.inc(1);
        }
    }

    /// The running rotations and their steps.
    pub(super) fn running(&self) -> Vec<(String, Option<Step>)> {
        std::mem::take(&mut *self.running.lock()).into_iter().collect()
    }

    /// Prints a line to stderr.
    pub(super) fn note(&self, line: &str) {
        self.above(|| self.output.note(line));
    }

    /// Hides the bar while `print` runs.
    pub(super) fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        match self.bar.get() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(output: &Output, secrets: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(secrets as u64), ProgressDrawTarget::stderr());
    let (template, filling) = match (output.error_style.colour, output.error_style.unicode) {
        (true, true) => ("{bar:24.cyan/dim} {pos}/{len} secrets  {elapsed}  {wide_msg}", "━━─"),
        (false, true) => ("{bar:24} {pos}/{len} secrets  {elapsed}  {wide_msg}", "━━─"),
        (_, false) => ("[{bar:24}] {pos}/{len} secrets  {elapsed}  {wide_msg}", "=>-"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars(filling));
    }
    bar.enable_steady_tick(TICK);
    bar
}
