//! Interruption of an operation that creates tokens.

use std::time::Duration;

use crate::rotation::{Clock, Deadline, RotationPlatform, RotationStore, Rotator};

/// How long revoking what an interrupted operation created may take.
pub(crate) const ROLLBACK: Duration = Duration::from_secs(3);

/// Runs an operation of a rotator. If `interrupted` completes first, drops the operation, undoes what it created and
/// did not store, and returns `None`.
pub(crate) async fn run_until<T>(
    interrupted: impl Future<Output = ()>,
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    operation: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        done = operation => return Some(done),
        () = interrupted => {}
    }
    rotator.roll_back(Deadline::after(ROLLBACK)).await;
    None
}
