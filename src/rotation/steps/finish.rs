//! finishSecret: move the current label to the new version.

use super::context::StepContext;
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::in_place::clear_intent;
use crate::rotation::step::{StepOutcome, StepReport};
use crate::rotation::version::labels::{CURRENT, Description};
use crate::rotation::version::preflight::Readiness;

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    pub(super) async fn finish(&self) -> Result<StepReport> {
        let (outcome, described) = self.retry("promote the new version", || self.promote()).await?;
        clear_intent(self.rotator, self.request, &described, outcome, self.deadline).await;
        Ok(StepReport::of(outcome))
    }

    /// Each attempt describes the secret again: an attempt whose answer was lost may have promoted the version, and
    /// another writer may have moved the label. The service removes the pending label.
    async fn promote(&self) -> Result<(StepOutcome, Description)> {
        let (described, readiness) = self.look().await?;
        if readiness == Readiness::AlreadyCurrent {
            return Ok((StepOutcome::AlreadyDone, described));
        }
        let holder = described.holder(CURRENT);
        self.rotator.store.promote(&self.request.secret, &self.request.version, holder).await?;
        Ok((StepOutcome::Done, described))
    }
}
