//! `serve`: a local endpoint that hands out the current tokens of secrets, and forwards calls to the platform's API.

pub(super) mod arguments;
pub(super) mod callers;
pub(super) mod child;
mod endpoint;
mod forward;
mod guard;
mod keeper;
mod listener;
mod metrics;
mod oauth;
mod open;
mod progress;
mod reply;

use std::sync::Arc;

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use self::arguments::ServeArgs;
use self::callers::LocalClient;
use self::endpoint::Endpoint;
use self::listener::Listener;
use self::open::{keep_current, open_endpoint, watch};
use self::progress::Progress;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::terminal::output::Format;
use crate::cli::terminal::signals::Signals;

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
    let is_repeated = |(position, typed): &(usize, &String)| arguments.secrets[..*position].contains(typed);
    if let Some((_, typed)) = arguments.secrets.iter().enumerate().find(is_repeated) {
        return Err(CommandFailure::usage(format!("{typed} is named twice"), "name each secret once"));
    }
    session.validate_settings(&secrets.iter().map(|secret| secret.store).collect::<Vec<_>>()).await?;
    let client = LocalClient::from_file(&arguments.credentials)?;
    let listener = match &arguments.socket {
        Some(path) => Listener::on_socket(path).await?,
        None => Listener::on_address(arguments.listen).await?,
    };
    let url = listener.url();
    let endpoint =
        Arc::new(open_endpoint(secrets, &listener, client, arguments.pace, arguments.metrics, session).await?);
    // Until now, a signal ends the process at once.
    let mut signals = Signals::listen();
    let hang_up = signal(SignalKind::hangup()).ok();
    let _reads = keep_current(&endpoint);
    announce(&url, &endpoint, session);
    let progress = Progress::begin(&session.output);
    let stopped = async {
        tokio::select! {
            () = signals.next() => {}
            () = watch(&endpoint, &progress, hang_up) => {}
        }
        progress.note("stopping");
    };
    let hurry = || async {
        let mut signals = Signals::listen();
        tokio::select! {
            () = sleep(arguments.drain) => {}
            () = signals.next() => {}
        }
    };
    listener.serve(endpoint.clone(), stopped, hurry).await;
    progress.end();
    Ok(Exit::Done)
}

fn announce(url: &str, endpoint: &Endpoint, session: &Session) {
    let output = &session.output;
    let secrets: Vec<_> = endpoint.keepers.iter().map(|keeper| keeper.name.as_str()).collect();
    match output.format {
        Format::Json => output.json(&Started { url, secrets }),
        Format::Text => output.result(format_args!("serving {} at {url}", secrets.join(", "))),
    }
}
