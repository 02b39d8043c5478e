//! `sim`: the simulators, which the binary starts, until a signal stops them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::demo::{CLIENT, default_client};
use super::exit::{CommandFailure, Exit};
use super::terminal::human_time::parse_duration;
use super::terminal::output::Output;

/// The arguments of `sim`.
#[derive(Debug, Default, Args)]
pub struct SimArgs {
    /// OAuth client of the simulated organization; repeatable
    #[arg(long = "client", value_name = "ID:SECRET", value_parser = parse_client)]
    pub clients: Vec<(String, String)>,
    /// Application of the simulated CXone tenant; repeatable
    #[arg(long = "cxone-client", value_name = "ID:SECRET", value_parser = parse_client)]
    pub cxone_clients: Vec<(String, String)>,
    /// Access key of a user of the simulated CXone tenant; repeatable
    #[arg(long = "cxone-key", value_name = "ID:SECRET", value_parser = parse_client)]
    pub cxone_access_keys: Vec<(String, String)>,
    /// Port to listen on; 0 selects a free port
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Lifetime of each token, in seconds or such as 15m [default: 86400, and 3600 on CXone]
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration)]
    pub token_lifetime: Option<Duration>,
    /// Rotation function (a Lambda binary) that RotateSecret runs for every secret
    #[arg(long, value_name = "PATH")]
    pub function: Option<PathBuf>,
    /// Copy the function's log to stderr
    #[arg(long, requires = "function")]
    pub function_log: bool,
}

/// The first line on stdout: the base URLs of the simulators.
#[derive(Serialize)]
struct Addresses<'a> {
    genesys: &'a str,
    secrets_manager: &'a str,
}

impl SimArgs {
    /// The clients of `--client`, or the default client.
    pub fn clients(&self) -> Vec<(String, String)> {
        if self.clients.is_empty() {
            return vec![default_client()];
        }
        self.clients.clone()
    }
}

/// Prints the addresses of the simulators and how to use them, then waits for SIGINT or SIGTERM.
///
/// # Errors
/// The signal handlers cannot be installed.
pub async fn serve(
    arguments: &SimArgs,
    output: &Output,
    genesys: &str,
    secrets_manager: &str,
) -> Result<Exit, CommandFailure> {
    // A caller may send a signal as soon as it reads the addresses: install the handlers first.
    let not_installed = |error| CommandFailure {
        exit: Exit::Failed,
        message: format!("the signal handlers cannot be installed: {error}"),
        hint: "run it in an environment that allows signal handlers".to_owned(),
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(not_installed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(not_installed)?;
    output.json(&Addresses { genesys, secrets_manager });
    announce(arguments, output, genesys, secrets_manager);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(Exit::Done)
}

fn announce(arguments: &SimArgs, output: &Output, genesys: &str, secrets_manager: &str) {
    if arguments.clients.is_empty() {
        let (id, secret) = CLIENT;
        output.note(format_args!("# the simulated organization has one OAuth client: {id}, with the secret {secret}"));
    }
    output.note(format_args!("export AWS_ENDPOINT_URL_SECRETS_MANAGER={secrets_manager}"));
    output.note(format_args!("export ROTATOR_LOGIN_URL={genesys} ROTATOR_API_URL={genesys}"));
    output.note("export AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated");
}

fn parse_client(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() => Ok((id.to_owned(), secret.to_owned())),
        _ => Err("expected ID:SECRET".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_id_and_a_secret() {
        assert_eq!(parse_client("id:a:b"), Ok(("id".to_owned(), "a:b".to_owned())));
        for text in ["", "id", "id:", ":secret"] {
            assert!(parse_client(text).is_err(), "{text}");
        }
    }
}
