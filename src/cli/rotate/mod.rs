//! `rotate`: rotate secrets now, several side by side.

mod follow;
mod progress;
mod report;
mod seen;
mod stuck;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use futures_util::{StreamExt, stream};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) use self::report::Rotation;

use self::follow::Following;
use self::progress::Progress;
use super::exit::{Exit, Failure};
use super::human_time::parse_duration;
use super::secret_reference::SecretReference;
use super::session::Session;
use crate::platform::Platforms;
use crate::rotation::{Deadline, ErrorKind, RetryPolicy, RotationError, RotationReport, Rotator, VersionId};

/// The arguments of `rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(required = true, value_name = "SECRET")]
    pub secrets: Vec<String>,
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
/// The first Ctrl-C begins no further ones; the second one ends at once, which never harms a
/// secret: its readers keep the current version until finishSecret has moved the label.
///
/// # Errors
/// A [usage](Failure::usage) failure; what happens to a secret is printed.
pub async fn run(arguments: &RotateArgs, session: &Session) -> Result<Exit, Failure> {
    let secrets = SecretReference::parse_all(&arguments.secrets)?;
    let platforms = session.platforms()?;
    session.settled(&secrets).await?;
    let mut interrupts = Interrupts(signal(SignalKind::interrupt()).ok());
    let progress = Progress::begin(&session.output, secrets.len());
    let stopping = AtomicBool::new(false);
    let rotate = |secret: SecretReference| async {
        if stopping.load(Ordering::Relaxed) {
            return Err(secret);
        }
        Ok(rotate_one(secret, arguments, session, platforms.clone(), &progress).await)
    };
    let mut rotations = pin!(stream::iter(secrets).map(rotate).buffer_unordered(arguments.concurrency.into()));
    let mut exit = Exit::Done;
    loop {
        let ended = tokio::select! {
            ended = rotations.next() => ended,
            () = interrupts.next() => {
                if stopping.swap(true, Ordering::Relaxed) {
                    return Ok(Exit::Failed);
                }
                progress.note("stopping: no further secret is begun; Ctrl-C again does not wait for the running ones");
                continue;
            }
        };
        match ended {
            Some(Ok(rotation)) => exit = exit.and(progress.above(|| rotation.show(session))),
            Some(Err(skipped)) => {
                progress.note(&format!("{}: not begun", skipped.typed));
                exit = Exit::Failed;
            }
            None => break,
        }
    }
    progress.end();
    Ok(exit)
}

/// The Ctrl-Cs; none ever where this process may not listen for them.
struct Interrupts(Option<Signal>);

impl Interrupts {
    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

async fn rotate_one(
    secret: SecretReference,
    arguments: &RotateArgs,
    session: &Session,
    platforms: Platforms,
    progress: &Progress<'_>,
) -> Rotation {
    let watch = |step| progress.step(&secret.typed, step);
    let fresh = VersionId::random();
    let report = if arguments.local || secret.place.is_driven_here() {
        let deadline = Deadline::after(arguments.timeout);
        match session.rotator(secret.place, platforms).await {
            Ok(rotator) => with_more_time(rotator.rotate(&secret.id, fresh, deadline, watch).await),
            Err(error) => not_begun(&secret, error),
        }
    } else {
        let store = session.aws().await;
        let rotator = Rotator { store, issuer: platforms, clock: session.clock, retries: RetryPolicy::default() };
        Following::begin(&rotator, &secret.id, arguments.timeout).rotate(fresh, watch).await
    };
    progress.ended();
    Rotation { typed: secret.typed, report }
}

fn not_begun(secret: &SecretReference, error: RotationError) -> RotationReport {
    let secret = secret.id.clone();
    RotationReport { secret, version: None, steps: Vec::new(), token_life: None, error: Some(error) }
}

/// What a function is advised when its time runs out does not help here.
fn with_more_time(mut report: RotationReport) -> RotationReport {
    report.error = report.error.map(|error| match error.kind() {
        ErrorKind::DeadlineExceeded => {
            error.with_hint("give it more time with --timeout, and look at why the platform or the store is slow")
        }
        _ => error,
    });
    report
}
