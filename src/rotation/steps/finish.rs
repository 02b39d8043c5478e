//! finishSecret: move the current label to the new version.

use super::context::{SecretState, StagedVersion, StepContext};
use crate::rotation::document::fields::Document;
use crate::rotation::eligibility::{EDITED, no_staged_value, why_outdated};
use crate::rotation::error::{ErrorKind, Result};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::in_place::clear_intent;
use crate::rotation::renewal::lease::release;
use crate::rotation::step::{StepOutcome, StepReport};
use crate::rotation::version::labels::Description;
use crate::rotation::version::preflight::preflight;

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    pub(super) async fn finish(&self) -> Result<StepReport> {
        let (outcome, described) = self.retry("promote the new version", || self.promote()).await?;
        clear_intent(self.rotator, self.request, &described, self.deadline).await;
        Ok(StepReport::of(outcome))
    }

    /// Each attempt reads the secret again: an attempt whose answer was lost may have promoted the version, and another
    /// writer may have changed the current one. The service removes the pending label.
    async fn promote(&self) -> Result<(StepOutcome, Description)> {
        let mut state = match self.read(|described, request| preflight(described, &request.version), |_| true).await? {
            Ok(state) => state,
            Err(described) => return Ok((StepOutcome::AlreadyDone, described)),
        };
        let lease = state.lease.take();
        let is_edited = lease.as_ref().is_some_and(|lease| lease.shows_edit(&state.described));
        let sending = lease.as_ref().map_or(self.deadline, |lease| lease.sending);
        let promoted = StepContext { deadline: sending, ..*self }.promote_over(&state, is_edited).await;
        if let Some(lease) = lease {
            let version = promoted.is_ok().then_some(&self.request.version);
            release(self.rotator, self.request, &state.described, lease, version, self.deadline).await;
        }
        promoted.map(|outcome| (outcome, state.described))
    }

    /// Promotes a version that follows from the current one, and whose client secret works.
    async fn promote_over(&self, state: &SecretState, is_edited: bool) -> Result<StepOutcome> {
        let SecretState { described, current, .. } = state;
        let value = state.staged.clone().ok_or_else(|| no_staged_value(described, &self.request.version))?;
        let staged = StagedVersion { described: described.clone(), value };
        let why = why_outdated(&staged.value, &current.text);
        if let Some(why) = why.or(is_edited.then_some(EDITED)) {
            return self.abandon_unless_promoted(&staged, why).await.map(|report| report.outcome);
        }
        match self.validate_secret(&Document::parse(&staged.value)?, described).await {
            Err(error) if error.kind() == ErrorKind::CredentialsRejected => {
                let why = format!("holds a client secret or access key that is no longer valid ({error})");
                return Err(self.abandon(&staged, &why).await);
            }
            validated => validated?,
        }
        self.rotator.store.promote(&self.request.secret, &self.request.version, current).await?;
        Ok(StepOutcome::Done)
    }
}
