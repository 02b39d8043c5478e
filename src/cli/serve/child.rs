//! `exec --serve`: an endpoint for one command, which ends with it.
//!
//! This process becomes the command, as `exec` without `--serve`: signals, streams, job control and the exit status are the
//! command's own. The endpoint is another process, in a session of its own, which watches the command. It is no child of the
//! command, which might wait for all its children, unless the command is process 1.

use std::env::current_exe;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::pin::pin;
use std::process::{Command, Stdio, exit, id};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, setsid, test_kill_process};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::arguments::Pace;
use super::callers::LocalClient;
use super::endpoint::Endpoint;
use super::listener::Listener;
use super::open::{keep_current, open_endpoint, watch};
use super::progress::{Progress, line};
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::live_token::{CXONE_TOKEN, GENESYS_CLOUD_TOKEN};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;

/// The variables with the hosts that are reached without a proxy.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// The signals that do not end the endpoint.
const UNHEEDED: [fn() -> SignalKind; 7] = [
    SignalKind::interrupt,
    SignalKind::terminate,
    SignalKind::quit,
    SignalKind::hangup,
    SignalKind::user_defined1,
    SignalKind::user_defined2,
    SignalKind::alarm,
];
/// How often the command is looked for, where no notice of its end can be had.
const LOOK: Duration = Duration::from_secs(1);

/// What the endpoint needs.
#[derive(Clone, Copy)]
pub(in crate::cli) struct ChildArgs<'a> {
    pub(in crate::cli) secret: &'a str,
    pub(in crate::cli) pace: Pace,
    pub(in crate::cli) is_quiet: bool,
    pub(in crate::cli) command: (&'a OsString, &'a [OsString]),
}

/// What the endpoint sends to the process that becomes the command, as one line.
#[derive(Serialize, Deserialize)]
enum Begun {
    /// With a line for people.
    Variables {
        variables: Vec<(String, String)>,
        line: String,
    },
    Failed {
        exit: u8,
        message: String,
        hint: String,
    },
}

/// Starts the endpoint, and becomes the command, whose environment leads to it.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, a secret without a valid token; why the command was not started.
pub(in crate::cli) fn run(arguments: &ChildArgs<'_>, session: &Session) -> Result<Exit, CommandFailure> {
    let variables = match start_endpoint(arguments).map_err(not_started)? {
        Begun::Variables { variables, line } => {
            if !arguments.is_quiet {
                session.output.note(line);
            }
            variables
        }
        Begun::Failed { exit, message, hint } => {
            return Err(CommandFailure { exit: Exit::OfEndpoint(exit), message, hint });
        }
    };
    let no_proxy = NO_PROXY.map(|name| (name, without_proxy(session, name)));
    let (program, rest) = arguments.command;
    let mut command = Command::new(program);
    // With a token of their own, tools would not ask the endpoint for one.
    command.args(rest).env_remove(GENESYS_CLOUD_TOKEN).env_remove(CXONE_TOKEN).envs(variables).envs(no_proxy);
    Err(CommandFailure::not_run(&program.display().to_string(), &command.exec()))
}

/// Starts the endpoint by a process that ends at once, and waits until it is ready.
fn start_endpoint(arguments: &ChildArgs<'_>) -> io::Result<Begun> {
    let mut starter = itself(arguments, &["--endpoint-of", &id().to_string(), "--start"])?;
    let mut starter = starter.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    if let Some(stdout) = starter.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let ended = starter.wait()?;
    if line.is_empty() {
        return Err(io::Error::other(format!("its process ended early ({ended})")));
    }
    Ok(serde_json::from_str(&line)?)
}

/// Starts the endpoint of a command.
pub(in crate::cli) fn start(arguments: &ChildArgs<'_>, command: i32, session: &Session) -> Exit {
    let started = itself(arguments, &["--endpoint-of", &command.to_string()]).and_then(|mut endpoint| endpoint.spawn());
    match started {
        Ok(_) => Exit::Done,
        Err(error) => report(not_started(error), session),
    }
}

/// Sends a failure to the process that becomes the command, which prints it.
fn report(CommandFailure { exit, message, hint }: CommandFailure, session: &Session) -> Exit {
    session.output.json(&Begun::Failed { exit: exit.code(), message, hint });
    Exit::Failed
}

