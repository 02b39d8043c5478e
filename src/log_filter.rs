//! Which log lines may be written.

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Our own lines from a level on, and other crates' only where something is wrong.
///
/// At their finest levels the HTTP, AWS and Lambda libraries print requests, answers and events
/// as they are, secrets included. No setting of the environment can switch that on.
pub fn log_filter(level: Option<&str>) -> Targets {
    let level = level.and_then(parse).unwrap_or(LevelFilter::INFO);
    Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        // It logs each failed event once more, in Debug form.
        .with_target("lambda_runtime", LevelFilter::OFF)
        .with_target("genesys_rotator", level)
}

/// Lambda's console offers FATAL too (Lambda developer guide, "Log-level filtering").
fn parse(name: &str) -> Option<LevelFilter> {
    let name = name.trim();
    if name.eq_ignore_ascii_case("fatal") { Some(LevelFilter::ERROR) } else { name.parse().ok() }
}
