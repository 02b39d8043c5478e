//! The write-ahead entry of a secret.

use crate::rotation::error::Result;
use crate::rotation::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// Keeps one write-ahead entry per secret, for the in-place rotation of a client's own secret: a value beside the
/// versions. `describe` lists it under the label [`AHEAD`](crate::rotation::version::labels::AHEAD).
pub trait WriteAhead: Send + Sync {
    /// Writes the entry with a new `id`, in place of another one. The caller holds the lease.
    ///
    /// # Errors
    /// As for staging.
    fn write_intent(
        &self,
        secret: &SecretId,
        id: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Reads the entry; `None` if there is none.
    ///
    /// # Errors
    /// As for reading a version.
    fn read_intent(&self, secret: &SecretId) -> impl Future<Output = Result<Option<SecretString>>> + Send;

    /// Deletes the entry if `id` is still its id.
    ///
    /// # Errors
    /// As for promoting.
    fn clear_intent(&self, secret: &SecretId, id: &VersionId) -> impl Future<Output = Result<()>> + Send;

    /// Checks that the store accepts two more versions of the secret: a rotation that regenerates a secret writes them.
    ///
    /// # Errors
    /// `DocumentInvalid` if the store has no room; otherwise as for reading a version.
    fn check_room(&self, _secret: &SecretId) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}
