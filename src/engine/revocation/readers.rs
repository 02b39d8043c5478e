//! The roles whose readers get a token.

use std::fmt;

use tokio::time::Instant;

use crate::engine::automation::last_error::Cause;
use crate::engine::failure::to_failure;
use crate::engine::static_roles::credential::StaticCredential;
use crate::engine::static_roles::role::{CREDENTIALS, ROLES as STATIC_ROLES, StaticRole, key};
use crate::engine::static_roles::rotation::StaticRotations;
use crate::engine::storage::config::Config;
use crate::engine::storage::entries::Entries;
use crate::engine::storage::locks::Locks;
use crate::engine::storage::role::{PREFIX as ROLES, Role};
use crate::engine::tokens::shared_token::{SHARED, SharedToken, SharedTokens};
use crate::secret::{SecretString, same};
use openbao_plugin::Failure;
use openbao_plugin::framework::Call;

/// The engine is busy (RFC 9110, section 15.6.4).
const UNAVAILABLE: u16 = 503;

/// A role whose readers get a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// The roles that hold a token.
pub(crate) struct TokenHolders {
    /// Those whose readers get it.
    pub(crate) readers: Vec<TokenReader>,
    /// Those without readers: their config does not allow them, or they were deleted.
    pub(crate) unread: Vec<TokenReader>,
}

impl TokenHolders {
    /// Whether no role holds it.
    pub(crate) fn is_empty(&self) -> bool {
        self.readers.is_empty() && self.unread.is_empty()
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
    /// The roles that hold this token.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn holders(&self, token: &SecretString) -> Result<TokenHolders, Failure> {
        let held = self.entries.list(CREDENTIALS).await?.into_iter().map(TokenReader::Static);
        let shared = self.entries.list(SHARED).await?.into_iter().map(TokenReader::Shared);
        let (mut readers, mut unread) = (Vec::new(), Vec::new());
        for holder in held.chain(shared) {
            if self.holds(&holder, token).await? {
                let is_read = self.is_allowed(&holder).await?;
                if is_read { &mut readers } else { &mut unread }.push(holder);
            }
        }
        Ok(TokenHolders { readers, unread })
    }

    /// Whether a role holds this token.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn holds(&self, reader: &TokenReader, token: &SecretString) -> Result<bool, Failure> {
        match reader {
            TokenReader::Static(name) => self.is_static(name, token).await,
            TokenReader::Shared(name) => {
                let stored = intact(self.entries.get::<SharedToken>(&SharedToken::key(name)).await)?;
                Ok(stored.is_some_and(|stored| same(&stored.token.access_token, token)))
            }
        }
    }

    /// Gives the readers of a role another token. A shared token is deleted: the next reader gets a new one. Concurrent
    /// requests share a rotation that began after them.
    ///
    /// # Errors
    /// Why a static role could not be rotated, 503 because the role is busy, or the host's error.
    pub(crate) async fn replace(&self, call: &Call, reader: &TokenReader, token: &SecretString) -> Result<(), Failure> {
        let requested_at = Instant::now();
        let (locks, name) = self.lock_of(reader);
        let _lock = locks.lock_for(call, name).await.map_err(|_| busy(reader))?;
        self.replace_locked(reader, token, requested_at).await
    }

    /// The lock that the writers of a role's token hold, and its name.
    pub(crate) fn lock_of<'a>(&'a self, reader: &'a TokenReader) -> (&'a Locks, &'a str) {
        match reader {
            TokenReader::Static(name) => (&self.static_rotations.locks, name),
            TokenReader::Shared(name) => (&self.shared_tokens.locks, name),
        }
    }

    /// As [`replace`](Self::replace). The caller holds the role's lock, and began to wait for it at this time.
    ///
    /// # Errors
    /// Why a static role could not be rotated, or the host's error.
    pub(crate) async fn replace_locked(
        &self,
        reader: &TokenReader,
        token: &SecretString,
        requested_at: Instant,
    ) -> Result<(), Failure> {
        let (_, name) = self.lock_of(reader);
        if matches!(reader, TokenReader::Shared(_)) {
            return self.shared_tokens.forget(name, token).await;
        }
        if !self.is_static(name, token).await? {
            return Ok(());
        }
        if let Some(outcome) = self.static_rotations.outcome_since(name, requested_at) {
            return outcome.map_err(|error| to_failure(&error));
        }
        match self.entries.get::<StaticRole>(&key(STATIC_ROLES, name)).await? {
            Some(role) => {
                self.static_rotations.rotate(name, &role, Cause::Request).await.map_err(|error| to_failure(&error))
            }
            None => Ok(()),
        }
    }

    /// Whether the role exists and its config allows it.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn is_allowed(&self, reader: &TokenReader) -> Result<bool, Failure> {
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

    /// Deletes the entry of a token, if it still holds it: a role that is allowed again gets another token.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn drop_token(&self, reader: &TokenReader, token: &SecretString) -> Result<(), Failure> {
        match reader {
            TokenReader::Static(name) => {
                let _lock = self.static_rotations.locks.lock(name).await;
                match self.is_static(name, token).await? {
                    true => self.entries.delete(&key(CREDENTIALS, name)).await,
                    false => Ok(()),
                }
            }
            TokenReader::Shared(name) => {
                let _lock = self.shared_tokens.locks.lock(name).await;
                self.shared_tokens.forget(name, token).await
            }
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

fn busy(reader: &TokenReader) -> Failure {
    Failure::Status(UNAVAILABLE, format!("{reader} is being changed or rotated, and the platform is slow\nhint: retry"))
}
