//! The lease of a secret.

use std::future::Future;

use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// Grants one rotation at a time the right to make client secrets or access keys for a secret.
///
/// The lease is a label, [`LEASE`](crate::rotation::version::labels::LEASE), which `describe` lists. It moves by
/// compare-and-set to the id of a holder, and rests on a version of the secret in between. So a compare-and-set succeeds
/// only after a read that was not stale. The defaults are those of a store for documents whose tokens alone rotate.
pub trait Lease: Send + Sync {
    /// Moves the label from `seen` to the new id `holder`. Doing so again succeeds.
    ///
    /// # Errors
    /// `StoreConflict` if the label is not on `seen`; otherwise as for staging.
    fn take_lease(
        &self,
        _secret: &SecretId,
        _holder: &VersionId,
        _seen: Option<&VersionId>,
        _rotation_token: Option<&SecretString>,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Err(not_supported()) }
    }

    /// Moves the label from `holder` to `version`.
    ///
    /// # Errors
    /// As for taking it.
    fn release_lease(
        &self,
        _secret: &SecretId,
        _holder: &VersionId,
        _version: &VersionId,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

pub(super) fn not_supported() -> RotationError {
    let message = "this store supports no rotation of client secrets";
    RotationError::new(ErrorKind::ConfigurationInvalid, message).with_hint("remove rotate from the document")
}
