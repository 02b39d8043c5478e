//! `rotate-token/:role`: replaces the shared token of a role now.

use futures_util::FutureExt;
use serde_json::json;
use tokio::time::Instant;

use super::answers::REPLACED;
use super::response::fields;
use super::rotate_role::{REVOKE_PREVIOUS, check_revocation, repeated};
use crate::engine::failure::reworded;
use crate::engine::mount::GenesysMount;
use crate::engine::requester::Requester;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::Role;
use crate::engine::token::Token;
use crate::engine::tokens::token_request::{MinimumLife, TokenRequest};
use crate::rotation::Place;
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
    let requester = Requester::of(call.request());
    tracing::info!(
        role.name = name,
        request.id = requester.request_id,
        requester.display_name = requester.display_name,
        "a new shared token was requested"
    );
    let (former, damaged) = held(mount, name).await?;
    let requested_at = Instant::now();
    let lock = mount.shared_tokens.locks.lock_for(&call, name).await?;
    let role = Role::named(&mount.entries, name).await?;
    let config = Config::for_role(&mount.entries, &role.config, name).await?;
    let revokes = call.boolean(REVOKE_PREVIOUS).unwrap_or(true);
    if revokes {
        check_revocation(&role.config, &config)?;
        let current = held(mount, name).await?.0;
        let current = current.as_ref().map(|(token, _)| &token.access_token);
        if mount.revocations.is_repeated(&path, current).await? {
            drop(lock);
            return repeated(mount.revocations.settle(&path, None).await?);
        }
        if let Some((token, place)) = &former {
            let asked = (path.as_str(), role.config.as_str());
            mount.revocations.owe(asked, place.clone(), &token.access_token, Some(token.expires_at)).await?;
        }
    }
    let (role_name, minimum) = (name.to_owned(), MinimumLife::Default);
    let request = TokenRequest { role_name, role, config, minimum, requester };
    let former = former.map(|(token, _)| token);
    let replaced = mount.shared_tokens.replace(&request, former.as_ref(), requested_at).await;
    let expires_at = replaced.map_err(|failure| goes_on(revokes, failure))?.token.expires_at.to_string();
    drop(lock);
    let revoked = if revokes { mount.revocations.settle(&path, None).await? } else { 0 };
    match damaged.filter(|_| revokes) {
        Some(failure) => Err(Failure::internal(format!(
            "the role has a new token, but the previous one cannot be revoked, because it cannot be read: {failure}"
        ))),
        None => Ok(Response::with_data(fields(json!({"expires_at": expires_at, "revoked": revoked})))),
    }
}

/// The role's token, or why it cannot be read.
async fn held(mount: &GenesysMount, name: &str) -> Result<(Option<(Token, Place)>, Option<Failure>), Failure> {
    match mount.shared_tokens.held(name).await {
        Ok(held) => Ok((held, None)),
        Err(failure @ Failure::Internal(_)) => Ok((None, Some(failure))),
        Err(failure) => Err(failure),
    }
}

/// The revocation is stored, but no task replaces a shared token without a request.
fn goes_on(revokes: bool, failure: Failure) -> Failure {
    if !revokes {
        return failure;
    }
    reworded(failure, |message, hint| {
        format!(
            "{message}\nhint: {hint}; then repeat the request: the engine revokes the previous token as soon as it is replaced"
        )
    })
}
