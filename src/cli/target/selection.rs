//! Selection of secrets: by name, or all secrets in Secrets Manager that match a filter.

use clap::Args;

use super::secret_reference::SecretReference;
use super::session::Session;
use crate::cli::exit::{CommandFailure, Exit};
use crate::rotation::{Deadline, RetryPolicy};
use crate::store::aws::list::{ListedSecret, SecretFilter};

/// The timeout of listing secrets.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(120);

/// Filters for secrets in Secrets Manager.
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
}

/// A selected secret.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) secret: SecretReference,
    /// Its list entry; `None` if the user named it.
    pub(crate) listed: Option<ListedSecret>,
}

impl Selection {
    /// Whether a filter narrows `--all`.
    pub(crate) fn is_narrowed(&self) -> bool {
        !self.tags.is_empty() || self.prefix.is_some() || self.rotation_function.is_some()
    }

    /// Refuses `--all` without a filter.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure.
    pub(crate) fn require_filter(&self, command: &str) -> Result<(), CommandFailure> {
        if !self.all || self.is_narrowed() {
            return Ok(());
        }
        let message = format!("{command} --all needs a filter: alone it would select every secret of the account");
        Err(CommandFailure::usage(message, "add --tag KEY=VALUE, --prefix NAME or --rotation-function ARN"))
    }

    /// Returns the named secrets, or those that match: at least one.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for an invalid reference or invalid settings; the error of listing; nothing
    /// matches.
    pub(crate) async fn choose(&self, named: &[String], session: &Session) -> Result<Vec<Chosen>, CommandFailure> {
        if !self.all && self.is_narrowed() {
            let message = "--tag, --prefix and --rotation-function require --all";
            return Err(CommandFailure::usage(message, "add --all and remove the secret names"));
        }
        if self.all || named.is_empty() {
            return self.list(session).await;
        }
        let secrets = SecretReference::parse_all(named)?;
        session.validate_settings(&secrets).await?;
        Ok(secrets.into_iter().map(|secret| Chosen { secret, listed: None }).collect())
    }

    async fn list(&self, session: &Session) -> Result<Vec<Chosen>, CommandFailure> {
        let aws = session.aws().await;
        let Self { tags, prefix, rotation_function, .. } = self.clone();
        let wanted = SecretFilter { tags, prefix, rotation_function };
        let list = || aws.list(&wanted);
        let found = RetryPolicy::default().run("list the secrets", Deadline::after(TIMEOUT), list).await?;
        if found.is_empty() {
            return Err(nothing_matches());
        }
        let chosen = |listed: ListedSecret| {
            let secret = SecretReference::listed(listed.secret.clone());
            Chosen { secret, listed: Some(listed) }
        };
        Ok(found.into_iter().map(chosen).collect())
    }
}

fn nothing_matches() -> CommandFailure {
    CommandFailure {
        exit: Exit::Failed,
        message: "no secret of this account and region matches".to_owned(),
        hint: "check AWS_REGION, the account, and the tag or prefix, which are case-sensitive".to_owned(),
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
