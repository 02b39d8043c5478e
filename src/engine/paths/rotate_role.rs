//! `rotate-role/:name`: rotates a static role now.

use futures_util::FutureExt;
use serde_json::json;
use tokio::time::Instant;

use super::answers::ROTATED;
use super::response::fields;
use crate::engine::automation::last_error::Cause;
use crate::engine::failure::to_failure;
use crate::engine::mount::GenesysMount;
use crate::engine::requester::Requester;
use crate::engine::static_roles::credential::StaticCredential;
use crate::engine::static_roles::role::StaticRole;
use crate::engine::storage::config::Config;
use crate::rotation::{PlatformName, RotationError};
use openbao_plugin::framework::{Call, Field, Route, refuse};
use openbao_plugin::{Failure, Response};

/// The field of requests that replace a token.
pub(super) const REVOKE_PREVIOUS: &str = "revoke_previous";

pub(crate) const ROUTE: Route<GenesysMount> = Route::new("rotate-role/:name", "Rotate a static role now.")
    .help(
        "Creates a new token for the role, validates it, and promotes it. If that fails, readers keep the current token. \
         With revoke_previous=true, revokes the token that readers had before, once the new one is stored; a request \
         whose rotation fails is kept, and the token is revoked as soon as it is replaced.",
    )
    .fields(&[Field::boolean(
        REVOKE_PREVIOUS,
        "Whether to revoke the previous token, and to wait until the platform rejects it.",
    )
    .default("false")])
    .write("Rotate a static role", |mount, call| rotate(mount, call).boxed())
    .returns(ROTATED)
    .item_type("Static role")
    .action("Rotate");

async fn rotate(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let name = call.name();
    mount.node.require_writable().await?;
    let requester = Requester::of(call.request());
    tracing::info!(
        role.name = name,
        request.id = requester.request_id,
        requester.display_name = requester.display_name,
        "a rotation of the static role was requested"
    );
    let revokes = call.boolean(REVOKE_PREVIOUS).unwrap_or(false);
    // Read before the time of the request: a rotation that began after it has replaced this token.
    let former = StaticCredential::of_role(&mount.entries, name).await;
    let requested_at = Instant::now();
    let lock = mount.static_rotations.locks.lock_for(&call, name).await?;
    let role = StaticRole::named(&mount.entries, name).await?;
    // Concurrent requests share one rotation, if it began after the request.
    let outcome = mount.static_rotations.outcome_since(name, requested_at);
    let path = format!("rotate-role/{name}");
    if revokes {
        check_revocation(&role.settings.config, &Config::named(&mount.entries, &role.settings.config).await?)?;
        let current = match outcome {
            Some(_) => None,
            None => StaticCredential::of_role(&mount.entries, name).await?,
        };
        let current_token = current.as_ref().map(|credential| &credential.token.access_token);
        if mount.revocations.is_repeated(&path, current_token).await? {
            drop(lock);
            return repeated(mount.revocations.settle(&path, None).await?);
        }
        for credential in [former?, current].into_iter().flatten() {
            owe(mount, (&path, &role.settings.config), &credential).await?;
        }
    }
    let rotated = match outcome {
        Some(outcome) => outcome,
        None => mount.static_rotations.rotate(name, &role, Cause::Request).await,
    };
    // The time of the next rotation has changed.
    mount.background.wake();
    rotated.map_err(|error| to_failure(&goes_on(name, revokes, error)))?;
    drop(lock);
    if !revokes {
        return Ok(Response::empty());
    }
    let revoked = mount.revocations.settle(&path, None).await?;
    Ok(Response::with_data(fields(json!({"revoked": revoked}))))
}

/// The answer to a request that was repeated: the token that it revokes is already replaced.
pub(super) fn repeated(revoked: usize) -> Result<Response, Failure> {
    let answer = Response::with_data(fields(json!({"revoked": revoked})));
    Ok(answer.warning(
        "the same request replaced the token less than a minute ago: this one only repeated the revocation, and issued no further token",
    ))
}

/// Records that a credential's token is to be revoked once it is replaced.
async fn owe(mount: &GenesysMount, asked: (&str, &str), credential: &StaticCredential) -> Result<(), Failure> {
    let place = credential.place().map_err(|error| to_failure(&error))?;
    let token = &credential.token;
    mount.revocations.owe(asked, place, &token.access_token, Some(token.expires_at)).await
}

/// Refuses to promise a revocation that the platform does not offer.
///
/// # Errors
/// 400 for NICE CXone.
pub(super) fn check_revocation(name: &str, config: &Config) -> Result<(), Failure> {
    if config.platform() == PlatformName::GenesysCloud {
        return Ok(());
    }
    Err(refuse(
        format!("config/{name} is of nice-cxone, which has no call to revoke a token; nothing was done"),
        "rotate with revoke_previous=false: a token lives one hour at most; to end all access, deactivate the access key in CXone",
    ))
}

/// The engine retries a failed rotation: it may still take effect.
fn goes_on(name: &str, revokes: bool, error: RotationError) -> RotationError {
    let afterwards = if revokes { ", and revokes the previous token once it is replaced" } else { "" };
    let hint = format!(
        "{}; the engine retries by itself{afterwards}: last_error and next_rotation of static-roles/{name}",
        error.hint()
    );
    error.with_hint(hint)
}
