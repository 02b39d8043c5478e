//! Abandoning a staged version that cannot be promoted. A version's value is written once, so it cannot be repaired; and
//! as long as it is staged, every later rotation would have to finish it first.

use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::access_keys::delete_abandoned_key;
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::Description;
use crate::rotation::version::preflight::Readiness;
use crate::secret::SecretString;

/// Abandons the version, unless another call promoted it after the caller's reads.
pub(crate) async fn abandon_unless_promoted(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    described: &Description,
    staged: &SecretString,
    why: &str,
    deadline: Deadline,
) -> Result<StepReport> {
    let look = || rotator.look(&request.secret, &request.version);
    match rotator.retries.run("describe the secret again", deadline, look).await?.1 {
        Readiness::AlreadyCurrent => Ok(StepReport::of(StepOutcome::AlreadyDone)),
        Readiness::Staged => Err(abandon(rotator, request, described, staged, why, deadline).await),
    }
}

/// Removes the pending label, deletes the version's access key, revokes its token, and returns the step's error.
pub(crate) async fn abandon(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    described: &Description,
    staged: &SecretString,
    why: &str,
    deadline: Deadline,
) -> RotationError {
    if let Err(error) = unstage(rotator, request, deadline).await {
        return error;
    }
    revoke_staged(rotator, request, described, staged, deadline).await;
    let message = format!("the version {} that an earlier attempt staged {why}; it was dropped", request.version);
    let hint = "rotate again: the next rotation starts from the current value";
    RotationError::new(ErrorKind::StoreConflict, message).with_hint(hint).permanent()
}

pub(crate) async fn unstage(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    deadline: Deadline,
) -> Result<()> {
    let unstage = || rotator.store.unstage(&request.secret, &request.version);
    rotator.retries.run("remove the pending label", deadline, unstage).await
}

/// Revokes the token of an abandoned version, unless readers read the same one.
async fn revoke_staged(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    described: &Description,
    staged: &SecretString,
    deadline: Deadline,
) {
    let Ok(staged) = Document::parse(staged) else { return };
    let Ok(Some(token)) = staged.access_token() else { return };
    if rotator.is_current_token(&request.secret, &token, deadline).await.unwrap_or(true) {
        return;
    }
    delete_abandoned_key(rotator, &request.secret, &staged, described, deadline).await;
    if let Ok(credentials) = rotator.credentials(&staged, described, deadline).await {
        rotator.tokens().discard(&credentials, &token, deadline).await;
    }
}
