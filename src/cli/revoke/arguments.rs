//! The arguments of `revoke`.

use std::time::Duration;

use clap::Args;

use super::standard_input::{Discarded, TokenSource};
use crate::cli::terminal::human_time::parse_duration;
use crate::rotation::{ErrorKind, RotationError};

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

/// Replaces the hint of a timeout, which is about the rotation function, by `--timeout`.
pub(super) fn in_time(error: RotationError) -> RotationError {
    match error.kind() {
        ErrorKind::DeadlineExceeded => error.with_hint("run the command again, with a longer --timeout"),
        _ => error,
    }
}
