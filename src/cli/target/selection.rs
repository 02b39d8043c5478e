//! The options that select secrets: names, a filter in Secrets Manager, or an inventory.

use std::path::PathBuf;

use clap::Args;

use super::accounts::Accounts;
use super::secret_reference::SecretReference;
use super::source::Source;
use crate::cli::exit::CommandFailure;
use crate::store::aws::list::SecretFilter;

/// Filters for secrets in Secrets Manager, and where to apply them.
#[derive(Clone, Debug, Default, Args)]
pub struct Selection {
    /// Select all secrets of the account and region that match --tag, --prefix and --rotation-function
    #[arg(long, conflicts_with = "secrets")]
    pub all: bool,
    /// With --all: only secrets with this tag (and value); repeatable, all tags must match
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = parse_tag)]
    pub tags: Vec<(String, Option<String>)>,
    /// With --all: only secrets whose name starts with NAME
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub prefix: Option<String>,
    /// With --all: only secrets that this function rotates, regardless of their content
    #[arg(long, value_name = "ARN", value_parser = parse_function)]
    pub rotation_function: Option<String>,
    /// The accounts and regions.
    #[command(flatten)]
    pub accounts: Accounts,
    /// Select the secrets of an inventory in TOML: accounts, regions, filters, folders
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["secrets", "all", "tags", "prefix", "rotation_function", "profiles", "ids", "role_arns", "regions"]
    )]
    pub from: Option<PathBuf>,
}

impl Selection {
    /// Whether secrets are selected by more than their names.
    pub(crate) fn is_many(&self) -> bool {
        self.all || self.from.is_some()
    }

    /// Returns where the secrets are to be found, without an inventory. `is_alone` says that there is only one place, so
    /// results do not name it.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure.
    pub(super) fn sources(&self, named: &[String], is_alone: bool) -> Result<Vec<Source>, CommandFailure> {
        let filter = self.filter();
        if !self.all && !filter.is_empty() {
            let message = "--tag, --prefix and --rotation-function require --all";
            return Err(CommandFailure::usage(message, "add --all and remove the secret names"));
        }
        let mut places = self.accounts.places();
        if is_alone {
            places.iter_mut().for_each(|place| place.name.clear());
        }
        if self.all || named.is_empty() {
            return Ok(places.into_iter().map(|place| Source::Filter(place, filter.clone())).collect());
        }
        let mut sources = Vec::new();
        for typed in named {
            sources.extend(SecretReference::parse(typed)?.in_places(&places)?.into_iter().map(Source::Named));
        }
        Ok(sources)
    }

    pub(super) fn filter(&self) -> SecretFilter {
        let Self { tags, prefix, rotation_function, .. } = self.clone();
        SecretFilter { tags, prefix, rotation_function }
    }
}

/// `KEY`, or `KEY=VALUE` with a possibly empty value. Keys that contain an equals sign are not supported.
fn parse_tag(text: &str) -> Result<(String, Option<String>), String> {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
    if key.is_empty() {
        return Err("expected KEY=VALUE, or KEY for any value".to_owned());
    }
    Ok((key.to_owned(), value.map(str::to_owned)))
}

fn parse_function(text: &str) -> Result<String, String> {
    match text.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "lambda", _, _, "function", name, ..] if !name.is_empty() => Ok(text.to_owned()),
        _ => Err("expected a function ARN: arn:aws:lambda:REGION:ACCOUNT:function:NAME".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_key_with_or_without_a_value() {
        let tag = |key: &str, value: Option<&str>| Ok((key.to_owned(), value.map(str::to_owned)));
        assert_eq!(parse_tag("team=a=b"), tag("team", Some("a=b")));
        assert_eq!(parse_tag("team="), tag("team", Some("")));
        assert_eq!(parse_tag("team"), tag("team", None));
        assert!(parse_tag("=a").is_err() && parse_tag("").is_err());
    }

    #[test]
    fn a_rotation_function_is_an_arn() {
        assert!(parse_function("arn:aws:lambda:eu-west-1:123456789012:function:rotate:live").is_ok());
        for text in ["rotate", "arn:aws:lambda:eu-west-1:123456789012:function:", "arn:aws:s3:::bucket"] {
            assert!(parse_function(text).is_err(), "{text}");
        }
    }
}
