//! Which log lines may be written.

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Our own lines from a level on, and other crates' only where something is wrong.
///
/// At their finest levels the HTTP, AWS and Lambda libraries print requests, answers and events
/// as they are, secrets included. No setting of the environment can switch that on.
pub fn log_filter(level: Option<&str>) -> Targets {
    let level = level.and_then(|name| name.trim().parse().ok()).unwrap_or(LevelFilter::INFO);
    Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        // It logs each failed event once more, in Debug form.
        .with_target("lambda_runtime", LevelFilter::OFF)
        .with_target("genesys_rotator", level)
}
