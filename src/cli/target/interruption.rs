//! Interruption of an operation that creates tokens.

use std::time::Duration;

use crate::rotation::{Clock, Deadline, RotationError, RotationPlatform, RotationStore, Rotator};

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
    tokio::select! {
        done = operation => return Ok(done),
        () = interrupted => {}
    }
    Err(Interrupted { left: rotator.roll_back(Deadline::after(ROLLBACK)).await })
}
