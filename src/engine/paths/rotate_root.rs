//! `rotate-root/:config`: a new client secret or access key for a config.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::engine::mount::GenesysMount;
use crate::engine::requester::Requester;
use crate::rotation::Deadline;
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
.item_type("Config")
.action("Rotate")
.sudo();

/// How long a request may take. The clients of Vault and OpenBao give up after 60 seconds.
const LONGEST_REQUEST: Duration = Duration::from_secs(55);

async fn rotate(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    mount.node.require_writable().await?;
    let requester = Requester::of(call.request());
    tracing::info!(
        config.name = call.name(),
        request.id = requester.request_id,
        requester.display_name = requester.display_name,
        "a rotation of the client secret was requested"
    );
    let requested_at = Instant::now();
    let _lock = mount.roots.locks.lock_for(&call, call.name()).await?;
    let deadline = Deadline::after(LONGEST_REQUEST.saturating_sub(requested_at.elapsed()));
    let rotated = mount.roots.rotate(call.name(), deadline).await;
    // The background task heals an interrupted rotation.
    mount.background.wake();
    rotated
}
