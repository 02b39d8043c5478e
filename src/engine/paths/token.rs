//! `token/:role`: one token for all of a role's callers, without a lease.

use futures_util::FutureExt;

use crate::engine::GenesysMount;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::Role;
use crate::engine::tokens::shared_token::{Minimum, SharedToken, Wish};
use openbao_plugin::framework::{Call, Field, FieldKind, Route, RouteOperation};
use openbao_plugin::{Failure, Operation, Response};

pub(crate) const ROUTE: Route<GenesysMount> = Route {
    path: "token/:role",
    summary: "A token that the role's callers share, without a lease.",
    help: "Hands out the same validated token again and again, as long as it has enough life left, and makes a new one \
           when it has not; however many ask at once, one is made. The token has no lease: it ends by itself.",
    fields: &[Field {
        name: "minimum_seconds",
        kind: FieldKind::Duration,
        required: false,
        default: Some("300, or a tenth of the token's life if that is less"),
        sensitive: false,
        description: "How much life the token must have left, in seconds or as a duration such as 10m.",
    }],
    operations: &[RouteOperation {
        operation: Operation::Read,
        summary: "Get the shared token",
        handler: |mount, call| read(mount, call).boxed(),
    }],
    exists: None,
    sudo: false,
};

async fn read(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let role = Role::asked_for(&mount.entries, call.name()).await?;
    let config = Config::of_role(&mount.entries, &role.config).await?;
    let asked = call.duration("minimum_seconds");
    let minimum = asked.map_or(Minimum::Usual, Minimum::Asked);
    let wish = Wish { role_name: call.name().to_owned(), role, config, minimum };
    let failure = match mount.shared_token(&wish).await {
        Ok(shared) => return Ok(answer(mount, shared).await),
        Err(failure @ Failure::Status(..)) if asked.is_none() => failure,
        Err(failure) => return Err(failure),
    };
    match mount.living_token(&wish).await? {
        Some(shared) => {
            let warning = format!("it ends soon, and there is no new one yet: {failure}");
            Ok(answer(mount, shared).await.warning(warning))
        }
        None => Err(failure),
    }
}

async fn answer(mount: &GenesysMount, shared: SharedToken) -> Response {
    let api_url = mount.api_url(&shared.place, &shared.token.access_token).await;
    Response::with_data(shared.token.answer(api_url, mount.now()))
}
