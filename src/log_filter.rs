//! What is logged: our own events at the level that was asked for, other crates' warnings at most.
//!
//! HTTP clients and SDKs print whole requests at their lowest levels, with the secrets in them.
//! So no setting can turn those on.

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};

/// The crate's own targets all begin with this.
const OWN: &str = "genesys_rotator";
/// The most that other crates may say.
const OTHERS: LevelFilter = LevelFilter::WARN;

/// The filter that a text asks for: a level such as `debug`, or targets with levels such as
/// `info,genesys_rotator::rotation=trace`. Whatever it says of other crates, they stay at WARN.
///
/// # Errors
/// The text is not of that form.
pub fn own_level(text: &str) -> Result<Targets, ParseError> {
    let asked: Targets = text.trim().parse()?;
    let default = asked.default_level();
    let own = default.unwrap_or(LevelFilter::INFO);
    let mut filter = Targets::new().with_default(default.unwrap_or(OTHERS).min(OTHERS)).with_target(OWN, own);
    for (target, level) in &asked {
        let level = if target.starts_with(OWN) { level } else { level.min(OTHERS) };
        filter = filter.with_target(target, level);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn filter(text: &str) -> Targets {
        own_level(text).expect(text)
    }

    #[test]
    fn a_level_is_our_own() {
        for text in ["trace", "TRACE", " trace "] {
            let filter = filter(text);
            assert!(filter.would_enable("genesys_rotator::rotation", &Level::TRACE), "{text}");
            assert!(!filter.would_enable("hyper::proto", &Level::INFO), "{text}");
            assert!(filter.would_enable("hyper::proto", &Level::WARN), "{text}");
        }
        assert!(!filter("off").would_enable("hyper", &Level::ERROR));
        assert!(!filter("error").would_enable("hyper", &Level::WARN));
    }

    #[test]
    fn nothing_turns_other_crates_below_warn() {
        for text in ["hyper=trace", "aws_smithy_runtime=debug,trace", "trace,aws=trace,reqwest=trace", "h2"] {
            let filter = filter(text);
            for target in ["hyper", "aws_smithy_runtime::client", "reqwest::connect", "h2::codec", "aws"] {
                assert!(!filter.would_enable(target, &Level::INFO), "{text}: {target}");
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
    fn nonsense_is_refused() {
        assert!(own_level("genesys_rotator=loud").is_err());
    }
}
