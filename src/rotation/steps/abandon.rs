//! Abandoning a staged version that cannot be promoted: its value is written once, and it would hold up later rotations.

use super::context::{StagedVersion, StepContext};
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::abandoned::Abandoned;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
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
        let Self { rotator, request, deadline } = *self;
        let abandoned = Abandoned::guard(rotator, request, &staged.described, &staged.value, deadline).await;
        let unstaged = self.unstage().await;
        if let Some(abandoned) = abandoned {
            abandoned.end(rotator, request, &staged.described, unstaged.is_ok(), deadline).await;
        }
        if let Err(error) = unstaged {
            return error;
        }
        let message =
            format!("the version {} that an earlier attempt staged {why}; it was dropped", self.request.version);
        RotationError::new(kind, message)
            .with_hint("rotate again: the next rotation starts from the current value")
            .permanent()
    }

    async fn unstage(&self) -> Result<()> {
        let (store, StepRequest { secret, version, .. }) = (&self.rotator.store, self.request);
        let unstage = || async {
            let Err(error) = store.unstage(secret, version).await else { return Ok(()) };
            // The answer to an earlier attempt may have been lost.
            let described = store.describe(secret).await;
            if described.is_ok_and(|described| described.labels(version).is_none()) { Ok(()) } else { Err(error) }
        };
        self.retry("remove the pending label", unstage).await
    }
}
