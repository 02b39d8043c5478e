//! The arguments of `rotate`.

use std::time::Duration;

use clap::Args;

use crate::cli::target::selection::Selection;
use crate::cli::terminal::human_time::{AgeLimit, parse_duration};

/// The arguments of `rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(required_unless_present_any = ["all", "tags", "prefix", "rotation_function"], value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// Which secrets, where none is named.
    #[command(flatten)]
    pub selection: Selection,
    /// Leave alone what has a younger token: 1h, or a moment such as 2026-01-02T03:04:05Z
    #[arg(long, value_name = "AGE_OR_TIME", value_parser = AgeLimit::parse)]
    pub older_than: Option<AgeLimit>,
    /// Once readers get the new token, revoke the one that they had and the one before
    #[arg(long)]
    pub revoke_previous: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask before --all begins
    #[arg(long, short)]
    pub yes: bool,
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
