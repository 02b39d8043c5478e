//! `rotate-role/:name`: rotates a static role now.

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::engine::failure::to_failure;
use crate::engine::mount::GenesysMount;
use crate::engine::static_roles::role::StaticRole;
use crate::rotation::RotationError;
use openbao_plugin::framework::{Call, Route};
use openbao_plugin::{Failure, Response};

pub(crate) const ROUTE: Route<GenesysMount> = Route::new("rotate-role/:name", "Rotate a static role now.")
    .help(
        "Creates a new token for the role, validates it, and promotes it. If that fails, readers keep the current token.",
    )
    .write("Rotate a static role", |mount, call| rotate(mount, call).boxed());

async fn rotate(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let name = call.name();
    mount.node.require_writable().await?;
    let requested_at = Instant::now();
    let _lock = mount.static_rotations.locks.lock_for(&call, name).await?;
    let role = StaticRole::named(&mount.entries, name).await?;
    // Concurrent requests share one rotation, if it began after the request.
    let rotated = match mount.static_rotations.outcome_since(name, requested_at) {
        Some(outcome) => outcome,
        None => mount.static_rotations.rotate(name, &role).await,
    };
    // The time of the next rotation has changed.
    mount.background.wake();
    rotated.map(|()| Response::empty()).map_err(|error| to_failure(&goes_on(name, error)))
}

/// The engine retries a failed rotation: it may still take effect.
fn goes_on(name: &str, error: RotationError) -> RotationError {
    let hint =
        format!("{}; the engine retries by itself: last_error and next_rotation of static-roles/{name}", error.hint());
    error.with_hint(hint)
}
