//! finishSecret: move the current label to the new version.

use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{CURRENT, Description};
use crate::rotation::version::preflight::Readiness;

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    pub(crate) async fn finish(&self, request: &StepRequest, deadline: Deadline) -> Result<StepReport> {
        let promote = || self.promote(request);
        let (outcome, described) = self.retries.run("promote the new version", deadline, promote).await?;
        self.clear_ahead(request, &described, outcome, deadline).await;
        Ok(StepReport::of(outcome))
    }

    /// Each try looks again: a lost answer may have promoted the version, and another writer may
    /// have moved the label in between. The pending label is the service's to take off.
    async fn promote(&self, request: &StepRequest) -> Result<(StepOutcome, Description)> {
        let (described, readiness) = self.look(&request.secret, &request.version).await?;
        if readiness == Readiness::AlreadyCurrent {
            return Ok((StepOutcome::AlreadyDone, described));
        }
        self.store.promote(&request.secret, &request.version, described.holder(CURRENT)).await?;
        Ok((StepOutcome::Done, described))
    }
}
