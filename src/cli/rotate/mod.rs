//! `rotate`: rotate secrets now, several concurrently.

pub(super) mod arguments;
mod confirm;
pub(super) mod decide;
mod dry_run;
mod ended;
mod first;
mod follow;
mod observation;
mod one;
mod progress;
pub(super) mod queue;
mod run_state;
mod stuck;
mod tally;

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;

use self::arguments::RotateArgs;
use self::ended::Ended;
use self::one::Rotating;
use self::progress::Progress;
use self::queue::Queue;
use self::run_state::RunState;
use self::tally::Tally;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::report::Rotation;
use crate::cli::target::choice::{Choice, Unlisted};
use crate::cli::target::interruption::{ANSWER, ROLLBACK};
use crate::cli::target::session::Session;
use crate::cli::terminal::signals::Signals;
use crate::rotation::Clock;

/// Rotates the secrets and prints each result. A secret that fails does not stop the others.
///
/// After the first Ctrl-C (or SIGTERM) no further rotation starts. The second one exits as soon as
/// the tokens of the running rotations that are not stored are revoked, which is safe:
/// readers keep the current version until finishSecret has moved the label.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or the secrets could not be listed. Errors of a secret are printed.
pub async fn run(arguments: &RotateArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let is_many = arguments.selection.is_many();
    let sources = arguments.selection.narrowed(&arguments.secrets, "rotate")?;
    confirm::check(arguments)?;
    let started = session.clock.now();
    let platforms = session.platforms()?;
    let choice = Choice::find(sources, session).await?;
    let progress = Progress::begin(&session.output, choice.secrets.len(), is_many);
    let state = match &arguments.state {
        Some(path) if !arguments.dry_run || arguments.resume => Some(RunState::open(path, arguments.resume)?),
        _ => None,
    };
    let rotating = Rotating::new(arguments, session, platforms, &progress, started, state);
    if arguments.dry_run {
        return Ok(dry_run::run(choice, &rotating).await);
    }
    if !confirm::ask(&choice, arguments, &session.output).await {
        session.output.note("cancelled: no rotation was started");
        return Ok(Exit::Failed);
    }
    if let Some(state) = &rotating.state {
        state.begin(&session.output)?;
    }
    if arguments.revoke_previous {
        warn_about_revocation(session);
    }
    let mut tally = Tally::default();
    for Unlisted { name, error } in choice.unlisted {
        tally.count(&Ended::Rotated(Box::new(Rotation::not_started(name, error))), &rotating);
    }
    let queue = Queue::new(choice.secrets).spread_over(arguments.jitter.unwrap_or_default());
    let tally = work(&rotating, &queue, tally).await;
    progress.end();
    let exit = tally.show(session, is_many);
    if let Some(state) = rotating.state.as_ref().filter(|_| exit == Exit::Done) {
        state.finish(&session.output);
    }
    Ok(exit)
}

/// The time for an interrupted rotation to end after its rollback.
const MARGIN: Duration = Duration::from_millis(500);

/// Rotates the queued secrets, until all are done or a second signal arrives.
async fn work(rotating: &Rotating<'_>, queue: &Queue, mut tally: Tally) -> Tally {
    let (mut signals, progress) = (Signals::listen(), rotating.progress);
    progress.show();
    let rotate = |chosen| rotating.run(chosen);
    let mut rotations = pin!(queue.stream().map(rotate).buffer_unordered(rotating.arguments.concurrency.into()));
    let mut is_signalled = false;
    loop {
        if tally.has_reached(rotating.arguments.max_failures) {
            progress.note("stopping: --max-failures is reached; waiting for the running rotations, starting no others");
            tally.stop(queue.drain(), rotating);
        }
        tokio::select! {
            ended = rotations.next() => match ended {
                Some(ended) => progress.above(|| tally.count(&ended, rotating)),
                None => return tally,
            },
            () = signals.next() => {
                if std::mem::replace(&mut is_signalled, true) {
                    progress.end();
                    tally.abandon(progress.running(), rotating);
                    rotating.interrupt();
                    let rolled_back = async {
                        while let Some(ended) = rotations.next().await {
                            tally.count_late(&ended, rotating);
                        }
                    };
                    let _ = timeout(ANSWER + ROLLBACK + MARGIN, rolled_back).await;
                    return tally;
                }
                progress.note("stopping: waiting for the running rotations, starting no others; press Ctrl-C again to exit without waiting");
                tally.stop(queue.drain(), rotating);
            }
        }
    }
}

fn warn_about_revocation(session: &Session) {
    session.output.warning(
        "readers that still use a previous token get 401 once it is revoked",
        "they must read the secret again on 401; caching clients of Secrets Manager keep a value for up to an hour: restart them",
    );
}
