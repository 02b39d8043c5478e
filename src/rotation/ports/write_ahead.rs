//! The write-ahead entry of a secret.

use std::future::Future;

use super::lease::not_supported;
use crate::rotation::error::Result;
use crate::rotation::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// Keeps one write-ahead entry per secret: a value beside the versions. `describe` lists it as a version with the label
/// [`AHEAD`](crate::rotation::version::labels::AHEAD).
///
/// Only in-place rotation of a client's own secret needs it. The defaults are those of a store without such an entry.
pub trait WriteAhead: Send + Sync {
    /// Writes the entry `id` if `seen` is still the entry's id. Writing it again succeeds.
    ///
    /// # Errors
    /// `StoreConflict` if another entry was written; `ConfigurationInvalid` if the store has no write-ahead entry;
    /// otherwise as for staging.
    fn write_intent(
        &self,
        _secret: &SecretId,
        _id: &VersionId,
        _value: &SecretString,
        _seen: Option<&VersionId>,
        _rotation_token: Option<&SecretString>,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Err(not_supported()) }
    }

    /// Reads the entry; `None` if there is none.
    ///
    /// # Errors
    /// As for reading a version.
    fn read_intent(&self, _secret: &SecretId) -> impl Future<Output = Result<Option<SecretString>>> + Send {
        async { Ok(None) }
    }

    /// Deletes the entry if `id` is still its id.
    ///
    /// # Errors
    /// As for promoting.
    fn clear_intent(&self, _secret: &SecretId, _id: &VersionId) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Checks that the store accepts two more versions of the secret: a rotation that regenerates a secret writes them.
    ///
    /// # Errors
    /// `DocumentInvalid` if the store has no room; otherwise as for reading a version.
    fn check_room(&self, _secret: &SecretId) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}
