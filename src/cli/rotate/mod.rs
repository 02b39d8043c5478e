//! `rotate`: rotate secrets now, several side by side.

mod confirm;
mod decide;
mod dry_run;
mod follow;
mod one;
mod progress;
mod queue;
mod report;
mod seen;
mod stuck;
mod tally;

use std::pin::pin;
use std::time::Duration;

use clap::Args;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

pub(super) use self::report::Rotation;

use self::one::Rotating;
use self::progress::Progress;
use self::queue::Queue;
use self::tally::Tally;
use crate::cli::exit::{Exit, Failure};
use crate::cli::target::selection::Selection;
use crate::cli::target::session::Session;
use crate::cli::terminal::human_time::{Age, parse_duration};
use crate::cli::terminal::signals::Signals;
use crate::rotation::Clock;

/// The arguments of `rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(required_unless_present_any = ["all", "tags", "prefix", "rotation_function"], value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// Which secrets, where none is named.
    #[command(flatten)]
    pub selection: Selection,
    /// Leave alone what has a younger token: 1h, or a moment such as 2026-01-02T03:04:05Z
    #[arg(long, value_name = "AGE_OR_TIME", value_parser = Age::parse)]
    pub older_than: Option<Age>,
    /// Once readers get the new token, revoke the one that they had and the one before
    #[arg(long)]
    pub revoke_previous: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask before --all begins
    #[arg(long, short)]
    pub yes: bool,
    /// Run the four steps in this process, instead of asking Secrets Manager to run the function (Vault and files: always)
    #[arg(long)]
    pub local: bool,
    /// How long each secret may take: 30s, 5m, 1h
    #[arg(long, default_value = "5m", value_parser = parse_duration)]
    pub timeout: Duration,
    /// How many secrets to rotate side by side
    #[arg(long, default_value = "8", value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
}

/// Rotates the secrets and shows each as it ends. One that fails does not stop the others.
///
/// The first Ctrl-C (or SIGTERM) begins no further ones; the second one ends at once, which never harms a
/// secret: its readers keep the current version until finishSecret has moved the label.
///
/// # Errors
/// A [usage](Failure::usage) failure, or no list of secrets could be had; what happens to a secret is printed.
pub async fn run(arguments: &RotateArgs, session: &Session) -> Result<Exit, Failure> {
    let is_many = arguments.selection.all;
    if is_many && !arguments.selection.is_narrowed() {
        let message = "rotate --all alone would take every secret of the account";
        return Err(Failure::usage(
            message,
            "say which are meant: --tag KEY=VALUE, --prefix NAME or --rotation-function ARN",
        ));
    }
    let began = session.clock.now();
    let platforms = session.platforms()?;
    let chosen = arguments.selection.choose(&arguments.secrets, session).await?;
    if chosen.is_empty() {
        return Err(nothing_matches());
    }
    let progress = Progress::begin(&session.output, chosen.len(), is_many);
    let rotating = Rotating::new(arguments, session, platforms, &progress, began);
    if arguments.dry_run {
        return Ok(dry_run::run(chosen, &rotating).await);
    }
    if is_many && !arguments.yes && !confirm::ask(chosen.len(), arguments, &session.output).await {
        session.output.note("nothing was begun");
        return Ok(Exit::Failed);
    }
    if arguments.revoke_previous {
        warn_of_cut(session);
    }
    let queue = Queue::new(chosen);
    let tally = work(&rotating, &queue, arguments.concurrency).await;
    progress.end();
    Ok(tally.show(session, is_many))
}

/// Rotates what is queued, until that is done or this process is told to end at once.
async fn work(rotating: &Rotating<'_>, queue: &Queue, concurrency: u16) -> Tally {
    let (mut signals, progress) = (Signals::listen(), rotating.progress);
    let mut tally = Tally::default();
    progress.show();
    let rotate = |chosen| rotating.carry_out(chosen);
    let mut rotations = pin!(stream::iter(queue).map(rotate).buffer_unordered(concurrency.into()));
    loop {
        tokio::select! {
            ended = rotations.next() => match ended {
                Some(ended) => progress.above(|| tally.count(&ended, rotating)),
                None => return tally,
            },
            () = signals.next() => {
                if tally.is_stopping {
                    progress.end();
                    tally.abandon(progress.running(), rotating);
                    return tally;
                }
                progress.note("stopping: no further secret is begun; Ctrl-C again does not wait for the running ones");
                tally.stop(queue.drain(), rotating);
            }
        }
    }
}

fn warn_of_cut(session: &Session) {
    session.output.warning(
        "whoever still works with a former token is cut off once it is revoked, and gets 401",
        "have them read the secret again then; caching clients of Secrets Manager keep a value for up to an hour: restart those",
    );
}

fn nothing_matches() -> Failure {
    Failure {
        exit: Exit::Failed,
        message: "no secret of this account and region matches".to_owned(),
        hint: "check AWS_REGION and the account, and the tag's or the prefix's spelling: case matters".to_owned(),
    }
}

/// A moment as it is written on the command line.
fn to_the_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}
