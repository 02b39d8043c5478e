//! `status` and `status/:config`: counters and the state of static roles, for monitoring.

use futures_util::FutureExt;

use super::response::keys;
use crate::engine::mount::GenesysMount;
use crate::engine::status::openmetrics;
use crate::engine::status::summary::Status;
use crate::engine::storage::config::PREFIX as CONFIGS;
use openbao_plugin::framework::{Call, Field, Route};
use openbao_plugin::{Failure, Response};

pub(crate) const MOUNT: Route<GenesysMount> = Route::new("status/", "The state of the mount, for monitoring.")
    .help(
        "Counters of all configs since process_start_time, and the state of the static roles, without secrets and without a \
         lease. The field openmetrics has the same as OpenMetrics text, by config. The active node answers. A list names \
         the configs.",
    )
    .read("Read the state of the mount", |mount, _| read_mount(mount).boxed())
    .returns(MOUNT_FIELDS)
    .list("List the configs that have a status", |mount, call| keys(mount, CONFIGS, call).boxed())
    .item_type("Status")
    .navigation();

pub(crate) const CONFIG: Route<GenesysMount> = Route::new("status/:config", "The state of a config, for monitoring.")
    .help("As status, for one config.")
    .read("Read the state of a config", |mount, call| read_config(mount, call).boxed())
    .returns(CONFIG_FIELDS)
    .item_type("Status");

const MOUNT_FIELDS: &[Field] = &[
    Field::text("process_start_time", "When this process began to serve the mount; all counters began at 0 then."),
    Field::integer("process_start_time_seconds", "The same, in Unix seconds."),
    Field::map("issued", "The tokens that were issued and validated: leased, shared and static."),
    Field::integer("revoked", "The tokens that the platform revoked."),
    Field::map(
        "failed",
        "The failures by action (issue, rotate-role, rotate-root, revoke, keep-alive) and error type.",
    ),
    Field::integer("client_secrets_rotated", "The new client secrets and access keys."),
    Field::integer("kept_alive", "The uses of tokens that must not idle out."),
    Field::integer("revocations_owed", "The tokens whose revocation was requested and has not succeeded yet."),
    Field::integer("static_roles", "The number of static roles."),
    Field::texts("static_roles_failing", "The static roles whose last rotation failed."),
    Field::texts("static_roles_damaged", "The static roles that cannot be read."),
    Field::texts("queue", "The static roles that are due, the longest overdue first."),
    Field::text("last_rotation", "The last rotation of a static role."),
    Field::text("next_rotation", "The next rotation of a static role."),
    Field::text("oldest_token", "The issue of the oldest static token."),
    Field::text("first_expiry", "The expiry of the static token that expires first."),
    Field::text(
        "last_client_secret_rotation",
        "The last rotation of a client secret or access key that rotates automatically.",
    ),
    Field::text("next_client_secret_rotation", "The next automated rotation of a client secret or access key."),
    Field::integer("client_secret_rotations_failing", "The configs whose last automated rotation failed."),
    Field::texts("configs", "The names of the configs."),
    Field::text("openmetrics", "The same by config, as text of OpenMetrics 1.0."),
];
/// The fields of one config.
const CONFIG_FIELDS: &[Field] = MOUNT_FIELDS.split_at(MOUNT_FIELDS.len() - 2).0;

/// A standby forwards the request: it issues nothing, and its counters stay 0.
async fn read_mount(mount: &GenesysMount) -> Result<Response, Failure> {
    mount.node.require_active().await?;
    let status = Status::of(mount).await?;
    let mut shown = status.of_mount();
    shown.insert("openmetrics".to_owned(), openmetrics::text(&status).into());
    Ok(Response::with_data(shown))
}

async fn read_config(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    mount.node.require_active().await?;
    Ok(Status::of(mount).await?.of_config(call.name()).map_or_else(Response::empty, Response::with_data))
}
