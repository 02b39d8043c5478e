//! Which log lines may be written.

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Our own targets all begin with this.
const OWN: &str = "genesys_rotator";
/// They log each failure once more: of an event in Debug form, of a call to Vault with the answer.
const SILENT: [&str; 3] = ["lambda_runtime", "rustify", "vaultrs"];

/// Our own lines from a level on, and other crates' only where something is wrong.
///
/// `wanted` is a level such as `debug`, or targets with levels such as `warn,genesys_rotator::platform=debug`;
/// INFO where it says nothing of our own. At their finest levels the HTTP, AWS and Lambda libraries
/// print requests, answers and events as they are, secrets included. No setting of the environment
/// can switch that on.
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

/// Lambda's console offers FATAL too (Lambda developer guide, "Log-level filtering").
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
    fn a_level_is_our_own() {
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
    fn what_tells_failures_once_more_stays_silent() {
        for text in
            ["trace", "lambda_runtime=trace", "lambda_runtime::layers=error", "vaultrs=trace", "rustify::client"]
        {
            for target in ["lambda_runtime::layers", "vaultrs::api", "rustify::client"] {
                assert!(!filter(text).would_enable(target, &Level::ERROR), "{text}");
            }
        }
    }

    #[test]
    fn a_part_of_our_own_can_be_chosen() {
        let filter = filter("warn,genesys_rotator::platform=debug");
        assert!(filter.would_enable("genesys_rotator::platform::http", &Level::DEBUG));
        assert!(!filter.would_enable("genesys_rotator::rotation", &Level::INFO));
    }

    #[test]
    fn what_says_nothing_of_our_own_means_info() {
        for wanted in [None, Some(""), Some("loud=loud"), Some("hyper=debug")] {
            let filter = log_filter(wanted);
            assert!(filter.would_enable("genesys_rotator::rotation", &Level::INFO), "{wanted:?}");
            assert!(!filter.would_enable("genesys_rotator::rotation", &Level::DEBUG), "{wanted:?}");
        }
    }
}
