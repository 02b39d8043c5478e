//! The arguments of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::terminal::human_time::parse_duration;

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH
    #[arg(required = true, value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// File with the client id and secret that callers need; created with mode 600 if it does not exist
    #[arg(long, value_name = "FILE")]
    pub credentials: PathBuf,
    /// Loopback address and port to listen on; port 0 selects a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = parse_loopback)]
    pub listen: SocketAddr,
    /// Unix socket to listen on, with mode 600, instead of an address
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    pub socket: Option<PathBuf>,
    /// Also answer GET /metrics in OpenMetrics text
    #[arg(long)]
    pub metrics: bool,
    /// How often tokens are read.
    #[command(flatten)]
    pub pace: Pace,
    /// Longest time for which running requests may continue after the end: 10s, 1m
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = parse_duration)]
    pub drain: Duration,
}

/// How often tokens are read, and how long requests wait for one.
#[derive(Clone, Copy, Debug, Args)]
pub struct Pace {
    /// Read the secret this often: 30s, 5m. It is also read when its token expires, and when the platform rejects it
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    pub refresh: Duration,
    /// Longest time for which a request waits for a token that is valid: 10s, 1m
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub wait: Duration,
}

/// Only this machine may connect: the tokens travel without TLS.
fn parse_loopback(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse().ok().filter(|address: &SocketAddr| address.ip().is_loopback());
    address.ok_or_else(|| "expected a loopback address with a port, such as 127.0.0.1:0 or [::1]:8080".to_owned())
}
