//! `exec --serve`: an endpoint for one command, which ends with it.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::{fs, io};

use futures_util::future::select_all;
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use secrecy::ExposeSecret;
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

use super::arguments::Pace;
use super::callers::LocalClient;
use super::listener::Listener;
use super::open::{keep_current, open_endpoint, watch};
use super::progress::Progress;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::live_token::{CXONE_TOKEN, GENESYS_CLOUD_TOKEN};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;

/// The variables with the hosts that are reached without a proxy.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// The status of a command that a signal ended is this plus the signal's number (POSIX shells).
const SIGNALLED: i32 = 128;
/// The signals that are passed to the command.
const PASSED: [(SignalKind, Signal); 6] = [
    (SignalKind::interrupt(), Signal::INT),
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
    let no_proxy = NO_PROXY.map(|name| (name, without_proxy(session, name)));
    let endpoint = Arc::new(open_endpoint(vec![secret], &listener, client, pace, false, session).await?);
    let region = endpoint.keepers[0].held().region;
    let mut command = Command::new(program);
    command.args(rest).envs(variables).envs(no_proxy).envs(region.map(|region| ("GENESYSCLOUD_REGION", region)));
    // With a token of their own, tools would not ask the endpoint for one.
    command.env_remove(GENESYS_CLOUD_TOKEN).env_remove(CXONE_TOKEN);
    let _reads = keep_current(&endpoint);
    let signals = Passed::listen();
    let mut child = command.spawn().map_err(|error| CommandFailure::not_run(&program.display().to_string(), &error))?;
    let progress = Progress::of_command(&session.output, is_quiet);
    let mut ended = Err(io::ErrorKind::Interrupted.into());
    let stopped = async {
        tokio::select! {
            status = signals.pass_until_end(&mut child) => ended = status,
            () = watch(&endpoint, &progress, None) => {}
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

/// A list of hosts without a proxy, to which the endpoint's is added. A proxy would see its credentials.
fn without_proxy(session: &Session, name: &str) -> String {
    let listed = session.variable(name).or_else(|| NO_PROXY.into_iter().find_map(|name| session.variable(name)));
    match listed {
        Some(all) if all.trim() == "*" => all,
        Some(hosts) => format!("{hosts},127.0.0.1"),
        None => "127.0.0.1".to_owned(),
    }
}

/// Signals of this process that its command gets. While they are listened for, none of them ends this process.
struct Passed(Vec<(unix::Signal, Signal)>);

impl Passed {
    /// Listens, except for signals that this process was started to ignore, as by nohup: the command ignores them too.
    fn listen() -> Self {
        let ignored = ignored_signals();
        let is_heeded = |kind: SignalKind| ignored >> (kind.as_raw_value() - 1) & 1 == 0;
        let listen = |(kind, signal)| Some((unix::signal(kind).ok()?, signal));
        Self(PASSED.into_iter().filter(|(kind, _)| is_heeded(*kind)).filter_map(listen).collect())
    }

    async fn pass_until_end(mut self, child: &mut Child) -> io::Result<ExitStatus> {
        loop {
            let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            let next =
                self.0.iter_mut().map(|(source, signal)| Box::pin(async { source.recv().await.map(|()| *signal) }));
            // Without a signal to wait for, only the command ends.
            let next = async {
                match next.len() {
                    0 => std::future::pending().await,
                    _ => select_all(next).await.0,
                }
            };
            tokio::select! {
                status = child.wait() => return status,
                signal = next => {
                    if let (Some(signal), Some(id)) = (signal.filter(|signal| !is_of_terminal(*signal)), id) {
                        // It may have ended in the meantime.
                        let _ = kill_process(id, signal);
                    }
                }
            }
        }
    }
}

/// Whether the terminal has sent a signal, and so to the command too: it sends these two to the processes in its foreground.
fn is_of_terminal(signal: Signal) -> bool {
    let foreground = || tcgetpgrp(fs::File::open("/dev/tty").ok()?).ok();
    [Signal::INT, Signal::QUIT].contains(&signal) && foreground() == Some(getpgrp())
}

/// The signals that this process ignores, one bit each, from 1 upwards (proc(5), `SigIgn`); none where this is unknown.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
