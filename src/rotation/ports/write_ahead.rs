//! The write-ahead entry of a secret.

use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// Keeps one write-ahead entry per secret: a value beside the versions, which the next write replaces. `describe`
/// lists it as a version with the label [`AHEAD`](crate::rotation::version::labels::AHEAD).
///
/// Only in-place rotation of a client's own secret needs it. The defaults are those of a store without such an entry.
pub trait WriteAhead: Send + Sync {
    /// Writes the entry.
    ///
    /// # Errors
    /// `ConfigurationInvalid` if the store has no write-ahead entry; otherwise as for staging.
    fn write_intent(
        &self,
        _secret: &SecretId,
        _value: &SecretString,
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

    /// Deletes the entry. `holder` is the version that holds it.
    ///
    /// # Errors
    /// As for promoting.
    fn clear_intent(&self, _secret: &SecretId, _holder: &VersionId) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

fn not_supported() -> RotationError {
    let message = "this store has no write-ahead entry, which in-place rotation of a client secret needs";
    RotationError::new(ErrorKind::ConfigurationInvalid, message)
        .with_hint("list two OAuth clients in the document: the rotation then alternates between them")
}
