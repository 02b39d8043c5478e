//! setSecret: a fresh token works from the start, so there is nothing to set.

use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::preflight::Readiness;

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    pub(crate) async fn set(&self, request: &StepRequest, deadline: Deadline) -> Result<StepReport> {
        let look = || self.look(&request.secret, &request.version);
        let (_, readiness) = self.retries.run("look at the secret", deadline, look).await?;
        Ok(StepReport::of(match readiness {
            Readiness::Staged => StepOutcome::NothingToDo,
            Readiness::AlreadyCurrent => StepOutcome::AlreadyDone,
        }))
    }
}
