//! How far the rotations are: a bar for a person, a line for each step elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::Output;
use crate::rotation::Step;

/// How often the bar shows that it is alive.
const TICK: Duration = Duration::from_millis(120);

pub(super) struct Progress<'a> {
    output: &'a Output,
    /// Only where a person watches.
    bar: Option<ProgressBar>,
}

impl<'a> Progress<'a> {
    pub(super) fn begin(output: &'a Output, secrets: usize) -> Self {
        let bar = output.is_watched.then(|| bar(output, secrets));
        Self { output, bar }
    }

    /// A secret's step begins.
    pub(super) fn step(&self, secret: &str, step: Step) {
        match &self.bar {
            Some(bar) => bar.set_message(format!("{secret}  {step}")),
            None => self.output.note(format_args!("{secret}  {step}")),
        }
    }

    /// A secret's rotation ended, whatever came of it.
    pub(super) fn ended(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// A line for whoever watches.
    pub(super) fn note(&self, line: &str) {
        self.above(|| self.output.note(line));
    }

    /// Lets something be printed where the bar is.
    pub(super) fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
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
