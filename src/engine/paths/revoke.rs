//! `revoke/:config`: ends a token that leaked.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;

use super::answers::REVOKED;
use super::response::fields;
use super::rotate_role::check_revocation;
use crate::engine::failure::{logged_failure, reworded};
use crate::engine::mount::GenesysMount;
use crate::engine::requester::Requester;
use crate::engine::storage::config::Config;
use crate::rotation::{Deadline, ErrorKind, RotationError};
use crate::secret::SecretString;
use openbao_plugin::framework::{Call, Field, Route, refuse};
use openbao_plugin::{Failure, Response};

/// How long the check of the token's owner may take.
const CHECK: Duration = Duration::from_secs(10);
const TOKEN: &str = "token";

pub(crate) const ROUTE: Route<GenesysMount> = Route::new("revoke/:config", "Revoke a token of a config's client.")
    .help(
        "Checks that the token belongs to the config's OAuth client, revokes it, and waits until the platform rejects it. \
         If roles return this token to their readers, it replaces the token of these roles first, and names them. With \
         token=-, bao reads the token from standard input.",
    )
    .fields(&[Field::text(TOKEN, "The token.").required().sensitive()])
    .write("Revoke a token", |mount, call| revoke(mount, call).boxed())
    .returns(REVOKED)
    .item_type("Token")
    .action("Revoke");

async fn revoke(mount: &GenesysMount, call: Call) -> Result<Response, Failure> {
    let (name, path) = (call.name(), format!("revoke/{}", call.name()));
    mount.node.require_writable().await?;
    let config = Config::named(&mount.entries, name).await?;
    check_revocation(name, &config)?;
    let token = token_of(&call)?;
    let requester = Requester::of(call.request());
    tracing::info!(
        config.name = name,
        request.id = requester.request_id,
        requester.display_name = requester.display_name,
        "the revocation of a token was requested"
    );
    let holders = mount.readers.holders(&token).await?;
    match mount.minting.check_owner(&config.owners(), &token, Deadline::after(CHECK)).await {
        Ok(()) => {}
        // Its readers need another one.
        Err(error) if error.kind() == ErrorKind::TokenRejected && !holders.is_empty() => {}
        Err(error) => return Err(not_ours(name, &config, &error)),
    }
    mount.revocations.owe((&path, name), config.place(), &token, None).await?;
    for reader in &holders.readers {
        mount.readers.replace(&call, reader, &token).await.map_err(|failure| not_replaced(reader, failure))?;
    }
    mount.background.wake();
    mount.revocations.settle(&path, Some(&token)).await?;
    let replaced: Vec<_> = holders.readers.iter().map(ToString::to_string).collect();
    Ok(Response::with_data(fields(json!({"revoked": true, "replaced": replaced}))))
}

/// The token without the whitespace around it: a file or a pipe ends with a line break.
fn token_of(call: &Call) -> Result<SecretString, Failure> {
    let text = call.text(TOKEN).unwrap_or_default().trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse("the field token is not a token", "send the whole access token, and nothing else"));
    }
    Ok(SecretString::from(text))
}

fn not_ours(name: &str, config: &Config, error: &RotationError) -> Failure {
    let client = config.client_id();
    match error.kind() {
        ErrorKind::TokenRejected => refuse(
            "TokenRejected: the platform already rejects this token: it has expired, was revoked, or belongs to another region or organization",
            format!("nothing is left to do if it is a token of config/{name}; otherwise name the config of its client"),
        ),
        ErrorKind::TokenOwnerMismatch => refuse(
            format!("TokenOwnerMismatch: the token does not belong to the OAuth client {client} of config/{name}"),
            "name the config of its client; without one, end the token with `genesys-rotator revoke --token - --region REGION`",
        ),
        _ => logged_failure(error),
    }
}

/// The revocation is stored, and goes on.
fn not_replaced(reader: &impl ToString, failure: Failure) -> Failure {
    let reader = reader.to_string();
    reworded(failure, |message, hint| {
        format!(
            "{message}; {reader} returns this token, and could not be rotated\nhint: {hint}; the engine revokes the token as soon as {reader} has another one; to end it now, delete {reader}"
        )
    })
}
