//! `serve`: a local endpoint that hands out the current tokens of secrets, and forwards calls to the platform's API.

pub(super) mod arguments;
pub(super) mod callers;
mod child;
mod endpoint;
mod forward;
mod guard;
mod keeper;
mod listener;
mod metrics;
mod oauth;
mod progress;
mod reply;

use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use self::arguments::{Pace, ServeArgs};
use self::callers::{Callers, LocalClient};
use self::endpoint::{Counts, Endpoint};
use self::guard::Guard;
use self::keeper::Keeper;
use self::listener::Listener;
use self::progress::Progress;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::terminal::output::Format;
use crate::cli::terminal::signals::Signals;
use crate::rotation::RotationError;

pub(super) use child::run_child;

/// Where the endpoint is, on stdout.
#[derive(Serialize)]
struct Started<'a> {
    /// The base address; for a Unix socket its path.
    url: &'a str,
    secrets: Vec<&'a str>,
}

/// Serves the tokens of the secrets until a signal arrives. SIGHUP reads the secrets again.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, a secret without a valid token, or an address that is taken.
pub async fn run(arguments: &ServeArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let secrets = arguments.secrets.iter().map(|typed| SecretReference::parse(typed)).collect::<Result<Vec<_>, _>>()?;
    session.validate_settings(&secrets.iter().map(|secret| secret.store).collect::<Vec<_>>()).await?;
    let mut signals = Signals::listen();
    let client = LocalClient::from_file(&arguments.credentials)?;
    let listener = match &arguments.socket {
        Some(path) => Listener::on_socket(path).await?,
        None => Listener::on_address(arguments.listen).await?,
    };
    let url = listener.url();
    let endpoint = Arc::new(endpoint(secrets, &listener, client, arguments.pace, arguments.metrics, session).await?);
    announce(&url, &endpoint, session);
    let progress = Progress::begin(&session.output);
    let stopped = async {
        tokio::select! {
            () = signals.next() => {}
            () = keep(&endpoint, &progress) => {}
        }
        progress.note("stopping: waiting for the running requests");
    };
    let hurry = || async {
        let mut signals = Signals::listen();
        tokio::select! {
            () = sleep(arguments.pace.drain) => {}
            () = signals.next() => {}
        }
    };
    listener.serve(endpoint.clone(), stopped, hurry).await;
    progress.end();
    Ok(Exit::Done)
}

/// Reads the secrets and builds the endpoint.
async fn endpoint(
    secrets: Vec<SecretReference>,
    listener: &Listener,
    client: LocalClient,
    pace: Pace,
    has_metrics: bool,
    session: &Session,
) -> Result<Endpoint, CommandFailure> {
    let platforms = session.platforms()?;
    let begin = |secret: SecretReference| async {
        let name = secret.typed.clone();
        let begun = Keeper::begin(secret, session, platforms.clone(), pace).await;
        begun.map_err(|error| of_secret(&name, error))
    };
    let keepers = join_all(secrets.into_iter().map(begin)).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let guard = match listener {
        Listener::Tcp(_, address) => Guard::of_address(*address),
        Listener::Unix(..) => Guard::of_socket(),
    };
    let (callers, forwarder, counts) = (Callers::new(client), platforms.forwarder(), Counts::default());
    Ok(Endpoint { keepers, callers, forwarder, guard, has_metrics, counts })
}

fn of_secret(name: &str, error: RotationError) -> CommandFailure {
    let failure = CommandFailure::from(error);
    CommandFailure { message: format!("{name}: {}", failure.message), ..failure }
}

fn announce(url: &str, endpoint: &Endpoint, session: &Session) {
    let output = &session.output;
    let secrets: Vec<_> = endpoint.keepers.iter().map(|keeper| keeper.name.as_str()).collect();
    match output.format {
        Format::Json => output.json(&Started { url, secrets }),
        Format::Text => output.result(format_args!("serving {} at {url}", secrets.join(", "))),
    }
}

/// Reads each secret again when it is due, and all of them after SIGHUP. Never ends.
async fn keep(endpoint: &Endpoint, progress: &Progress<'_>) {
    let hang_up = async {
        let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return std::future::pending().await };
        loop {
            hang_up.recv().await;
            join_all(endpoint.keepers.iter().map(Keeper::read_now)).await;
            progress.show(endpoint);
        }
    };
    let each = endpoint.keepers.iter().map(|keeper| async {
        loop {
            sleep(keeper.next_read()).await;
            keeper.read_now().await;
            progress.show(endpoint);
        }
    });
    progress.show(endpoint);
    tokio::join!(hang_up, join_all(each), progress.redraw(endpoint));
}
