//! The roles whose readers get a token.

use std::fmt;

use crate::engine::automation::last_error::Cause;
use crate::engine::static_roles::credential::StaticCredential;
use crate::engine::static_roles::role::{CREDENTIALS, ROLES as STATIC_ROLES, StaticRole, key};
use crate::engine::static_roles::rotation::StaticRotations;
use crate::engine::storage::config::Config;
use crate::engine::storage::entries::Entries;
use crate::engine::storage::role::{PREFIX as ROLES, Role};
use crate::engine::tokens::shared_token::{SharedToken, SharedTokens};
use crate::rotation::{ErrorKind, RotationError};
use crate::secret::{SecretString, same};
use openbao_plugin::Failure;

/// A role whose readers get a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenReader {
    /// A static role.
    Static(String),
    /// A role with a shared token.
    Shared(String),
}

impl fmt::Display for TokenReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(name) => write!(formatter, "{STATIC_ROLES}{name}"),
            Self::Shared(name) => write!(formatter, "{ROLES}{name}"),
        }
    }
}

/// Finds the roles whose readers get a token, and replaces it.
#[derive(Clone)]
pub(crate) struct TokenReaders {
    pub(crate) entries: Entries,
    pub(crate) static_rotations: StaticRotations,
    pub(crate) shared_tokens: SharedTokens,
}

impl TokenReaders {
    /// The roles whose readers get this token. A role that its config does not allow has no readers: it loses the token,
    /// so that readers get another one once it is allowed again.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn of(&self, token: &SecretString) -> Result<Vec<TokenReader>, Failure> {
        let mut readers = Vec::new();
        for name in self.entries.list(STATIC_ROLES).await? {
            if self.is_static(&name, token).await? {
                readers.push(TokenReader::Static(name));
            }
        }
        for name in self.entries.list(ROLES).await? {
            let stored = intact(self.entries.get::<SharedToken>(&SharedToken::key(&name)).await)?;
            if stored.is_some_and(|stored| same(&stored.token.access_token, token)) {
                readers.push(TokenReader::Shared(name));
            }
        }
        let mut allowed = Vec::new();
        for reader in readers {
            match self.is_allowed(&reader).await? {
                true => allowed.push(reader),
                false => self.drop_token(&reader, token).await?,
            }
        }
        Ok(allowed)
    }

    /// Gives the readers of a role another token. A shared token is deleted: the next reader gets a new one.
    ///
    /// # Errors
    /// Why a static role could not be rotated, or the host's error.
    pub(crate) async fn replace(&self, reader: &TokenReader, token: &SecretString) -> Result<(), RotationError> {
        let TokenReader::Static(name) = reader else {
            return self.drop_token(reader, token).await.map_err(|failure| unavailable(&failure));
        };
        let _lock = self.static_rotations.locks.lock(name).await;
        if !self.is_static(name, token).await.map_err(|failure| unavailable(&failure))? {
            return Ok(());
        }
        match self.entries.get::<StaticRole>(&key(STATIC_ROLES, name)).await {
            Ok(Some(role)) => self.static_rotations.rotate(name, &role, Cause::Request).await,
            Ok(None) => Ok(()),
            Err(failure) => Err(unavailable(&failure)),
        }
    }

    async fn is_allowed(&self, reader: &TokenReader) -> Result<bool, Failure> {
        let (name, config) = match reader {
            TokenReader::Static(name) => {
                let role = intact(self.entries.get::<StaticRole>(&key(STATIC_ROLES, name)).await)?;
                (name, role.map(|role| role.settings.config))
            }
            TokenReader::Shared(name) => {
                (name, intact(self.entries.get::<Role>(&Role::key(name)).await)?.map(|role| role.config))
            }
        };
        let Some(config) = config else { return Ok(false) };
        match Config::check_role(&self.entries, &config, name).await {
            Ok(()) => Ok(true),
            Err(failure @ Failure::Host(_)) => Err(failure),
            Err(_) => Ok(false),
        }
    }

    /// Deletes the entry of a token, if it still holds it.
    async fn drop_token(&self, reader: &TokenReader, token: &SecretString) -> Result<(), Failure> {
        match reader {
            TokenReader::Static(name) => {
                let _lock = self.static_rotations.locks.lock(name).await;
                match self.is_static(name, token).await? {
                    true => self.entries.delete(&key(CREDENTIALS, name)).await,
                    false => Ok(()),
                }
            }
            TokenReader::Shared(name) => self.shared_tokens.forget(name, token).await,
        }
    }

    async fn is_static(&self, name: &str, token: &SecretString) -> Result<bool, Failure> {
        let credential = intact(StaticCredential::of_role(&self.entries, name).await)?;
        Ok(credential.is_some_and(|credential| same(&credential.token.access_token, token)))
    }
}

/// An entry that was read; `None` for a damaged one, which no reader gets.
fn intact<T>(entry: Result<Option<T>, Failure>) -> Result<Option<T>, Failure> {
    match entry {
        Err(Failure::Internal(_)) => Ok(None),
        entry => entry,
    }
}

fn unavailable(failure: &Failure) -> RotationError {
    RotationError::new(ErrorKind::StoreUnavailable, failure.to_string())
}
