//! The port to whatever keeps the secret.

use std::future::Future;

use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::version::labels::{Description, SecretId, VersionId};
use crate::secret::SecretString;

/// Which version is to be read.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// The one that readers read.
    Current,
    /// This one, which must also bear the pending label.
    Pending(&'a VersionId),
}

/// What became of a value that was to be staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staged {
    /// The version holds exactly this value.
    Stored,
    /// The version already held another value, which stays: a version's value is written once.
    HeldAnother,
}

/// Keeps a secret's versions. Adapters make one attempt at each call; the core retries.
pub trait SecretStore: Send + Sync {
    /// Says which versions bear which labels, and how rotation is set up.
    ///
    /// # Errors
    /// `SecretNotFound`, `StoreDenied`, `RateLimited`, `StoreUnavailable`.
    fn describe(&self, secret: &SecretId) -> impl Future<Output = Result<Description>> + Send;

    /// Reads a version's value; `None` where there is no such version or it has no value yet.
    ///
    /// # Errors
    /// `SecretNotFound` where the store can tell a missing secret from a missing version; `StoreDenied`, `RateLimited`, `StoreUnavailable`; `DocumentInvalid` for a value that is not text.
    fn read(&self, secret: &SecretId, wanted: Wanted<'_>) -> impl Future<Output = Result<Option<SecretString>>> + Send;

    /// Reads the value that readers read, with the version that it is of where the store can answer with a former one
    /// for a moment.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    fn read_current(
        &self,
        secret: &SecretId,
    ) -> impl Future<Output = Result<Option<(Option<VersionId>, SecretString)>>> + Send {
        async { Ok(self.read(secret, Wanted::Current).await?.map(|value| (None, value))) }
    }

    /// Reads the value that readers read before the current one; `None` where there is none, or the store does not
    /// keep it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    fn read_previous(&self, _secret: &SecretId) -> impl Future<Output = Result<Option<SecretString>>> + Send {
        async { Ok(None) }
    }

    /// Writes a value to a version and puts the pending label on it, in one act.
    /// The same value again is fine.
    ///
    /// `rotation_token` proves to Secrets Manager that this write belongs to a rotation.
    ///
    /// # Errors
    /// `DocumentInvalid` where the value is too large, `StoreDenied`, `RateLimited`, `StoreUnavailable`.
    fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> impl Future<Output = Result<Staged>> + Send;

    /// Moves the current label from `holder` to `version`, and the previous label to `holder`.
    ///
    /// # Errors
    /// `StoreConflict` where another version than `holder` is current by now; otherwise as for reading.
    fn promote(
        &self,
        secret: &SecretId,
        version: &VersionId,
        holder: Option<&VersionId>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Takes the pending label off a version that can never be promoted.
    ///
    /// # Errors
    /// As for promoting.
    fn unstage(&self, secret: &SecretId, version: &VersionId) -> impl Future<Output = Result<()>> + Send;

    /// Writes down what is about to be done, so that it can be taken up again: a value beside the versions, in place of
    /// the one before. A description shows it as a version that bears [`AHEAD`](crate::rotation::AHEAD).
    ///
    /// # Errors
    /// As for staging.
    fn write_ahead(
        &self,
        _secret: &SecretId,
        _value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Err(no_place_ahead()) }
    }

    /// What was written down last; `None` where there is nothing.
    ///
    /// # Errors
    /// As for reading.
    fn read_ahead(&self, _secret: &SecretId) -> impl Future<Output = Result<Option<SecretString>>> + Send {
        async { Ok(None) }
    }

    /// Forgets what was written down.
    ///
    /// # Errors
    /// As for promoting.
    fn clear_ahead(&self, _secret: &SecretId, _holder: &VersionId) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

fn no_place_ahead() -> RotationError {
    RotationError::new(
        ErrorKind::ConfigurationInvalid,
        "this store cannot keep what replacing a client's own secret needs",
    )
    .with_hint("list two clients in the document, of which one is always in use")
}
