//! The secrets that a command acts on.

use std::collections::HashSet;

use futures_util::{StreamExt, stream};

use super::inventory;
use super::secret_reference::StoreKind;
use super::selection::Selection;
use super::session::Session;
use super::source::{Chosen, Source};
use crate::cli::exit::CommandFailure;
use crate::rotation::RotationError;

/// The number of places that are listed concurrently.
const AT_ONCE: usize = 8;

/// The selected secrets.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    pub(crate) secrets: Vec<Chosen>,
    /// The accounts, regions and folders without a result.
    pub(crate) unlisted: Vec<Unlisted>,
}

/// A place that could not be listed, or in which nothing matches.
#[derive(Debug)]
pub(crate) struct Unlisted {
    pub(crate) name: String,
    pub(crate) error: RotationError,
}

impl Selection {
    /// Refuses a selection of everything.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for `--all`, and for an entry of an inventory, without a filter.
    pub(crate) fn require_filter(&self, command: &str) -> Result<(), CommandFailure> {
        let is_everything = |source: &Source| matches!(source, Source::Filter(_, filter) if filter.is_empty());
        match &self.from {
            None if !self.all || !self.filter().is_empty() => Ok(()),
            None => {
                let message =
                    format!("{command} --all needs a filter: alone it would select every secret of the account");
                Err(CommandFailure::usage(message, "add --tag KEY=VALUE, --prefix NAME or --rotation-function ARN"))
            }
            Some(path) if inventory::read(path)?.iter().any(is_everything) => {
                let message = format!("{}: an entry of aws selects every secret of its account", path.display());
                Err(CommandFailure::usage(
                    message,
                    format!("{command} needs tags, prefix, rotation_function or secrets in each entry"),
                ))
            }
            Some(_) => Ok(()),
        }
    }

    /// Returns the named secrets, or those that match, and the places without any.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for an invalid reference, inventory or settings; the error of the only
    /// place, if it has no result.
    pub(crate) async fn choose(&self, named: &[String], session: &Session) -> Result<Choice, CommandFailure> {
        let sources = match &self.from {
            Some(path) => inventory::read(path)?,
            None => self.sources(named, self.accounts.places().len() == 1)?,
        };
        session.validate_settings(&sources.iter().map(Source::store).collect::<Vec<_>>()).await?;
        if self.accounts.is_given() && sources.iter().all(|source| source.store() != StoreKind::Aws) {
            let message = "--profile, --account, --role-arn and --region select secrets of Secrets Manager only";
            return Err(CommandFailure::usage(message, "remove them, or name a secret of Secrets Manager"));
        }
        let (mut choice, mut known) = (Choice::default(), HashSet::new());
        let find = sources.iter().map(|source| async move { (source, source.find(session).await) });
        let mut found = stream::iter(find).buffered(AT_ONCE);
        while let Some((source, found)) = found.next().await {
            match found {
                Ok(secrets) => choice.secrets.extend(secrets.into_iter().filter(|Chosen { secret, .. }| {
                    known.insert((secret.store, secret.id.clone(), secret.access.clone()))
                })),
                Err(error) => choice.unlisted.push(Unlisted { name: source.name(), error }),
            }
        }
        match choice.unlisted.pop_if(|_| sources.len() == 1) {
            Some(Unlisted { error, .. }) => Err(error.into()),
            None => Ok(choice),
        }
    }
}