fn itself(ChildArgs { secret, pace, is_quiet, .. }: &ChildArgs<'_>, role: &[&str]) -> io::Result<Command> {
    let mut command = Command::new(current_exe()?);
    command.args(["exec", "--serve"]).args(role).args(is_quiet.then_some("--quiet"));
    for (name, duration) in [("--refresh", pace.refresh), ("--wait", pace.wait)] {
        command.arg(name).arg(format!("{}s", duration.as_secs()));
    }
    command.args([secret, "--", "command"]);
    Ok(command)
}

fn not_started(error: io::Error) -> CommandFailure {
    CommandFailure {
        exit: Exit::Failed,
        message: format!("the local endpoint was not started: {error}"),
        hint: "run `genesys-rotator serve` with the same secret to see why".to_owned(),
    }
}

/// Serves a command until it ends. The signals of its process group are meant for the command.
pub(in crate::cli) async fn serve(arguments: &ChildArgs<'_>, command: i32, session: &Session) -> Exit {
    // Fails only for the first process of a group.
    let _ = setsid();
    let _unheeded = UNHEEDED.map(|kind| signal(kind()));
    let mut ended = pin!(end_of(command));
    let client = LocalClient::random();
    let opened = tokio::select! {
        biased;
        () = &mut ended => return Exit::Failed,
        opened = open(arguments, client.clone(), session) => opened,
    };
    let (listener, endpoint) = match opened {
        Ok(opened) => opened,
        Err(failure) => return report(failure, session),
    };
    let progress = Progress::of_command(&session.output, arguments.is_quiet);
    progress.skip(&endpoint);
    let (keeper, _reads) = (&endpoint.keepers[0], keep_current(&endpoint));
    let variables = variables(&listener, &client, keeper.held().region);
    session.output.json(&Begun::Variables { variables, line: line(keeper) });
    let stopped = async {
        tokio::select! {
            () = ended => {}
            () = watch(&endpoint, &progress, None) => {}
        }
    };
    listener.serve(endpoint.clone(), stopped, || std::future::ready(())).await;
    // The runtime would wait for blocking calls, such as the resolution of a name.
    exit(0)
}

async fn open(
    arguments: &ChildArgs<'_>,
    client: LocalClient,
    session: &Session,
) -> Result<(Listener, Arc<Endpoint>), CommandFailure> {
    let secret = SecretReference::parse(arguments.secret)?;
    session.validate_settings(&[secret.store]).await?;
    let listener = Listener::on_address(([127, 0, 0, 1], 0).into()).await?;
    let endpoint =
        open_endpoint(vec![secret], &listener, client, arguments.pace, false, session).await.map(Arc::new)?;
    Ok((listener, endpoint))
}

/// Completes when a process has ended.
async fn end_of(process: i32) {
    let Some(process) = Pid::from_raw(process) else { return };
    if !has_noticed_end(process).await {
        // The command may run as another user.
        while test_kill_process(process) != Err(Errno::SRCH) {
            sleep(LOOK).await;
        }
    }
}

/// Waits for the notice of a process's end, which also comes if its parent does not wait for it. Returns whether it came.
#[cfg(target_os = "linux")]
async fn has_noticed_end(process: Pid) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let Ok(process) = rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()) else { return false };
    let wait = move || {
        let mut watched = [PollFd::new(&process, PollFlags::IN)];
        loop {
            match poll(&mut watched, None) {
                Err(Errno::INTR) => {}
                polled => return polled.is_ok(),
            }
        }
    };
    tokio::task::spawn_blocking(wait).await.unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
async fn has_noticed_end(_: Pid) -> bool {
    false
}

/// The variables of the official SDKs, command line and Terraform provider that lead to another address.
fn variables(listener: &Listener, client: &LocalClient, region: Option<&str>) -> Vec<(String, String)> {
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
    variables.extend(region.map(|region| ("GENESYSCLOUD_REGION", region.to_owned())));
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A list of hosts without a proxy, to which the endpoint's is added. A proxy would see its credentials.
fn without_proxy(session: &Session, name: &str) -> String {
    let listed = session.variable(name).or_else(|| NO_PROXY.into_iter().find_map(|name| session.variable(name)));
    match listed {
        Some(hosts) if hosts.trim() == "*" || hosts.split(',').any(|host| host.trim() == "127.0.0.1") => hosts,
        Some(hosts) => format!("{hosts},127.0.0.1"),
        None => "127.0.0.1".to_owned(),
    }
}
