//! The log filter of all three binaries.

use thiserror::Error;
#[cfg(feature = "cli")]
use tracing::level_filters::STATIC_MAX_LEVEL;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The prefix of this crate's targets.
const OWN: &str = "genesys_rotator";
/// Crates that log every failure a second time, with the event or with Vault's answer.
const SILENT: [&str; 3] = ["lambda_runtime", "rustify", "vaultrs"];

/// The part of a filter that is neither a level nor a module with one.
#[derive(Debug, Error)]
#[error("{0:?} is no log level and no log filter")]
pub struct UnknownFilter(String);

impl UnknownFilter {
    /// What to change.
    pub const HINT: &str = "use error, warn, info, debug, trace or off, or modules with levels such as warn,genesys_rotator::platform=info";
}

/// Returns a filter for this crate's lines by level, and for other crates' lines from WARN on.
///
/// `wanted` is a level such as `debug`, or targets with levels such as `warn,genesys_rotator::platform=debug`. The default
/// level of this crate is INFO. Below WARN, the HTTP, AWS and Lambda libraries print requests, answers and events with
/// their secrets; no environment variable can enable that.
///
/// # Errors
/// An unknown level or a malformed target.
pub fn log_filter(wanted: Option<&str>) -> Result<Targets, UnknownFilter> {
    let wanted = wanted.map(parse).transpose()?.unwrap_or_default();
    let own = wanted.default_level().unwrap_or(LevelFilter::INFO);
    let mut filter = Targets::new().with_default(LevelFilter::WARN.min(own));
    for (target, level) in wanted.iter().filter(|(target, _)| !SILENT.iter().any(|silent| target.starts_with(silent))) {
        let level = if target.starts_with(OWN) { level } else { LevelFilter::WARN.min(level) };
        filter = filter.with_target(target, level);
    }
    let filter = filter.with_targets(SILENT.map(|silent| (silent, LevelFilter::OFF)));
    Ok(match wanted.iter().any(|(target, _)| target == OWN) {
        true => filter,
        false => filter.with_target(OWN, own),
    })
}

/// Returns the filter, or the default one with the error, for a program that logs it and goes on.
pub fn log_filter_or_default(wanted: Option<&str>) -> (Targets, Option<UnknownFilter>) {
    match log_filter(wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (Targets::new().with_default(LevelFilter::WARN).with_target(OWN, LevelFilter::INFO), Some(error)),
    }
}

/// Returns whether a filter asks for lines below INFO, which release builds do not contain.
#[cfg(feature = "cli")]
pub fn is_beyond_this_build(filter: &Targets) -> bool {
    filter.iter().any(|(_, level)| level > STATIC_MAX_LEVEL)
}

/// Parses levels and targets, separated by commas.
fn parse(wanted: &str) -> Result<Targets, UnknownFilter> {
    let mut targets = Targets::new();
    for part in wanted.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        targets = match part.split_once('=') {
            Some((target, level)) if is_path(target) => match level_of(level) {
                Some(level) => targets.with_target(target, level),
                None => return Err(unknown(part)),
            },
            None if level_of(part).is_some() => targets.with_default(level_of(part).unwrap_or(LevelFilter::INFO)),
            None if part.starts_with(OWN) && is_path(part) => targets.with_target(part, LevelFilter::TRACE),
            _ => return Err(unknown(part)),
        };
    }
    Ok(targets)
}

/// Accepts FATAL, which Lambda's console offers (Lambda developer guide, "Log-level filtering").
fn level_of(text: &str) -> Option<LevelFilter> {
    match text {
        "" => None,
        text if text.eq_ignore_ascii_case("fatal") => Some(LevelFilter::ERROR),
        text => text.parse().ok(),
    }
}

/// Whether a text can be a module's path.
fn is_path(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    !text.is_empty() && text.chars().all(is_letter)
}

fn unknown(part: &str) -> UnknownFilter {
    UnknownFilter(part.chars().take(40).collect())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn filter(text: &str) -> Targets {
        log_filter(Some(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
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
            ["hyper=trace", "aws_smithy_runtime=debug,trace", "trace,aws=trace,reqwest=trace", "h2=TRACE", "h2=fatal"]
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
            ["trace", "lambda_runtime=trace", "lambda_runtime::layers=error", "vaultrs=trace", "rustify::client=trace"]
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
        let filters =
            [None, Some(""), Some(" , "), Some("hyper=debug")].map(|wanted| (wanted, filter(wanted.unwrap_or(""))));
        let ignored = log_filter_or_default(Some("loud"));
        assert!(ignored.1.is_some_and(|error| error.to_string().contains("loud")));
        for (wanted, filter) in filters.into_iter().chain([(Some("loud"), ignored.0)]) {
            assert!(filter.would_enable("genesys_rotator::rotation", &Level::INFO), "{wanted:?}");
            assert!(!filter.would_enable("genesys_rotator::rotation", &Level::DEBUG), "{wanted:?}");
        }
    }

    #[test]
    fn an_unknown_level_or_a_malformed_target_is_refused() {
        for text in [
            "loud",
            "inof",
            "hyper",
            "loud=loud",
            "=info",
            "hyper=",
            "genesys-rotator=debug",
            "info;debug",
            "[span]=info",
            "info,x",
        ] {
            let error = log_filter(Some(text)).expect_err(text);
            assert!(error.to_string().contains("is no log level"), "{text}: {error}");
        }
        assert!(log_filter(Some("genesys_rotator::platform")).is_ok() && log_filter(Some("3")).is_ok());
    }
}
