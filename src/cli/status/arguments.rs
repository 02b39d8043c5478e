//! The arguments of `status`.

use std::time::Duration;

use clap::Args;

use crate::cli::target::selection::Selection;

/// The arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH [default: all secrets of the account and region that have rotation enabled]
    #[arg(value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// The selection, if no secret is named.
    #[command(flatten)]
    pub selection: Selection,
    /// Refresh every SECONDS (5 if omitted) until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5", value_parser = parse_interval)]
    pub watch: Option<Duration>,
}

/// At least 1 s: each refresh calls the store for each secret, which costs money and writes audit logs.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
    let wrong = || "expected a number of seconds from 1 to 86400; put --watch after the secrets".to_owned();
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}
