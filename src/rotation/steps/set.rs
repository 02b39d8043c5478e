//! setSecret: a token works as soon as it is issued, so there is nothing to set.

use super::context::StepContext;
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::step::{StepOutcome, StepReport};
use crate::rotation::version::preflight::Readiness;

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    pub(super) async fn set(&self) -> Result<StepReport> {
        let (_, readiness) = self.retry("describe the secret", || self.look()).await?;
        Ok(StepReport::of(match readiness {
            Readiness::Staged => StepOutcome::NothingToDo,
            Readiness::AlreadyCurrent => StepOutcome::AlreadyDone,
        }))
    }
}
