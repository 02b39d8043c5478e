//! `roles/:name`: the config, lease times, probes and token kind of `creds/` and `token/`.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;

use super::answers::ROLE;
use super::response::{fields, keys, warned_of_config};
use crate::engine::mount::GenesysMount;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::{KEEP_ALIVE, PREFIX, Role, check_keep_alive};
use crate::engine::storage::token_kind::{TOKEN_FIELDS, TokenKindFields};
use openbao_plugin::framework::{Call, Field, Route, refuse};
use openbao_plugin::{Failure, Response};

pub(crate) const LIST: Route<GenesysMount> = Route::new("roles/", "The roles.")
    .help("Lists the names of the roles.")
    .list("List the roles", |mount, call| keys(mount, PREFIX, call).boxed())
    .item_type("Role")
    .navigation();

pub(crate) const ROUTE: Route<GenesysMount> = Route::new("roles/:name", "The settings of creds/ and token/.")
    .help(
        "Sets the config whose OAuth client issues the tokens, the lease times, and the calls that must succeed with a \
         token before it is returned. A write merges with the stored role.",
    )
    .fields(ROLE_FIELDS)
    .fields(TOKEN_FIELDS)
    .write("Store or change a role", |mount, call| write(mount, call).boxed())
    .read("Read a role", |mount, call| read(mount, call).boxed())
    .returns(ROLE)
    .delete("Delete a role", |mount, call| delete(mount, call).boxed())
    .exists(|mount, call| async move { Ok(stored(mount, call.name()).await?.is_some()) }.boxed())
    .item_type("Role")
    .action("Configure");

const ROLE_FIELDS: &[Field] = &[
    Field::text("config", "The name of the config. Required for a new role."),
    Field::duration("ttl", "The lease time, in seconds or as a duration such as 1h. 0: the mount's default.")
        .default("the mount's"),
    Field::duration(
        "max_ttl",
        "The maximum lease time with renewals, in seconds or as a duration. 0: the mount's maximum.",
    )
    .default("the mount's"),
    Field::texts(
        "probes",
        "Calls that must succeed with a new token, such as \"GET /api/v2/routing/skills?pageSize=1\".",
    )
    .default("none"),
    KEEP_ALIVE,
];

async fn stored(mount: &GenesysMount, name: &str) -> Result<Option<Role>, Failure> {
    mount.entries.get(&Role::key(name)).await
}

async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let Some(Role { config, ttl, max_ttl, probes, token, keep_alive }) = stored(mount, call.name()).await? else {
        return Ok(Response::empty());
    };
    let (ttl, max_ttl) = (ttl.unwrap_or_default(), max_ttl.unwrap_or_default());
    let shown = json!({"config": &config, "ttl": ttl, "max_ttl": max_ttl, "probes": probes, "keep_alive": keep_alive});
    let answer = Response::with_data(fields(shown).into_iter().chain(token.shown()).collect());
    warned_of_config(mount, &config, call.name(), answer).await
}

async fn write(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let _lock = mount.role_locks.lock_for(&call, call.name()).await?;
    let mut role = stored(mount, call.name()).await?.unwrap_or_default();
    if let Some(config) = call.text("config") {
        config.clone_into(&mut role.config);
    }
    if role.config.is_empty() {
        return Err(refuse(
            "the field config is missing",
            "set config to the config whose OAuth client issues the tokens",
        ));
    }
    let seconds = |field: &str| call.duration(field).map(|duration| duration.as_secs());
    role.ttl = seconds("ttl").or(role.ttl);
    role.max_ttl = seconds("max_ttl").or(role.max_ttl);
    role.probes = call.texts("probes").unwrap_or(role.probes);
    role.probes()?;
    role.token = TokenKindFields::merged(&call, role.token)?;
    let answer = warned(&role, mount.node.max_lease_ttl().await?);
    role.keep_alive = call.boolean(KEEP_ALIVE.name).unwrap_or(role.keep_alive);
    let _reference = mount.config_references.read().await;
    let config = Config::for_role(&mount.entries, &role.config, call.name()).await?;
    check_keep_alive(role.keep_alive, &config)?;
    mount.entries.put(&Role::key(call.name()), &role).await?;
    tracing::info!(role.name = call.name(), config.name = role.config, "the role was written");
    Ok(answer)
}

/// Warns of lease times above the maximum. They are stored, and leases are limited when they are issued.
fn warned(role: &Role, mount_longest: Duration) -> Response {
    let longest = mount_longest.as_secs();
    let mut answer = Response::empty();
    if let Some(max_ttl) = role.max_ttl().filter(|max_ttl| *max_ttl > mount_longest) {
        let max_ttl = max_ttl.as_secs();
        answer = answer.warning(format!(
            "max_ttl is {max_ttl} s, but the mount's maximum is {longest} s: leases are limited to that"
        ));
    }
    let bound = role.max_ttl().unwrap_or(mount_longest).min(mount_longest);
    if let Some(ttl) = role.ttl().filter(|ttl| *ttl > bound) {
        let (ttl, bound) = (ttl.as_secs(), bound.as_secs());
        answer = answer.warning(format!("ttl is {ttl} s, but the maximum is {bound} s: leases are limited to that"));
    }
    answer
}

async fn delete(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let _lock = mount.role_locks.lock_for(&call, call.name()).await?;
    mount.entries.delete(&Role::key(call.name())).await?;
    tracing::info!(role.name = call.name(), "the role was deleted");
    let warning = mount.shared_tokens.delete(call.name()).await?;
    Ok(warning.into_iter().fold(Response::empty(), Response::warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lease_times_above_the_maximum_are_warned_of() {
        for (ttl, max_ttl, warnings) in [
            (None, None, 0),
            (Some(100), Some(100), 0),
            (Some(101), None, 1),
            (None, Some(101), 1),
            (Some(51), Some(50), 1),
            (Some(102), Some(101), 2),
        ] {
            let role = Role { ttl, max_ttl, ..Role::default() };
            let answer = warned(&role, Duration::from_secs(100));
            assert_eq!(answer.warnings.len(), warnings, "{ttl:?} {max_ttl:?}: {:?}", answer.warnings);
        }
    }
}
