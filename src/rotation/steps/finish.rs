//! finishSecret: move the current label to the new version.

use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::in_place::clear_intent;
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{CURRENT, Description};
use crate::rotation::version::preflight::Readiness;

pub(crate) async fn finish(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    deadline: Deadline,
) -> Result<StepReport> {
    let promote = || promote(rotator, request);
    let (outcome, described) = rotator.retries.run("promote the new version", deadline, promote).await?;
    clear_intent(rotator, request, &described, outcome, deadline).await;
    Ok(StepReport::of(outcome))
}

/// Each attempt describes the secret again: an attempt whose answer was lost may have promoted the version, and another
/// writer may have moved the label. The service removes the pending label.
async fn promote(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
) -> Result<(StepOutcome, Description)> {
    let (described, readiness) = rotator.look(&request.secret, &request.version).await?;
    if readiness == Readiness::AlreadyCurrent {
        return Ok((StepOutcome::AlreadyDone, described));
    }
    rotator.store.promote(&request.secret, &request.version, described.holder(CURRENT)).await?;
    Ok((StepOutcome::Done, described))
}
