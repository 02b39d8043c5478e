//! `rotate-root/:config`: a new client secret or access key for a config.

use futures_util::FutureExt;

use crate::engine::mount::GenesysMount;
use openbao_plugin::framework::{Call, Route};
use openbao_plugin::{Failure, Response};

pub(crate) const ROUTE: Route<GenesysMount> = Route::new(
    "rotate-root/:config",
    "Rotate the client secret of a config.",
)
.help(
    "Regenerates the client secret of a config's OAuth client, and stores it: only this engine knows it then. If \
         the config has an idle_client_id, that client gets the new secret and becomes the active client; the other \
         one stays valid. On nice-cxone, creates another access key for the user and switches to it; the previous \
         key stays valid until the next call. The policy must grant sudo.",
)
.write("Rotate the client secret", |mount, call| rotate(mount, call).boxed())
.sudo();

async fn rotate(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let _lock = mount.roots.locks.lock_for(&call, call.name()).await?;
    let rotated = mount.roots.rotate(call.name()).await;
    // The background task heals an interrupted rotation.
    mount.background.wake();
    rotated
}
