//! `static-roles/:name`: a token that the engine rotates.

use futures_util::FutureExt;
use serde_json::json;

use super::answers::STATIC_ROLE;
use super::response::{fields, keys, warned_of_config};
use crate::engine::automation::last_error::shown_time;
use crate::engine::automation::plan::{PLAN_FIELDS, RotationPlan};
use crate::engine::failure::to_failure;
use crate::engine::mount::GenesysMount;
use crate::engine::static_roles::credential::StaticCredential;
use crate::engine::static_roles::role::{ROLES, RoleSettings, StaticRole, key};
use crate::engine::storage::config::Config;
use crate::engine::storage::role::{KEEP_ALIVE, check_keep_alive, parse_probes};
use crate::engine::storage::token_kind::{TOKEN_FIELDS, TokenKindFields};
use openbao_plugin::framework::{Call, Field, Route, refuse};
use openbao_plugin::{Failure, Response};

pub(crate) const LIST: Route<GenesysMount> = Route::new("static-roles/", "The static roles.")
    .help("Lists the names of the static roles.")
    .list("List the static roles", |mount, call| keys(mount, ROLES, call).boxed())
    .item_type("Static role")
    .navigation();

pub(crate) const ROUTE: Route<GenesysMount> = Route::new("static-roles/:name", "A token that the engine rotates.")
    .help(
        "Sets the config whose OAuth client issues the token, the rotation period or schedule, and the calls that must \
         succeed with a new token before readers get it. A token is rotated before it expires, even if the period is \
         longer. Writing a role creates its first token at once, and so does a change \
         of its config or its probes; if that fails, nothing is stored. A rotation does not revoke the previous \
         token, which stays valid until it expires. Deleting the role revokes its token.",
    )
    .fields(ROLE_FIELDS)
    .fields(PLAN_FIELDS)
    .fields(TOKEN_FIELDS)
    .write("Store or change a static role", |mount, call| write(mount, call).boxed())
    .read("Read a static role, and the result of its last rotation", |mount, call| read(mount, call).boxed())
    .returns(STATIC_ROLE)
    .delete("Delete a static role, and revoke its token", |mount, call| delete(mount, call).boxed())
    .exists(|mount, call| async move { Ok(stored(mount, call.name()).await?.is_some()) }.boxed())
    .item_type("Static role")
    .action("Configure");

const ROLE_FIELDS: &[Field] = &[
    Field::text("config", "The name of the config.").required(),
    Field::texts(
        "probes",
        "Calls that must succeed with a new token, such as \"GET /api/v2/routing/skills?pageSize=1\".",
    )
    .default("none"),
    KEEP_ALIVE,
];

async fn stored(mount: &GenesysMount, name: &str) -> Result<Option<StaticRole>, Failure> {
    mount.entries.get(&key(ROLES, name)).await
}

async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let Some(role) = stored(mount, call.name()).await? else { return Ok(Response::empty()) };
    let credential = StaticCredential::of_role(&mount.entries, call.name()).await?;
    let token = credential.as_ref().map(|credential| &credential.token);
    let is_pending = mount.static_rotations.is_pending(call.name()).await?;
    let next = mount.static_rotations.next_rotation(call.name(), &role, is_pending).await?;
    let next = next.map(|next| next.max(mount.minting.now()));
    let shown = fields(json!({
        "config": role.settings.config,
        "probes": role.settings.probes,
        "keep_alive": role.keep_alive,
        "last_vault_rotation": token.map(|token| shown_time(token.issued_at)),
        "last_rotation": token.map(|token| shown_time(token.issued_at)),
        "next_rotation": next.map(shown_time),
        "expires_at": token.map(|token| shown_time(token.expires_at)),
        "last_error": role.last_error.map(|error| error.shown()),
    }));
    let shown = shown.into_iter().chain(role.plan.shown()).chain(role.settings.token.shown()).collect();
    warned_of_config(mount, &role.settings.config, call.name(), Response::with_data(shown)).await
}

