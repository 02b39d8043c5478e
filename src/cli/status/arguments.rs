//! The arguments of `status`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::target::selection::Selection;
use crate::cli::terminal::human_time::parse_duration;

/// The arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH [default: all secrets of the account and region that have rotation enabled]
    #[arg(value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// The selection, if no secret is named.
    #[command(flatten)]
    pub selection: Selection,
    /// Show versions, labels and schedules too, and shorten no name
    #[arg(long)]
    pub wide: bool,
    /// Warn of tokens that expire within this time, of failing and of disabled rotations: 2h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "watch")]
    pub warn: Option<Duration>,
    /// Exit with status 1 if a token expires within this time, or its expiry is not known: 30m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "watch")]
    pub fail: Option<Duration>,
    /// Print metrics instead of the table
    #[arg(long, value_enum, conflicts_with_all = ["watch", "warn", "fail"])]
    pub format: Option<StatusFormat>,
    /// Also write the status to FILE as a page for browsers
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    pub html: Option<PathBuf>,
    /// Refresh every INTERVAL (5 s if omitted) until Ctrl-C: 30s, 5m, or a number of seconds
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "5s", value_parser = parse_interval)]
    pub watch: Option<Duration>,
}

/// Another format of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// OpenMetrics text for Prometheus.
    Openmetrics,
}

/// At least 1 s: each refresh calls the store for each secret, which costs money and writes audit logs.
fn parse_interval(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|expected| format!("{expected}; put --watch after the secrets"))
}
