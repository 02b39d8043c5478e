//! The secrets that a command acts on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

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
    /// Returns the named secrets, or those that match, and the places without any.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for an invalid reference, inventory or settings; the error of the only
    /// place, if it has no result.
    pub(crate) async fn choose(&self, named: &[String], session: &Session) -> Result<Choice, CommandFailure> {
        Choice::find(self.read_sources(named)?, session).await
    }

    /// Returns where a command finds its secrets that must not select every secret of an account.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure, also for `--all`, and for an entry of an inventory, without a filter.
    pub(crate) fn narrowed(&self, named: &[String], command: &str) -> Result<Vec<Source>, CommandFailure> {
        let sources = self.read_sources(named)?;
        let is_everything = |source: &Source| matches!(source, Source::Filter(_, filter) if filter.is_empty());
        if sources.iter().any(is_everything) {
            let (message, hint) = match &self.from {
                None => (
                    format!("{command} --all needs a filter: alone it would select every secret of the account"),
                    "add --tag KEY=VALUE, --prefix NAME or --rotation-function ARN".to_owned(),
                ),
                Some(path) => (
                    format!("{}: an entry of aws selects every secret of its account", path.display()),
                    format!("{command} needs tags, prefix, rotation_function or secrets in each entry"),
                ),
            };
            return Err(CommandFailure::usage(message, hint));
        }
        Ok(sources)
    }

    fn read_sources(&self, named: &[String]) -> Result<Vec<Source>, CommandFailure> {
        let sources = match &self.from {
            Some(path) => inventory::read(path)?,
            None => self.sources(named, self.accounts.places().len() == 1)?,
        };
        if self.accounts.is_given() && sources.iter().all(|source| source.store() != StoreKind::Aws) {
            let message = "--profile, --account, --role-arn and --region select secrets of Secrets Manager only";
            return Err(CommandFailure::usage(message, "remove them, or name a secret of Secrets Manager"));
        }
        Ok(sources)
    }
}

impl Choice {
    /// Returns the secrets of these sources, and the places without any.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure for invalid settings; the error of the only place, if it has no result.
    pub(crate) async fn find(sources: Vec<Source>, session: &Session) -> Result<Self, CommandFailure> {
        session.validate_settings(&sources.iter().map(Source::store).collect::<Vec<_>>()).await?;
        let (mut choice, mut known, mut lists) = (Self::default(), HashMap::new(), Vec::new());
        let find = sources.iter().map(|source| async move { (source, source.find(session).await) });
        let mut found = stream::iter(find).buffered(AT_ONCE);
        while let Some((source, found)) = found.next().await {
            match found {
                Ok(secrets) => lists.push(secrets.into_iter()),
                Err(error) => choice.unlisted.push(Unlisted { name: source.name(), error }),
            }
        }
        // Each place has its own quotas, so its secrets are spread over the run.
        while !lists.is_empty() {
            lists.retain_mut(|secrets| secrets.next().map(|chosen| choice.add(chosen, &mut known)).is_some());
        }
        match choice.unlisted.pop_if(|_| sources.len() == 1) {
            Some(Unlisted { error, .. }) => Err(error.into()),
            None => Ok(choice),
        }
    }

    /// Adds a secret once. `known` holds the positions of those that were added. A secret that is both listed and named
    /// counts as named.
    fn add(&mut self, chosen: Chosen, known: &mut HashMap<String, usize>) {
        match known.entry(chosen.secret.key()) {
            Entry::Vacant(entry) => {
                entry.insert(self.secrets.len());
                self.secrets.push(chosen);
            }
            Entry::Occupied(entry) if chosen.is_confirmed() => self.secrets[*entry.get()].listed = chosen.listed,
            Entry::Occupied(_) => {}
        }
    }
}
