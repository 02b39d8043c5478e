//! The arguments of `rotate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::target::selection::Selection;
use crate::cli::terminal::human_time::{AgeLimit, parse_duration};

/// The arguments of `rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(required_unless_present_any = ["all", "tags", "prefix", "rotation_function", "from"], value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// The selection, if no secret is named.
    #[command(flatten)]
    pub selection: Selection,
    /// Skip secrets whose token is newer than this: 1h, or a timestamp such as 2026-01-02T03:04:05Z
    #[arg(long, value_name = "AGE_OR_TIME", value_parser = AgeLimit::parse)]
    pub older_than: Option<AgeLimit>,
    /// Use each token, which restarts its idle time-out, and rotate only secrets whose token the platform rejects
    #[arg(long, conflicts_with = "older_than")]
    pub keep_alive: bool,
    /// Also rotate selected documents that no rotation has written yet, after a check of each
    #[arg(long)]
    pub include_new: bool,
    /// After the promotion, revoke the previous token, and in Secrets Manager also the one before it
    #[arg(long)]
    pub revoke_previous: bool,
    /// Show what would be done, without doing it
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask for the confirmation that --all, --from and --revoke-previous need
    #[arg(long, short)]
    pub yes: bool,
    /// Run the four steps in this process instead of the rotation function (always the case for Vault and files)
    #[arg(long)]
    pub local: bool,
    /// With --local: rotate a secret of Secrets Manager although its rotation is disabled or was cancelled
    #[arg(long, requires = "local")]
    pub even_if_disabled: bool,
    /// Timeout for each secret, from its first read to the revocation of its previous tokens: 30s, 5m, 1h
    #[arg(long, default_value = "5m", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Number of secrets to rotate concurrently
    #[arg(long, default_value = "8", value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Start each rotation at a random moment within this time, instead of as soon as possible: 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub jitter: Option<Duration>,
    /// Start no further rotation after this number of failures
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_failures: Option<u64>,
    /// Record each rotated secret in FILE, so that --resume can continue this run if it is interrupted
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Continue the interrupted run of --state: skip the secrets that it has rotated
    #[arg(long, requires = "state")]
    pub resume: bool,
}
