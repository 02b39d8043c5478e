//! The store that holds secrets, their versions and labels.

use std::path::PathBuf;

use crate::rotation::error::Result;
use crate::rotation::version::labels::{Description, SecretId, VersionId};
use crate::secret::SecretString;

/// Selects the version to read.
#[derive(Clone, Copy, Debug)]
pub enum VersionSelector<'a> {
    /// The version with the current label: the one that readers read.
    Current,
    /// This version, if it has the pending label.
    Pending(&'a VersionId),
    /// The version with the previous label. A store that does not keep its value returns `None`.
    Previous,
}

/// A version's value.
#[derive(Clone, Debug)]
pub struct StoredValue {
    /// The value.
    pub text: SecretString,
    /// The version that the value belongs to; `None` where a promotion compares values instead of versions.
    pub version: Option<VersionId>,
    /// The folder of the file that was read, without symbolic links; `None` in other stores.
    pub folder: Option<PathBuf>,
}

impl From<SecretString> for StoredValue {
    fn from(text: SecretString) -> Self {
        Self { text, version: None, folder: None }
    }
}

/// The result of staging a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staged {
    /// The version holds exactly this value.
    Stored,
    /// The version already held another value and keeps it: a version's value is written once.
    HeldAnother,
}

/// A store of versioned secrets. An implementation makes one attempt per call; the core retries.
pub trait SecretStore: Send + Sync {
    /// Returns the labelled versions and the rotation settings.
    ///
    /// # Errors
    /// `SecretNotFound`, `StoreDenied`, `RateLimited`, `StoreUnavailable`.
    fn describe(&self, secret: &SecretId) -> impl Future<Output = Result<Description>> + Send;

    /// Reads a version's value; `None` if the version does not exist or has no value yet.
    ///
    /// # Errors
    /// `SecretNotFound` if the store can tell a missing secret from a missing version; `StoreDenied`, `RateLimited`,
    /// `StoreUnavailable`; `DocumentInvalid` if the value is not text.
    fn read(
        &self,
        secret: &SecretId,
        selector: VersionSelector<'_>,
    ) -> impl Future<Output = Result<Option<StoredValue>>> + Send;

    /// Writes a version's value and moves the pending label to it, atomically. Writing the same value again succeeds.
    ///
    /// Secrets Manager requires `rotation_token` for writes that belong to a rotation.
    ///
    /// # Errors
    /// `DocumentInvalid` if the value is too large; `StoreDenied`, `RateLimited`, `StoreUnavailable`.
    fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> impl Future<Output = Result<Staged>> + Send;

    /// Moves the current label to `version` if `over` is still the current value, and the previous label to that value's
    /// version.
    ///
    /// # Errors
    /// `StoreConflict` if the current value is another one; otherwise as for [`read`](Self::read).
    fn promote(
        &self,
        secret: &SecretId,
        version: &VersionId,
        over: &StoredValue,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Removes the pending label from a version that cannot be promoted.
    ///
    /// # Errors
    /// As for [`promote`](Self::promote).
    fn unstage(&self, secret: &SecretId, version: &VersionId) -> impl Future<Output = Result<()>> + Send;
}
