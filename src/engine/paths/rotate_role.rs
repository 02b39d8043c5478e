//! `rotate-role/:name`: rotates a static role now.

use futures_util::FutureExt;

use super::static_creds::asked_for;
use crate::engine::GenesysMount;
use crate::engine::failure::told;
use crate::engine::static_roles::credential::StaticCredential;
use openbao_plugin::framework::{Call, Route, RouteOperation};
use openbao_plugin::{Failure, Operation, Response};

pub(crate) const ROUTE: Route<GenesysMount> = Route {
    path: "rotate-role/:name",
    summary: "Rotate a static role now.",
    help: "Makes a new token for the role, validates it, and hands it out from then on. Where that fails, readers keep \
           the token that they have.",
    fields: &[],
    operations: &[
        RouteOperation {
            operation: Operation::Create,
            summary: "Rotate a static role",
            handler: |mount, call| rotate(mount, call).boxed(),
        },
        RouteOperation {
            operation: Operation::Update,
            summary: "Rotate a static role",
            handler: |mount, call| rotate(mount, call).boxed(),
        },
    ],
    exists: None,
    sudo: false,
};

async fn rotate(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let name = call.name();
    mount.refuse_on_standby().await?;
    let asked_at = mount.now();
    let _alone = mount.rotations.hold(name).await;
    let role = asked_for(mount, name).await?;
    // Many who ask at once are content with one rotation that began after they had asked.
    let credential = StaticCredential::of_role(&mount.entries, name).await.ok().flatten();
    if credential.is_some_and(|credential| credential.token.issued_at > asked_at) {
        return Ok(Response::empty());
    }
    let rotated = mount.rotate_static(name, &role).await;
    // The next rotation is due at another time now.
    mount.scheduler.wake();
    rotated.map(|()| Response::empty()).map_err(|error| told(&error))
}
