//! `static-creds/:name`: the token of a static role.

use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::json;

use super::answers::STATIC_TOKEN;
use crate::engine::failure::to_failure;
use crate::engine::mount::GenesysMount;
use crate::engine::static_roles::credential::StaticCredential;
use crate::engine::static_roles::role::StaticRole;
use crate::engine::storage::config::Config;
use crate::rotation::{ErrorKind, RotationError};
use openbao_plugin::framework::{Call, Route};
use openbao_plugin::{Failure, Response};

pub(crate) const ROUTE: Route<GenesysMount> = Route::new("static-creds/:name", "The token of a static role.")
    .help(
        "The token that the engine rotates for the role. It has no lease: all readers get the same token until it is \
         rotated, and the previous token stays valid until it expires.",
    )
    .read("Read the token", |mount, call| read(mount, call).boxed())
    .returns(STATIC_TOKEN)
    .item_type("Static credential");

/// Reads from memory: busy pipelines read this path.
async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let name = call.name();
    let role = StaticRole::named(&mount.entries, name).await?;
    Config::check_role(&mount.entries, &role.settings.config, name).await?;
    let now = mount.minting.now();
    let credential = StaticCredential::of_role(&mount.entries, name).await?;
    let Some(credential) = credential.filter(|credential| credential.token.expires_at > now) else {
        let next = role.next_rotation(None, false, now);
        if next.is_some() {
            mount.background.wake();
        }
        return Err(to_failure(&without_token(name, &role, next.is_some())));
    };
    let place = credential.place().map_err(|error| to_failure(&error))?;
    let api_url = mount.minting.api_url(&place, &credential.token).await;
    let mut fields = credential.token.answer(api_url, now);
    let next = role.next_rotation(Some(&credential), false, now);
    let token = &credential.token;
    let last = json!(token.issued_at.to_string());
    fields.extend(role.plan.shown());
    let period = role.plan.period().unwrap_or_else(|| between(token.issued_at, next.unwrap_or(token.expires_at)));
    // Without automated rotation nobody knows the next one: readers look again at half of the remaining life.
    let ttl = next.map_or(token.left(now) / 2, |next| between(now, next.min(token.expires_at)));
    fields.extend(super::response::fields(json!({
        "ttl": ttl.as_secs(),
        "token_ttl": token.left(now).as_secs(),
        "last_vault_rotation": last,
        "last_rotation": last,
        // Agents wait for `ttl` only where there is a period.
        "rotation_period": period.as_secs(),
    })));
    Ok(Response::with_data(fields))
}

/// The time from one moment to another; zero if that has passed.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Why a role has no valid token. Expired tokens are not returned.
fn without_token(name: &str, role: &StaticRole, is_rotated: bool) -> RotationError {
    let Some(last) = &role.last_error else {
        let (state, hint) = match is_rotated {
            true => ("is being rotated", "retry in a few seconds".to_owned()),
            false => (
                "automated rotation is disabled",
                format!("run `bao write -f genesys-cloud/rotate-role/{name}`, or set disable_automated_rotation=false"),
            ),
        };
        let message = format!("the token of the static role {name:?} has expired, and {state}");
        return RotationError::new(ErrorKind::PlatformUnavailable, message).with_hint(hint);
    };
    let kind = last.r#type.parse();
    let message =
        format!("the token of the static role {name:?} has expired and could not be rotated: {}", last.message);
    RotationError::new(kind.unwrap_or(ErrorKind::PlatformUnavailable), message).with_hint(last.hint.as_str())
}
