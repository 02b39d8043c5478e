//! Interruption of an operation that creates tokens.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::rotation::{Clock, Deadline, ErrorKind, Rollbacks, RotationError, RotationPlatform, RotationStore, Rotator};

/// How long the platform may take to answer the token requests of an interrupted operation.
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
        Err(unanswered) => unanswered,
    };
    let left = rotator.roll_back(Deadline::after(ROLLBACK)).await;
    Err(Interrupted { left: left.or(unanswered) })
}

/// Runs an operation until `interrupted` completes, and then on until the platform has answered its token requests: a
/// token that the platform issues is known only by the answer.
///
/// # Errors
/// The operation was interrupted, with the error of a request that was not answered in time.
pub(crate) async fn until_answered<T>(
    interrupted: impl Future<Output = ()>,
    rollbacks: &Rollbacks,
    operation: impl Future<Output = T>,
) -> Result<T, Option<RotationError>> {
    let mut operation = pin!(operation);
    tokio::select! {
        done = &mut operation => return Ok(done),
        () = interrupted => {}
    }
    tokio::select! {
        biased;
        answered = timeout(ANSWER, rollbacks.answered()) => Err(answered.err().map(|_| unanswered())),
        done = operation => Ok(done),
    }
}

fn unanswered() -> RotationError {
    let message =
        "the platform did not answer a token request: if it issued a token, that token stays valid until it expires";
    RotationError::new(ErrorKind::PlatformUnavailable, message)
}
