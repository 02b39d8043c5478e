//! setSecret: a token works as soon as it is issued, so there is nothing to set.

use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::preflight::Readiness;

pub(crate) async fn set(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    deadline: Deadline,
) -> Result<StepReport> {
    let look = || rotator.look(&request.secret, &request.version);
    let (_, readiness) = rotator.retries.run("describe the secret", deadline, look).await?;
    Ok(StepReport::of(match readiness {
        Readiness::Staged => StepOutcome::NothingToDo,
        Readiness::AlreadyCurrent => StepOutcome::AlreadyDone,
    }))
}
