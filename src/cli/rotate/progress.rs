//! How far the rotations are: a bar for a person, a line for each step elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::terminal::output::Output;
use crate::rotation::Step;

/// How often the bar shows that it is alive.
const TICK: Duration = Duration::from_millis(120);

pub(super) struct Progress<'a> {
    output: &'a Output,
    secrets: usize,
    /// Whether there are so many that their steps are not told.
    is_many: bool,
    /// Only where a person watches.
    bar: OnceLock<ProgressBar>,
    /// What is under way, and in which step.
    running: Mutex<BTreeMap<String, Option<Step>>>,
}

impl<'a> Progress<'a> {
    pub(super) fn begin(output: &'a Output, secrets: usize, is_many: bool) -> Self {
        Self { output, secrets, is_many, bar: OnceLock::new(), running: Mutex::default() }
    }

    /// Shows the bar, where a person watches.
    pub(super) fn show(&self) {
        if self.output.is_watched {
            self.bar.get_or_init(|| bar(self.output, self.secrets));
        }
    }

    /// A secret's turn has come.
    pub(super) fn begun(&self, secret: &str) {
        self.lock().insert(secret.to_owned(), None);
    }

    /// A secret's step begins.
    pub(super) fn step(&self, secret: &str, step: Step) {
        if let Some(running) = self.lock().get_mut(secret) {
            *running = Some(step);
        }
        match self.bar.get() {
            Some(bar) => bar.set_message(format!("{secret}  {step}")),
            None if self.is_many => {}
            None => self.output.note(format_args!("{secret}  {step}")),
        }
    }

    /// A secret's rotation ended, whatever came of it.
    pub(super) fn ended(&self, secret: &str) {
        self.lock().remove(secret);
        if let Some(bar) = self.bar.get() {
            bar.inc(1);
        }
    }

    /// What is under way now, each with its step.
    pub(super) fn running(&self) -> Vec<(String, Option<Step>)> {
        std::mem::take(&mut *self.lock()).into_iter().collect()
    }

    /// A line for whoever watches.
    pub(super) fn note(&self, line: &str) {
        self.above(|| self.output.note(line));
    }

    /// Lets something be printed where the bar is.
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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<Step>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
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
