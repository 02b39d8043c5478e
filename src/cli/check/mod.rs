//! `check`: exchanges and validates a token of each secret without storing it.

mod admin;
mod checked;
mod fix;
mod idle;

use std::time::Duration;

use clap::Args;
use futures_util::{FutureExt, StreamExt};
use serde::Serialize;

use self::checked::Checked;
use self::fix::Fix;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::rotate::decide::{Decision, Reason, Rules};
use crate::cli::rotate::queue::Queue;
use crate::cli::target::choice::{Choice, Unlisted};
use crate::cli::target::in_order::in_order;
use crate::cli::target::interruption::{Interrupted, run_until};
use crate::cli::target::selection::Selection;
use crate::cli::target::session::Session;
use crate::cli::target::source::Chosen;
use crate::cli::target::store::AnyStore;
use crate::cli::terminal::human_time::parse_duration;
use crate::cli::terminal::output::{Format, Output};
use crate::cli::terminal::signals::Signals;
use crate::platform::Platforms;
use crate::rotation::{Clock, Deadline, RateLimiter, RotationError, Rotator, SecretId, SystemClock};

/// The arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(required_unless_present_any = ["all", "tags", "prefix", "rotation_function", "from"], value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// The selection, if no secret is named.
    #[command(flatten)]
    pub selection: Selection,
    /// Also check selected documents that no rotation has written yet
    #[arg(long)]
    pub include_new: bool,
    /// Raise the OAuth client's token duration if its tokens expire before the schedule replaces them
    #[arg(long)]
    pub fix: bool,
    /// Maximum duration of the check of each secret: 30s, 5m
    #[arg(long, default_value = "1m", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// The number of secrets that are checked concurrently; with `--fix` one, because secrets may share a client.
const AT_ONCE: usize = 8;

/// The counts of a check of several secrets.
#[derive(Default, Serialize)]
struct Tally {
    ready: usize,
    not_ready: usize,
    /// Secrets that matched, and hold no token that a rotation has written.
    skipped: usize,
}

#[derive(Serialize)]
struct Summary<'a> {
    summary: &'a Tally,
}

/// What became of a selected secret.
enum Outcome {
    Checked(Box<Checked>),
    Skipped(String, Reason),
}

#[derive(Serialize)]
struct SkippedJson<'a> {
    secret: &'a str,
    skipped: &'a str,
}

fn show_skipped(secret: &str, reason: &Reason, output: &Output) {
    match output.format {
        Format::Json => output.json(&SkippedJson { secret, skipped: reason.name() }),
        Format::Text => output.result(format_args!("skip  {secret}  {}", reason.sentence())),
    }
}

/// The settings that all checks of one run share.
struct Checking<'a> {
    arguments: &'a CheckArgs,
    session: &'a Session,
    platforms: Platforms,
    limiter: RateLimiter,
    rules: Rules,
}

/// Checks the secrets and prints each result.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, an interruption, or the secrets could not be listed. The errors that a check
/// finds are printed.
pub async fn run(arguments: &CheckArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let platforms = session.platforms()?;
    let Choice { secrets, unlisted } = {
        let sources = arguments.selection.narrowed(&arguments.secrets, "check")?;
        Choice::find(sources, session).await?
    };
    let is_many = arguments.selection.is_many() || secrets.len() > 1;
    let rules = Rules { includes_new: arguments.include_new, cutoff: None };
    let checking = Checking { arguments, session, platforms, limiter: RateLimiter::default(), rules };
    let mut signals = Signals::listen();
    let interrupted = signals.next().shared();
    let queue = Queue::new(secrets);
    let check = |chosen| checking.run(chosen, interrupted.clone());
    let mut checks = std::pin::pin!(in_order(queue.stream(), if arguments.fix { 1 } else { AT_ONCE }, check));
    let (mut tally, mut failure, mut exit) = (Tally::default(), None, Exit::Done);
    for Unlisted { name, error } in unlisted {
        exit = Checked::not_read(name, error).show(&session.output);
        tally.not_ready += 1;
    }
    while let Some(checked) = checks.next().await {
        match checked {
            Ok(Outcome::Skipped(secret, reason)) => {
                show_skipped(&secret, &reason, &session.output);
                tally.skipped += 1;
            }
            Ok(Outcome::Checked(checked)) => {
                let shown = checked.show(&session.output);
                *(if shown == Exit::Done { &mut tally.ready } else { &mut tally.not_ready }) += 1;
                exit = exit.and(shown);
            }
            Err(interrupted) => {
                queue.drain();
                // Each names what it could not undo; the last one ends the command.
                if let Some(CommandFailure { message, hint, .. }) = failure.replace(interruption(interrupted)) {
                    session.output.error(&message, &hint);
                }
            }
        }
    }
    match failure {
        Some(failure) => Err(failure),
        None if is_many => Ok(exit.and(tally.show(arguments.selection.is_many(), session))),
        None => Ok(exit),
    }
}

