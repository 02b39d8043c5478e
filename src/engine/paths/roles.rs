//! `roles/:name`: who gets tokens of which client, and for how long.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;

use super::{keys, object};
use crate::engine::GenesysMount;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::{PREFIX, Role};
use crate::engine::storage::token_kind::{FIELDS, KindOfToken};
use openbao_plugin::framework::{Call, Field, FieldKind, Route, RouteOperation, refuse};
use openbao_plugin::{Failure, Operation, Response};

pub(crate) const LIST: Route<GenesysMount> = Route {
    path: "roles/",
    summary: "The roles.",
    help: "Lists the names of the roles.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::List,
        summary: "List the roles",
        handler: |mount, _| keys(mount, PREFIX).boxed(),
    }],
    exists: None,
    sudo: false,
};

pub(crate) const ROUTE: Route<GenesysMount> = Route {
    path: "roles/:name",
    summary: "What creds/ and token/ hand out.",
    help: "Names the config whose OAuth client the tokens come from, how long leases of them last, and the calls that \
           must succeed with a token before anybody gets it. What is written is merged with what is there.",
    fields: &[
        Field::optional("config", FieldKind::Text, None, "The name of the config. Needed for a new role."),
        Field::optional(
            "ttl",
            FieldKind::Duration,
            Some("the mount's"),
            "How long a lease lasts, in seconds or as a duration such as 1h. 0 for the mount's default.",
        ),
        Field::optional(
            "max_ttl",
            FieldKind::Duration,
            Some("the mount's"),
            "How long renewals may stretch a lease, in seconds or as a duration. 0 for the mount's maximum.",
        ),
        Field::optional(
            "probes",
            FieldKind::TextList,
            Some("none"),
            "Calls that must succeed with a new token, such as \"GET /api/v2/routing/skills?pageSize=1\".",
        ),
        FIELDS[0],
        FIELDS[1],
        FIELDS[2],
        FIELDS[3],
        FIELDS[4],
    ],
    operations: &[
        RouteOperation {
            operation: Operation::Create,
            summary: "Store a role",
            handler: |mount, call| write(mount, call).boxed(),
        },
        RouteOperation {
            operation: Operation::Update,
            summary: "Change a role",
            handler: |mount, call| write(mount, call).boxed(),
        },
        RouteOperation {
            operation: Operation::Read,
            summary: "Read a role",
            handler: |mount, call| read(mount, call).boxed(),
        },
        RouteOperation {
            operation: Operation::Delete,
            summary: "Delete a role",
            handler: |mount, call| delete(mount, call).boxed(),
        },
    ],
    exists: Some(|mount, call| async move { Ok(stored(mount, call.name()).await?.is_some()) }.boxed()),
    sudo: false,
};

async fn stored(mount: &GenesysMount, name: &str) -> Result<Option<Role>, Failure> {
    mount.entries.get(&Role::key(name)).await
}

async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let Some(Role { config, ttl, max_ttl, probes, token }) = stored(mount, call.name()).await? else {
        return Ok(Response::empty());
    };
    let (ttl, max_ttl) = (ttl.unwrap_or_default(), max_ttl.unwrap_or_default());
    let fields = json!({"config": config, "ttl": ttl, "max_ttl": max_ttl, "probes": probes});
    Ok(Response::with_data(object(fields).into_iter().chain(token.shown()).collect()))
}

async fn write(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let _alone = mount.writes.lock().await;
    let mut role = stored(mount, call.name()).await?.unwrap_or_default();
    if let Some(config) = call.text("config") {
        config.clone_into(&mut role.config);
    }
    if role.config.is_empty() {
        return Err(refuse("the field config is missing", "name the config whose OAuth client the tokens come from"));
    }
    Config::of_role(&mount.entries, &role.config).await?;
    let seconds = |field: &str| call.duration(field).map(|duration| duration.as_secs());
    role.ttl = seconds("ttl").or(role.ttl);
    role.max_ttl = seconds("max_ttl").or(role.max_ttl);
    role.probes = call.texts("probes").unwrap_or(role.probes);
    role.probes()?;
    role.token = KindOfToken::merged(&call, role.token)?;
    let answer = warned(&role, mount.system.max_lease_ttl().await?);
    mount.entries.put(&Role::key(call.name()), &role).await?;
    tracing::info!(role.name = call.name(), config.name = role.config, "the role was written");
    Ok(answer)
}

/// Lease times that are longer than they can be are taken, and cut where they are used.
fn warned(role: &Role, mount_longest: Duration) -> Response {
    let longest = mount_longest.as_secs();
    let mut answer = Response::empty();
    if let Some(max_ttl) = role.max_ttl().filter(|max_ttl| *max_ttl > mount_longest) {
        let max_ttl = max_ttl.as_secs();
        answer =
            answer.warning(format!("max_ttl is {max_ttl} s, and the mount allows {longest} s: leases are cut to that"));
    }
    let bound = role.max_ttl().unwrap_or(mount_longest).min(mount_longest);
    if let Some(ttl) = role.ttl().filter(|ttl| *ttl > bound) {
        let (ttl, bound) = (ttl.as_secs(), bound.as_secs());
        answer = answer.warning(format!("ttl is {ttl} s, and a lease may last {bound} s: leases are cut to that"));
    }
    answer
}

async fn delete(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let _alone = mount.writes.lock().await;
    mount.entries.delete(&Role::key(call.name())).await?;
    tracing::info!(role.name = call.name(), "the role was deleted");
    Ok(match mount.end_shared_token(call.name()).await? {
        None => Response::empty(),
        Some(failure) => Response::empty()
            .warning(format!("its shared token could not be revoked and lives on until it expires: {failure}")),
    })
}
