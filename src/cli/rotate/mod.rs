//! `rotate`: rotate secrets now, several side by side.

pub(super) mod arguments;
mod confirm;
mod decide;
mod dry_run;
mod follow;
mod observation;
mod one;
mod progress;
mod queue;
pub(super) mod report;
mod stuck;
mod tally;

use std::pin::pin;

use futures_util::{StreamExt, stream};

use self::arguments::RotateArgs;
use self::one::Rotating;
use self::progress::Progress;
use self::queue::Queue;
use self::tally::Tally;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::session::Session;
use crate::cli::terminal::signals::Signals;
use crate::rotation::Clock;

/// Rotates the secrets and shows each as it ends. One that fails does not stop the others.
///
/// The first Ctrl-C (or SIGTERM) begins no further ones; the second one ends at once, which never harms a
/// secret: its readers keep the current version until finishSecret has moved the label.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or no list of secrets could be had; what happens to a secret is printed.
pub async fn run(arguments: &RotateArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let is_many = arguments.selection.all;
    if is_many && !arguments.selection.is_narrowed() {
        let message = "rotate --all alone would take every secret of the account";
        return Err(CommandFailure::usage(
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

fn nothing_matches() -> CommandFailure {
    CommandFailure {
        exit: Exit::Failed,
        message: "no secret of this account and region matches".to_owned(),
        hint: "check AWS_REGION and the account, and the tag's or the prefix's spelling: case matters".to_owned(),
    }
}
