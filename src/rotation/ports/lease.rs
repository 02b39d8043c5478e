//! The lease of a secret.

use crate::rotation::error::Result;
use crate::rotation::version::labels::{SecretId, VersionId};
use crate::secret::SecretString;

/// Grants one rotation at a time the right to make client secrets or access keys for a secret.
///
/// The lease is the label [`LEASE`](crate::rotation::version::labels::LEASE). It moves by compare-and-set to the id of a
/// holder and rests on a version in between. So a compare-and-set succeeds only after a read that was not stale.
pub trait Lease: Send + Sync {
    /// Moves the label from `seen` to the new id `holder`. Doing so again succeeds.
    ///
    /// # Errors
    /// `StoreConflict` if the label is not on `seen`; otherwise as for staging.
    fn take_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        seen: Option<&VersionId>,
        rotation_token: Option<&SecretString>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Moves the label from `holder` to `version`.
    ///
    /// # Errors
    /// As for taking it.
    fn release_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        version: &VersionId,
    ) -> impl Future<Output = Result<()>> + Send;
}