async fn write(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let name = call.name();
    mount.node.require_writable().await?;
    let _lock = mount.static_rotations.locks.lock_for(&call, name).await?;
    let stored = stored(mount, name).await?;
    let (settings, plan) = merged(&call, stored.as_ref())?;
    parse_probes(&settings.probes)?;
    let config = Config::for_role(&mount.entries, &settings.config, name).await?;
    let keep_alive = call.boolean(KEEP_ALIVE.name).unwrap_or(stored.as_ref().is_some_and(|stored| stored.keep_alive));
    check_keep_alive(keep_alive, &config)?;
    let proposed = settings.document(&config).map_err(|error| to_failure(&error))?;
    if stored.is_none() {
        // Removes what a crash during an earlier write or deletion left.
        mount.static_rotations.delete_orphan(name).await?;
    }
    let credential = StaticCredential::of_role(&mount.entries, name).await?;
    let last_error = if credential.is_some_and(|credential| credential.follows_from(&proposed)) {
        stored.as_ref().and_then(|stored| stored.last_error.clone())
    } else {
        // The credential is stored before the role: a role that can be read has a credential.
        mount.static_rotations.create(name, &settings).await.map_err(|error| to_failure(&error))?;
        None
    };
    let is_new = stored.is_none();
    let role = StaticRole { settings, plan, keep_alive, last_error };
    if let Err(failure) = store(mount, name, &role).await {
        // The config was deleted or changed meanwhile.
        if is_new && matches!(failure, Failure::InvalidRequest(_)) {
            mount.static_rotations.delete_orphan(name).await?;
        }
        return Err(failure);
    }
    mount.background.wake();
    tracing::info!(role.name = name, config.name = role.settings.config, "the static role was written");
    warned(mount, name, &role.plan).await
}

/// Stores a role, unless its config was deleted or no longer allows it.
async fn store(mount: &GenesysMount, name: &str, role: &StaticRole) -> Result<(), Failure> {
    let _reference = mount.config_references.read().await;
    Config::for_role(&mount.entries, &role.settings.config, name).await?;
    mount.entries.put(&key(ROLES, name), role).await
}

/// The stored settings, updated with those of the request.
fn merged(call: &Call, stored: Option<&StaticRole>) -> Result<(RoleSettings, RotationPlan), Failure> {
    let missing =
        |what: &str| refuse(format!("{what} is missing"), "set config, and rotation_period or rotation_schedule");
    let config = call.text("config").or(stored.map(|stored| stored.settings.config.as_str()));
    let probes = call.texts("probes").or_else(|| stored.map(|stored| stored.settings.probes.clone()));
    let config = config.ok_or_else(|| missing("config"))?.to_owned();
    let plan = RotationPlan::merged(call, stored.map(|stored| stored.plan.clone()).unwrap_or_default())?;
    if !plan.is_set() {
        return Err(missing("rotation_period"));
    }
    let token = TokenKindFields::merged(call, stored.map(|stored| stored.settings.token.clone()).unwrap_or_default())?;
    Ok((RoleSettings { config, probes: probes.unwrap_or_default(), token }, plan))
}

/// Warns of a period that is longer than the token's life.
async fn warned(mount: &GenesysMount, name: &str, plan: &RotationPlan) -> Result<Response, Failure> {
    let credential = StaticCredential::of_role(&mount.entries, name).await?;
    let life = credential.map(|credential| credential.token.lifetime());
    let (Some(life), Some(period)) = (life, plan.period()) else { return Ok(Response::empty()) };
    if life >= period {
        return Ok(Response::empty());
    }
    Ok(Response::empty().warning(format!(
        "rotation_period is {} s, but tokens of this OAuth client live {} s: the token is rotated before it expires",
        period.as_secs(),
        life.as_secs()
    )))
}

/// The role is deleted first, so that no reader gets a token that is being revoked. The background task deletes what a
/// crash leaves.
async fn delete(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let name = call.name();
    let _lock = mount.static_rotations.locks.lock_for(&call, name).await?;
    mount.entries.delete(&key(ROLES, name)).await?;
    let warnings = mount.static_rotations.delete_credentials(name).await?;
    tracing::info!(role.name = name, "the static role was deleted");
    Ok(warnings.into_iter().fold(Response::empty(), Response::warning))
}
