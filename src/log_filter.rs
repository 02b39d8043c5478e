//! The log filter of all three binaries.

use tracing_subscriber::filter::{LevelFilter, Targets};

/// The prefix of this crate's targets.
const OWN: &str = "genesys_rotator";
/// Crates that log every failure a second time, with the event or with Vault's answer.
const SILENT: [&str; 3] = ["lambda_runtime", "rustify", "vaultrs"];

/// Returns a filter for this crate's lines by level, and for other crates' lines from WARN on.
///
/// `wanted` is a level such as `debug`, or targets with levels such as `warn,genesys_rotator::platform=debug`. The default
/// level of this crate is INFO. Below WARN, the HTTP, AWS and Lambda libraries print requests, answers and events with
/// their secrets; no environment variable can enable that.
pub fn log_filter(wanted: Option<&str>) -> Targets {
    let wanted = wanted.and_then(parse).unwrap_or_default();
    let own = wanted.default_level().unwrap_or(LevelFilter::INFO);
    let mut filter = Targets::new().with_default(LevelFilter::WARN.min(own));
    for (target, level) in wanted.iter().filter(|(target, _)| !SILENT.iter().any(|silent| target.starts_with(silent))) {
        let level = if target.starts_with(OWN) { level } else { LevelFilter::WARN.min(level) };
        filter = filter.with_target(target, level);
    }
    let filter = filter.with_targets(SILENT.map(|silent| (silent, LevelFilter::OFF)));
    match wanted.iter().any(|(target, _)| target == OWN) {
        true => filter,
        false => filter.with_target(OWN, own),
    }
}

/// Accepts FATAL, which Lambda's console offers (Lambda developer guide, "Log-level filtering").
fn parse(wanted: &str) -> Option<Targets> {
    match wanted.trim() {
        "" => None,
        text if text.eq_ignore_ascii_case("fatal") => Some(Targets::new().with_default(LevelFilter::ERROR)),
        text => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn filter(text: &str) -> Targets {
        log_filter(Some(text))
    }

    #[test]
    fn a_level_applies_to_this_crate() {
        for text in ["trace", "TRACE", " trace ", "genesys_rotator=trace"] {
            let filter = filter(text);
            assert!(filter.would_enable("genesys_rotator::rotation", &Level::TRACE), "{text}");
            assert!(!filter.would_enable("hyper::proto", &Level::INFO), "{text}");
            assert!(filter.would_enable("hyper::proto", &Level::WARN), "{text}");
        }
        assert!(!filter("off").would_enable("hyper", &Level::ERROR));
        assert!(!filter("error").would_enable("hyper", &Level::WARN));
        assert!(!filter("Fatal").would_enable("genesys_rotator", &Level::WARN));
    }

    #[test]
    fn nothing_turns_other_crates_below_warn() {
        for text in
            ["hyper=trace", "aws_smithy_runtime=debug,trace", "trace,aws=trace,reqwest=trace", "h2", "loud=loud"]
        {
            let filter = filter(text);
            for target in ["hyper", "aws_smithy_runtime::client", "reqwest::connect", "h2::codec", "aws"] {
                assert!(!filter.would_enable(target, &Level::INFO), "{text}: {target}");
            }
        }
    }

    #[test]
    fn crates_that_log_failures_twice_stay_silent() {
        for text in
            ["trace", "lambda_runtime=trace", "lambda_runtime::layers=error", "vaultrs=trace", "rustify::client"]
        {
            for target in ["lambda_runtime::layers", "vaultrs::api", "rustify::client"] {
                assert!(!filter(text).would_enable(target, &Level::ERROR), "{text}");
            }
        }
    }

    #[test]
    fn a_module_of_this_crate_has_its_own_level() {
        let filter = filter("warn,genesys_rotator::platform=debug");
        assert!(filter.would_enable("genesys_rotator::platform::http", &Level::DEBUG));
        assert!(!filter.would_enable("genesys_rotator::rotation", &Level::INFO));
    }

    #[test]
    fn the_default_level_is_info() {
        for wanted in [None, Some(""), Some("loud=loud"), Some("hyper=debug")] {
            let filter = log_filter(wanted);
            assert!(filter.would_enable("genesys_rotator::rotation", &Level::INFO), "{wanted:?}");
            assert!(!filter.would_enable("genesys_rotator::rotation", &Level::DEBUG), "{wanted:?}");
        }
    }
}
