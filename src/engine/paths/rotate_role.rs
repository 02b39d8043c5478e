//! `rotate-role/:name`: rotates a static role now.

use futures_util::FutureExt;

use crate::engine::failure::to_failure;
use crate::engine::mount::GenesysMount;
use crate::engine::static_roles::credential::StaticCredential;
use crate::engine::static_roles::role::StaticRole;
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
    let requested_at = mount.minting.now();
    let _lock = mount.static_rotations.lock(name).await;
    let role = StaticRole::named(&mount.entries, name).await?;
    // Concurrent requests share one rotation, if it began after the request.
    let credential = StaticCredential::of_role(&mount.entries, name).await.ok().flatten();
    if credential.is_some_and(|credential| credential.token.issued_at > requested_at) {
        return Ok(Response::empty());
    }
    let rotated = mount.static_rotations.rotate(name, &role).await;
    // The time of the next rotation has changed.
    mount.background.wake();
    rotated.map(|()| Response::empty()).map_err(|error| to_failure(&error))
}
