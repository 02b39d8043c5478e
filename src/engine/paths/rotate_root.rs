//! `rotate-root/:config`: a new secret for the OAuth client itself.

use futures_util::FutureExt;

use crate::engine::GenesysMount;
use openbao_plugin::framework::{Call, Route, RouteOperation};
use openbao_plugin::{Failure, Operation, Response};

pub(crate) const ROUTE: Route<GenesysMount> = Route {
    path: "rotate-root/:config",
    summary: "A new secret for a config.",
    help: "Has the platform regenerate the client secret of a config's OAuth client, and stores the new one. Nobody but \
           this engine knows it then. Where the config names an idle_client_id, that client gets the new secret and takes \
           the other one's place, which works on; on nice-cxone the user gets another access key, and the one before the \
           present one is deleted. Policies have to grant sudo.",
    fields: &[],
    operations: &[
        RouteOperation {
            operation: Operation::Create,
            summary: "Give the config a new secret",
            handler: |mount, call| rotate(mount, call).boxed(),
        },
        RouteOperation {
            operation: Operation::Update,
            summary: "Give the config a new secret",
            handler: |mount, call| rotate(mount, call).boxed(),
        },
    ],
    exists: None,
    sudo: true,
};

async fn rotate(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let rotated = mount.rotate_root(call.name()).await;
    // What went wrong on the way is put right before long.
    mount.scheduler.wake();
    rotated
}
