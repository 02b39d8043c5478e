//! `revoke`: ends a leaked token, or all tokens of an OAuth client.

mod client;
mod standard_input;
mod token;

use std::time::Duration;

use clap::Args;

use self::standard_input::{Discarded, TokenSource};
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::session::Session;
use crate::cli::terminal::human_time::parse_duration;
use crate::rotation::{ErrorKind, RotationError};

const USAGE: &str =
    "pipe the token, for example from a file: `genesys-rotator revoke --token - --region REGION < FILE`";

/// The arguments of `revoke`.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// End the token on standard input; the only accepted value is -
    #[arg(
        long, value_name = "-", value_parser = TokenSource::parse, allow_hyphen_values = true,
        required_unless_present_any = ["client", "unexpected"],
    )]
    pub token: Option<TokenSource>,
    /// A secret that names the token's platform and region: aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(long, value_name = "SECRET", conflicts_with_all = ["region", "client"])]
    pub secret: Option<String>,
    /// The token's region: an AWS region name or a Genesys Cloud domain
    #[arg(long, value_name = "REGION", conflicts_with = "client")]
    pub region: Option<String>,
    /// Disable this OAuth client, which ends all of its tokens; with --token, also check that this token is rejected
    #[arg(long, value_name = "ID", requires = "admin")]
    pub client: Option<String>,
    /// The secret with the credentials that may edit the client: aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(long, value_name = "SECRET", requires = "client")]
    pub admin: Option<String>,
    /// With --client: enable the client again
    #[arg(long, requires = "client")]
    pub enable: bool,
    /// Do not ask for the confirmation that disabling a client needs
    #[arg(long, short)]
    pub yes: bool,
    /// Maximum duration: 30s, 5m
    #[arg(long, default_value = "1m", value_parser = parse_duration)]
    pub timeout: Duration,
    /// A token in the wrong place, which no message may repeat.
    #[arg(hide = true, value_parser = Discarded::parse)]
    pub unexpected: Vec<Discarded>,
}

/// Ends the token on standard input, or sets the state of an OAuth client.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or the work was interrupted. Errors of the platform and the store are printed.
pub async fn run(arguments: &RevokeArgs, session: &Session) -> Result<Exit, CommandFailure> {
    if !arguments.unexpected.is_empty() {
        let message = "revoke takes no argument beside its options, and no token on the command line";
        return Err(CommandFailure::usage(
            message,
            format!("{USAGE}; a token on the command line is visible to others: end it"),
        ));
    }
    match &arguments.client {
        Some(id) => client::run(id, arguments, session).await,
        None => token::run(arguments, session).await,
    }
}

/// Replaces the hint of a timeout, which is about the rotation function.
fn in_time(error: RotationError) -> RotationError {
    match error.kind() {
        ErrorKind::DeadlineExceeded => error.with_hint("run the command again, with a longer --timeout"),
        _ => error,
    }
}
