//! Interruption of an operation that creates tokens.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::rotation::{Clock, Deadline, ErrorKind, Rollbacks, RotationError, RotationPlatform, RotationStore, Rotator};

/// How long the platform may take to answer the requests of an interrupted operation that create tokens or access keys.
pub(crate) const ANSWER: Duration = Duration::from_secs(3);
/// How long revoking what an interrupted operation created may take.
pub(crate) const ROLLBACK: Duration = Duration::from_secs(3);

/// An operation was interrupted.
pub(crate) struct Interrupted {
    /// Why something that the operation created was not undone; `None` if nothing is left.
    pub(crate) left: Option<RotationError>,
}

/// Runs an operation of a rotator.
///
/// # Errors
/// `interrupted` completed first: the operation was dropped, and what it created and did not store was undone.
pub(crate) async fn run_until<T>(
    interrupted: impl Future<Output = ()>,
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    operation: impl Future<Output = T>,
) -> Result<T, Interrupted> {
    let unanswered = match until_answered(interrupted, &rotator.rollbacks, operation).await {
        Ok(done) => return Ok(done),
        Err(((), unanswered)) => unanswered,
    };
    let left = rotator.roll_back(Deadline::after(ROLLBACK)).await;
    Err(Interrupted { left: left.or(unanswered) })
}

/// Runs an operation until `stopped` completes, and then on until the platform has answered the requests
/// that create tokens or access keys: what they created is known only by the answer.
///
/// # Errors
/// The output of `stopped`, and the error of a request that was not answered in time.
pub(crate) async fn until_answered<T, R>(
    stopped: impl Future<Output = R>,
    rollbacks: &Rollbacks,
    operation: impl Future<Output = T>,
) -> Result<T, (R, Option<RotationError>)> {
    let mut operation = pin!(operation);
    let reason = tokio::select! {
        done = &mut operation => return Ok(done),
        reason = stopped => reason,
    };
    tokio::select! {
        biased;
        answered = timeout(ANSWER, rollbacks.answered()) => Err((reason, answered.err().map(|_| unanswered()))),
        done = operation => Ok(done),
    }
}

fn unanswered() -> RotationError {
    let message =
        "the platform did not answer a request for a token or an access key in time: what it issued is not revoked";
    RotationError::new(ErrorKind::PlatformUnavailable, message)
}
