//! The arguments of `status`.

use std::time::Duration;

use clap::Args;

use crate::cli::target::selection::Selection;

/// The arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH; without any, all secrets of the account that rotate
    #[arg(value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// Which secrets, where none is named.
    #[command(flatten)]
    pub selection: Selection,
    /// Look again every so many seconds (5 if none are given), until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5", value_parser = parse_interval)]
    pub watch: Option<Duration>,
}

/// A second at least: every look is a call for each secret, which is paid for and written into audit logs.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
    let wrong = || "write a number of seconds from 1 to 86400, or put --watch after the secrets".to_owned();
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}
