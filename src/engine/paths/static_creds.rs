//! `static-creds/:name`: the token of a static role.

use futures_util::FutureExt;

use crate::engine::GenesysMount;
use crate::engine::failure::told;
use crate::engine::static_roles::credential::StaticCredential;
use crate::engine::static_roles::role::{ROLES, StaticRole, key};
use crate::rotation::{ErrorKind, RotationError};
use openbao_plugin::framework::{Call, Route, RouteOperation, refuse};
use openbao_plugin::{Failure, Operation, Response};

pub(crate) const ROUTE: Route<GenesysMount> = Route {
    path: "static-creds/:name",
    summary: "The token of a static role.",
    help: "The token that the engine keeps fresh for the role. It has no lease: everybody who reads it gets the same one \
           until it is rotated, and the one before lives until it expires.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::Read,
        summary: "Read the token",
        handler: |mount, call| read(mount, call).boxed(),
    }],
    exists: None,
    sudo: false,
};

/// All of it comes from memory: this is what busy pipelines read.
async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let name = call.name();
    let role = asked_for(mount, name).await?;
    let now = mount.now();
    let credential = StaticCredential::of_role(&mount.entries, name).await?;
    let Some(credential) = credential.filter(|credential| credential.token.expires_at > now) else {
        mount.scheduler.wake();
        return Err(told(&without_token(name, &role)));
    };
    let place = credential.place().map_err(|error| told(&error))?;
    let api_url = mount.api_url(&place, &credential.token.access_token).await;
    let mut fields = credential.token.answer(api_url, now);
    fields.insert("last_rotation".to_owned(), credential.token.issued_at.to_string().into());
    fields.insert("rotation_period".to_owned(), role.rotation_period.into());
    Ok(Response::with_data(fields))
}

/// The role that somebody asks for.
pub(crate) async fn asked_for(mount: &GenesysMount, name: &str) -> Result<StaticRole, Failure> {
    let missing =
        || refuse(format!("there is no static role {name:?}"), "list static-roles/ shows those that there are");
    mount.entries.get(&key(ROLES, name)).await?.ok_or_else(missing)
}

/// Why a role has no token that works. Whoever reads one that has expired would only look for the mistake elsewhere.
fn without_token(name: &str, role: &StaticRole) -> RotationError {
    let Some(last) = &role.last_error else {
        let message = format!("the token of the static role {name:?} has expired, and is being rotated");
        return RotationError::new(ErrorKind::PlatformUnavailable, message).with_hint("ask again in a moment");
    };
    let kind = ErrorKind::ALL.into_iter().find(|kind| kind.name() == last.r#type);
    let message =
        format!("the token of the static role {name:?} has expired, and could not be rotated: {}", last.message);
    RotationError::new(kind.unwrap_or(ErrorKind::PlatformUnavailable), message).with_hint(last.hint.as_str())
}
