//! `rotate-token/:role`: replaces the shared token of a role now.

use futures_util::FutureExt;
use serde_json::json;

use super::answers::REPLACED;
use super::response::fields;
use super::rotate_role::{REVOKE_PREVIOUS, check_revocation};
use crate::engine::mount::GenesysMount;
use crate::engine::requester::Requester;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::Role;
use crate::engine::tokens::token_request::{MinimumLife, TokenRequest};
use openbao_plugin::framework::{Call, Field, Route};
use openbao_plugin::{Failure, Response};

pub(crate) const ROUTE: Route<GenesysMount> =
    Route::new("rotate-token/:role", "Replace the shared token of a role now.")
        .help(
            "Creates and validates a new token for token/, stores it, and then revokes the previous one: callers that hold \
             it must read token/ again. If no new token can be created, callers keep the previous one, which is revoked \
             as soon as it is replaced.",
        )
        .fields(&[Field::boolean(
            REVOKE_PREVIOUS,
            "Whether to revoke the previous token, and to wait until the platform rejects it.",
        )
        .default("true")])
        .write("Replace the shared token", |mount, call| rotate(mount, call).boxed())
        .returns(REPLACED)
        .item_type("Shared token")
        .action("Rotate");

async fn rotate(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let (name, path) = (call.name(), format!("rotate-token/{}", call.name()));
    mount.node.require_writable().await?;
    let former = mount.shared_tokens.held(name).await;
    let role = Role::named(&mount.entries, name).await?;
    let config = Config::for_role(&mount.entries, &role.config, name).await?;
    let revokes = call.boolean(REVOKE_PREVIOUS).unwrap_or(true);
    let (former, damaged) = match former {
        Ok(former) => (former, None),
        Err(failure @ Failure::Internal(_)) => (None, Some(failure)),
        Err(failure) => return Err(failure),
    };
    if revokes {
        check_revocation(&role.config, &config)?;
        if let Some((token, place)) = &former {
            mount
                .revocations
                .owe((&path, &role.config), place.clone(), &token.access_token, Some(token.expires_at))
                .await?;
        }
    }
    let request = TokenRequest {
        role_name: name.to_owned(),
        role,
        config,
        minimum: MinimumLife::Default,
        requester: Requester::of(call.request()),
    };
    let former = former.map(|(token, _)| token);
    let token = mount.shared_tokens.replace(&request, former.as_ref()).await?.token;
    if !revokes {
        return Ok(Response::with_data(fields(json!({"expires_at": token.expires_at.to_string(), "revoked": 0}))));
    }
    let revoked = mount.revocations.settle(&path, None).await?;
    match damaged {
        Some(failure) => Err(Failure::internal(format!(
            "the role has a new token, but the previous one cannot be revoked, because it cannot be read: {failure}"
        ))),
        None => {
            Ok(Response::with_data(fields(json!({"expires_at": token.expires_at.to_string(), "revoked": revoked}))))
        }
    }
}
