//! Where selected secrets come from.

use std::time::Duration;

use super::accounts::Place;
use super::secret_reference::{SecretReference, StoreKind};
use super::session::Session;
use crate::rotation::{Deadline, ErrorKind, RetryPolicy, RotationError, SecretId};
use crate::store::aws::list::{ListedSecret, SecretFilter};
use crate::store::file::list_folder;

/// The timeout of listing the secrets of one place.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Where selected secrets come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Named(SecretReference),
    Filter(Place, SecretFilter),
    /// The secrets below a path of KV, or the files of a folder: `vault:MOUNT/FOLDER/`, `file:FOLDER/`.
    Folder(StoreKind, String),
}

/// A selected secret.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) secret: SecretReference,
    /// How it was found; `None` if it is named.
    pub(crate) listed: Option<Listed>,
}

/// How a selected secret was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    /// Whether Secrets Manager rotates it.
    pub(crate) rotates: bool,
    /// Whether Secrets Manager rotates it, or once did.
    pub(crate) was_configured: bool,
    /// Whether a filter or a folder selected it.
    pub(crate) is_narrowed: bool,
    /// Whether the operator named its rotation function.
    is_function_named: bool,
}

impl Chosen {
    /// Whether the operator named the secret or its rotation function, which confirms that it may be rotated.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.listed.is_none_or(|listed| listed.is_function_named)
    }
}

impl Source {
    pub(super) fn store(&self) -> StoreKind {
        match self {
            Self::Named(secret) => secret.store,
            Self::Folder(store, _) => *store,
            Self::Filter(..) => StoreKind::Aws,
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Named(secret) => secret.typed.clone(),
            Self::Filter(place, filter) => {
                let tags = filter.tags.iter().map(|(key, value)| match value {
                    Some(value) => format!(" {key}={value}"),
                    None => format!(" {key}"),
                });
                let function = filter.rotation_function.iter().map(|function| format!(" {function}"));
                let rest = tags.chain(function).collect::<String>();
                place.label(&format!("{}*{rest}", filter.prefix.as_deref().unwrap_or_default()))
            }
            Self::Folder(StoreKind::Vault, path) => format!("vault:{path}"),
            Self::Folder(_, path) => format!("file:{path}"),
        }
    }

    /// Returns the secrets: at least one.
    ///
    /// # Errors
    /// The error of listing; nothing matches.
    pub(super) async fn find(&self, session: &Session) -> Result<Vec<Chosen>, RotationError> {
        let found: Vec<_> = match self {
            Self::Named(secret) => return Ok(vec![Chosen { secret: secret.clone(), listed: None }]),
            Self::Filter(place, filter) => {
                let aws = session.aws(&place.access).await;
                let found = list(|| aws.list(filter)).await?;
                let is_narrowed = !filter.is_empty();
                let is_function_named = filter.rotation_function.is_some();
                let chosen = |ListedSecret { secret, rotates, was_configured }| Chosen {
                    secret: SecretReference::listed(secret, place),
                    listed: Some(Listed { rotates, was_configured, is_narrowed, is_function_named }),
                };
                found.into_iter().map(chosen).collect()
            }
            Self::Folder(store, path) => {
                let found = match store {
                    StoreKind::Vault => {
                        let vault = session.vault().await?;
                        list(|| vault.list(path)).await?
                    }
                    StoreKind::File | StoreKind::Aws => list_folder(path)?,
                };
                let listed =
                    Listed { rotates: false, was_configured: true, is_narrowed: true, is_function_named: false };
                let chosen =
                    |id: SecretId| Chosen { secret: SecretReference::in_folder(*store, id), listed: Some(listed) };
                found.into_iter().map(chosen).collect()
            }
        };
        if found.is_empty() { Err(self.nothing_matches()) } else { Ok(found) }
    }

    fn nothing_matches(&self) -> RotationError {
        let (message, hint) = match self {
            Self::Folder(..) => ("the folder holds no secret", "check the path in the inventory"),
            _ => (
                "no secret of this account and region matches",
                "check the account, the region (--region, the profile, AWS_REGION), and the tag or prefix, which are case-sensitive",
            ),
        };
        RotationError::new(ErrorKind::SecretNotFound, message).with_hint(hint)
    }
}

async fn list<T: Send, Listing: Future<Output = Result<T, RotationError>> + Send>(
    list: impl FnMut() -> Listing + Send,
) -> Result<T, RotationError> {
    RetryPolicy::default().run("list the secrets", Deadline::after(TIMEOUT), list).await
}