/// Checks a document that is not stored yet, and prints the result.
///
/// # Errors
/// An interruption. The errors that the check finds are printed.
pub(in crate::cli) async fn check_unstored(
    typed: &str,
    secret: &SecretId,
    rotator: &Rotator<AnyStore, Platforms, SystemClock>,
    deadline: Deadline,
    session: &Session,
) -> Result<Exit, CommandFailure> {
    let check = check_once(rotator, typed, secret, deadline);
    let checked = run_until(Signals::listen().next(), rotator, check).await.map_err(interruption)?;
    Ok(checked.show(&session.output))
}

async fn check_once(
    rotator: &Rotator<AnyStore, Platforms, SystemClock>,
    typed: &str,
    secret: &SecretId,
    deadline: Deadline,
) -> Checked {
    let mut tried = Vec::new();
    let result = rotator.check_watched(secret, deadline, |stage| tried.push(stage)).await;
    Checked { secret: typed.to_owned(), tried, result, fix: Fix::default() }
}

impl Tally {
    /// Prints the counts, as JSON only for `--all`.
    fn show(&self, is_all: bool, session: &Session) -> Exit {
        let Self { ready, not_ready, skipped } = self;
        match session.output.format {
            Format::Json if !is_all => {}
            Format::Json => session.output.json(&Summary { summary: self }),
            Format::Text => {
                session.output.result(format_args!("{ready} ready, {not_ready} not ready, {skipped} skipped"))
            }
        }
        if ready + not_ready > 0 {
            return Exit::Done;
        }
        session.output.error(
            "no matching secret holds a token that a rotation has written",
            "check a new secret by its name; or name the rotation function with --rotation-function",
        );
        Exit::Failed
    }
}

impl Checking<'_> {
    /// Checks a secret, unless it matched the selection and is no secret of this program.
    async fn run(&self, chosen: Chosen, interrupted: impl Future<Output = ()>) -> Result<Outcome, Interrupted> {
        let failed = |error: RotationError| Checked::not_read(chosen.secret.typed.clone(), error);
        let rotator = match self.session.rotator(&chosen.secret, self.platforms.clone()).await {
            Ok(rotator) => rotator.with_limiter(self.limiter.clone()),
            Err(error) => return Ok(Outcome::Checked(Box::new(failed(error)))),
        };
        let deadline = Deadline::after(self.arguments.timeout);
        let check = async {
            if chosen.listed.is_some() {
                let found = rotator.previous_tokens(&chosen.secret.id, deadline).await;
                match self.rules.decide(&chosen, Some(&found), self.session.clock.now()) {
                    Decision::Rotate | Decision::RotateFirst => {}
                    Decision::Skip(reason) => return Outcome::Skipped(chosen.secret.typed.clone(), reason),
                    Decision::Fail(error) => return Outcome::Checked(Box::new(failed(error))),
                }
            }
            let mut checked = check_once(&rotator, &chosen.secret.typed, &chosen.secret.id, deadline).await;
            if self.arguments.fix && checked.could_be_raised() {
                let report = rotator.raise_token_duration(&chosen.secret.id, deadline).await;
                checked = check_once(&rotator, &chosen.secret.typed, &chosen.secret.id, deadline).await;
                checked.fix = Fix { tried: Some(report) };
            }
            Outcome::Checked(Box::new(checked))
        };
        run_until(interrupted, &rotator, check).await
    }
}

fn interruption(interrupted: Interrupted) -> CommandFailure {
    let message = "the check was interrupted".to_owned();
    let hint = match interrupted.left {
        None => "run the check again".to_owned(),
        Some(error) => format!(
            "run the check again; a token of this check was not revoked and stays valid until it expires: {}",
            error.chain()
        ),
    };
    CommandFailure { exit: Exit::Failed, message, hint }
}
