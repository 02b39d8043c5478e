//! `exec --serve`: an endpoint for one command, which ends with it.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

use super::arguments::Pace;
use super::callers::LocalClient;
use super::listener::Listener;
use super::open::{keep, open_endpoint};
use super::progress::Progress;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::live_token::{CXONE_TOKEN, GENESYS_CLOUD_TOKEN};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;

/// The status of a command that a signal ended is this plus the signal's number (POSIX shells).
const SIGNALLED: i32 = 128;
/// The signals that are passed to the command. Ctrl-C reaches it through its terminal.
const PASSED: [(SignalKind, Signal); 5] = [
    (SignalKind::terminate(), Signal::TERM),
    (SignalKind::hangup(), Signal::HUP),
    (SignalKind::quit(), Signal::QUIT),
    (SignalKind::user_defined1(), Signal::USR1),
    (SignalKind::user_defined2(), Signal::USR2),
];

/// Runs a command whose environment leads to an endpoint of its own, and returns the command's exit status.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, a secret without a valid token; why the command was not started.
pub(in crate::cli) async fn run_child(
    secret: &str,
    pace: Pace,
    (program, rest): (&OsString, &[OsString]),
    session: &Session,
    is_quiet: bool,
) -> Result<Exit, CommandFailure> {
    let secret = SecretReference::parse(secret)?;
    session.validate_settings(&[secret.store]).await?;
    let listener = Listener::on_address(([127, 0, 0, 1], 0).into()).await?;
    let client = LocalClient::random();
    let variables = variables(&listener, &client);
    let endpoint = Arc::new(open_endpoint(vec![secret], &listener, client, pace, false, session).await?);
    let region = endpoint.keepers[0].held().region;
    let mut command = Command::new(program);
    command.args(rest).envs(variables).envs(region.map(|region| ("GENESYSCLOUD_REGION", region)));
    // With a token of their own, tools would not ask the endpoint for one.
    command.env_remove(GENESYS_CLOUD_TOKEN).env_remove(CXONE_TOKEN);
    let signals = Passed::listen();
    let mut child = command.spawn().map_err(|error| CommandFailure::not_run(&program.display().to_string(), &error))?;
    let progress = Progress::of_command(&session.output, is_quiet);
    let mut ended = Err(io::ErrorKind::Interrupted.into());
    let stopped = async {
        tokio::select! {
            status = signals.pass_until_end(&mut child) => ended = status,
            () = keep(&endpoint, &progress) => {}
        }
    };
    listener.serve(endpoint.clone(), stopped, || std::future::ready(())).await;
    let ended: io::Result<ExitStatus> = ended;
    let status = ended.map_err(|error| CommandFailure {
        exit: Exit::Failed,
        message: format!("the command's exit status is unknown: {error}"),
        hint: "look at the command's own output".to_owned(),
    })?;
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNALLED + signal)).unwrap_or(1);
    Ok(Exit::OfCommand(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// The variables of the official SDKs, command line and Terraform provider that lead to another address.
fn variables(listener: &Listener, client: &LocalClient) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("ROTATOR_SERVE_URL", listener.url()),
        ("GENESYSCLOUD_API_URL", listener.url()),
        ("GENESYSCLOUD_OAUTHCLIENT_ID", client.id.clone()),
        ("GENESYSCLOUD_OAUTHCLIENT_SECRET", client.secret.expose_secret().to_owned()),
        ("GENESYSCLOUD_GATEWAY_PROTOCOL", "http".to_owned()),
    ];
    if let Listener::Tcp(_, address) = listener {
        variables.push(("GENESYSCLOUD_GATEWAY_HOST", address.ip().to_string()));
        variables.push(("GENESYSCLOUD_GATEWAY_PORT", address.port().to_string()));
    }
    variables
}

/// Signals of this process that its command gets. While they are listened for, none of them ends this process.
struct Passed {
    signals: Vec<(unix::Signal, Signal)>,
    _interrupt: Option<unix::Signal>,
}

impl Passed {
    fn listen() -> Self {
        let listen = |(kind, signal)| Some((unix::signal(kind).ok()?, signal));
        let interrupt = unix::signal(SignalKind::interrupt()).ok();
        Self { signals: PASSED.into_iter().filter_map(listen).collect(), _interrupt: interrupt }
    }

    async fn pass_until_end(mut self, child: &mut Child) -> io::Result<ExitStatus> {
        loop {
            let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            let next = self
                .signals
                .iter_mut()
                .map(|(source, signal)| Box::pin(async { source.recv().await.map(|()| *signal) }));
            tokio::select! {
                status = child.wait() => return status,
                (signal, ..) = futures_util::future::select_all(next) => {
                    if let (Some(signal), Some(id)) = (signal, id) {
                        // It may have ended in the meantime.
                        let _ = kill_process(id, signal);
                    }
                }
            }
        }
    }
}
