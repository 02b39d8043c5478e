//! Abandoning a staged version that cannot be promoted. A version's value is written once, so it cannot be repaired; and
//! as long as it is staged, every later rotation would have to finish it first.

use super::context::{StagedVersion, StepContext};
use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::access_keys::delete_abandoned_key;
use crate::rotation::step::{StepOutcome, StepReport};
use crate::rotation::version::preflight::Readiness;

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    /// Abandons the version, unless another call promoted it after the caller's reads.
    pub(super) async fn abandon_unless_promoted(&self, staged: &StagedVersion, why: &str) -> Result<StepReport> {
        match self.retry("describe the secret again", || self.look()).await?.1 {
            Readiness::AlreadyCurrent => Ok(StepReport::of(StepOutcome::AlreadyDone)),
            Readiness::Staged => Err(self.abandon(staged, ErrorKind::StoreConflict, why).await),
        }
    }

    /// Abandons a version whose client secret or access key is no longer valid. Returns the step's error.
    pub(super) async fn abandon_if_rejected(&self, error: RotationError, staged: &StagedVersion) -> RotationError {
        if error.kind() != ErrorKind::CredentialsRejected {
            return error;
        }
        let why = format!("holds a client secret or access key that is no longer valid ({error})");
        self.abandon(staged, ErrorKind::StoreConflict, &why).await
    }

    /// Removes the pending label, deletes the version's access key, revokes its token, and returns the step's error.
    pub(super) async fn abandon(&self, staged: &StagedVersion, kind: ErrorKind, why: &str) -> RotationError {
        let unstage = || self.rotator.store.unstage(&self.request.secret, &self.request.version);
        if let Err(error) = self.retry("remove the pending label", unstage).await {
            return error;
        }
        self.revoke_staged(staged).await;
        let message =
            format!("the version {} that an earlier attempt staged {why}; it was dropped", self.request.version);
        RotationError::new(kind, message)
            .with_hint("rotate again: the next rotation starts from the current value")
            .permanent()
    }

    /// Revokes the token of an abandoned version, unless readers read the same one.
    async fn revoke_staged(&self, StagedVersion { described, value }: &StagedVersion) {
        let Ok(staged) = Document::parse(value) else { return };
        let Ok(Some(token)) = staged.access_token() else { return };
        if self.is_current_token(&token).await.unwrap_or(true) {
            return;
        }
        let Self { rotator, request, deadline } = *self;
        delete_abandoned_key(rotator, &request.secret, &staged, described, deadline).await;
        if let Ok(credentials) = rotator.credentials(&staged, described, deadline).await {
            rotator.tokens().discard(&credentials, &token, deadline).await;
        }
    }
}
