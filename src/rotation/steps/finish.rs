//! finishSecret: move the current label to the new version.

use super::context::{StagedVersion, StepContext};
use crate::rotation::eligibility::{EDITED, no_staged_value, why_outdated};
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::in_place::clear_intent;
use crate::rotation::renewal::lease::{SecretState, read, release};
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::version::labels::Description;
use crate::rotation::version::preflight::preflight;

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    pub(super) async fn finish(&self) -> Result<StepReport> {
        let (outcome, described) = self.retry("promote the new version", || self.promote()).await?;
        clear_intent(self.rotator, self.request, &described, self.deadline).await;
        Ok(StepReport::of(outcome))
    }

    /// Each attempt reads the secret again: an earlier one, or another writer, may have changed the labels. The service
    /// removes the pending label.
    async fn promote(&self) -> Result<(StepOutcome, Description)> {
        let Self { rotator, request, deadline } = *self;
        let is_staged = |described: &_, request: &StepRequest| preflight(described, &request.version);
        let state = match read(rotator, request, is_staged, |_| true, deadline).await? {
            Ok(state) => state,
            Err(described) => return Ok((StepOutcome::AlreadyDone, described)),
        };
        let promoted = self.promote_over(&state).await;
        let (version, error) = (promoted.is_ok().then_some(&request.version), promoted.as_ref().err());
        release(rotator, request, &state, version, error, deadline).await;
        promoted.map(|outcome| (outcome, state.described))
    }

    /// Promotes a version that follows from the current one, and whose client secret works. A lease covers all attempts.
    async fn promote_over(&self, state: &SecretState) -> Result<StepOutcome> {
        let SecretState { described, current, .. } = state;
        let sending = StepContext { deadline: state.sending(self.deadline), ..*self };
        let value = state.staged.clone().ok_or_else(|| no_staged_value(described, &self.request.version))?;
        let staged = StagedVersion { described: described.clone(), value };
        let why = why_outdated(&staged.value, &current.text);
        if let Some(why) = why.or(state.shows_edit().then_some(EDITED)) {
            return self.abandon_unless_promoted(&staged, why).await.map(|report| report.outcome);
        }
        if let Err(error) = sending.validate_secret(&staged, state.lease.is_some()).await {
            return Err(self.abandon_if_rejected(error, &staged).await);
        }
        let promote = || self.rotator.store.promote(&self.request.secret, &self.request.version, current);
        if state.lease.is_some() {
            sending.retry("promote the new version", promote).await?
        } else {
            promote().await?
        }
        Ok(StepOutcome::Done)
    }
}
