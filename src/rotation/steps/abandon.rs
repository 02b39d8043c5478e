//! Abandoning a staged version that cannot be promoted. A version's value is written once, so it cannot be repaired; and
//! as long as it is staged, every later rotation would have to finish it first.

use super::context::{StagedVersion, StepContext};
use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::access_keys::delete_abandoned_key;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::rollback::{Rollback, Undo};
use crate::rotation::version::preflight::Readiness;

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    /// Abandons the version, unless another call promoted it after the caller's reads.
    pub(super) async fn abandon_unless_promoted(&self, staged: &StagedVersion, why: &str) -> Result<StepReport> {
        match self.retry("describe the secret again", || self.look()).await?.1 {
            Readiness::AlreadyCurrent => Ok(StepReport::of(StepOutcome::AlreadyDone)),
            Readiness::Staged => Err(self.abandon(staged, why).await),
        }
    }

    /// Removes the pending label, deletes the version's access key, revokes its token, and returns the step's error.
    pub(super) async fn abandon(&self, staged: &StagedVersion, why: &str) -> RotationError {
        // An interruption after the label is removed still revokes the token.
        let token = self.staged_token(staged).await;
        if let Err(error) = self.unstage().await {
            token.map(Rollback::commit);
            return error;
        }
        if let Some(token) = token {
            self.discard(staged, token).await;
        }
        let message =
            format!("the version {} that an earlier attempt staged {why}; it was dropped", self.request.version);
        let hint = "rotate again: the next rotation starts from the current value";
        RotationError::new(ErrorKind::StoreConflict, message).with_hint(hint).permanent()
    }

    pub(super) async fn unstage(&self) -> Result<()> {
        let (store, StepRequest { secret, version, .. }) = (&self.rotator.store, self.request);
        let unstage = || async {
            match store.unstage(secret, version).await {
                // The answer to an earlier attempt may have been lost.
                Err(error) if error.kind() == ErrorKind::StoreConflict => {
                    let is_done = store.describe(secret).await?.labels(version).is_none();
                    if is_done { Ok(()) } else { Err(error) }
                }
                done => done,
            }
        };
        self.retry("remove the pending label", unstage).await
    }

    /// The token of a staged version; `None` if it holds none.
    async fn staged_token(&self, StagedVersion { described, value }: &StagedVersion) -> Option<Rollback> {
        let staged = Document::parse(value).ok()?;
        let token = staged.access_token().ok()??;
        let place = self.rotator.credentials(&staged, described, self.deadline).await.ok()?.place();
        let StepRequest { secret, version, .. } = self.request;
        let undo = Undo::RevokeToken { place, token, staged_as: None };
        let mut guard = self.rotator.rollbacks.guard(undo);
        guard.begin_staging(secret, version);
        Some(guard)
    }

    /// Deletes the access key of an abandoned version and schedules the revocation of its token, unless readers read it.
    async fn discard(&self, StagedVersion { described, value }: &StagedVersion, guard: Rollback) {
        let Self { rotator, request, deadline } = *self;
        let Ok(staged) = Document::parse(value) else { return guard.commit() };
        let Ok(Some(token)) = staged.access_token() else { return guard.commit() };
        if self.is_current_token(&token).await.unwrap_or(true) {
            return guard.commit();
        }
        delete_abandoned_key(rotator, &request.secret, &staged, described, deadline).await;
        if let Some(undo) = guard.into_undo() {
            rotator.rollbacks.schedule(undo);
        }
    }
}
