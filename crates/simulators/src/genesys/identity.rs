//! The caller's identity: `users/me` and `tokens/me`.

use hyper::StatusCode;
use serde_json::json;

use super::access::Bearer;
use super::error::GenesysError;
use super::state::{GenesysState, Registration};
use super::{lists, oauth_clients};
use crate::http::{self, Reply};

/// The permission that older versions of the API require for the idle timeout.
const ORGANIZATION_ADMIN: &str = "directory:organization:admin";
/// The idle timeout that a disabled setting shows, in seconds.
const DEFAULT_IDLE_TIMEOUT: u64 = 1_800;

/// `GET /api/v2/users/me`.
///
/// # Errors
/// The token belongs to a client, not to a user.
pub(super) fn me(state: &GenesysState, bearer: &Bearer) -> Result<Reply, GenesysError> {
    let client = &registration(state, bearer)?.client;
    if !client.user {
        let message = "This request requires a user context. \
            OAuthClient credentials cannot be used for requests to this resource.";
        return Err(GenesysError::bad_request("not.a.user", message));
    }
    Ok(http::json(StatusCode::OK, &lists::user(&client.id, &client.name)))
}

/// `GET /api/v2/tokens/me` (Platform API, TokenInfo).
///
/// # Errors
/// The token's client was deleted.
pub(super) fn token(state: &GenesysState, bearer: &Bearer) -> Result<Reply, GenesysError> {
    let registration = registration(state, bearer)?;
    let organization = json!({ "id": state.settings.organization_id, "name": state.settings.organization_name });
    let mut client = oauth_clients::describe_in_organization(registration, &organization);
    if let Some(owner) = &state.settings.token_owner {
        client["id"] = json!(owner);
    }
    let mut body = json!({
        "organization": organization,
        "homeOrganization": organization,
        "authorizedScope": registration.client.scope,
        "OAuthClient": client,
    });
    if let Some(date) = state.token(&bearer.token).and_then(|token| state.idles_at(token)) {
        body["dateTokenIdles"] = json!(format!("{date:.3}"));
    }
    Ok(http::json(StatusCode::OK, &body))
}

/// `GET /api/v2/tokens/timeout` (Platform API, IdleTokenTimeout).
///
/// # Errors
/// The client lacks the permission that older versions of the API require.
pub(super) fn idle_timeout(state: &GenesysState, bearer: &Bearer) -> Result<Reply, GenesysError> {
    let held = registration(state, bearer)?.client.permissions.as_ref();
    let is_admin = held.is_none_or(|held| held.iter().any(|held| held == ORGANIZATION_ADMIN));
    if state.settings.idle_timeout_needs_permission && !is_admin {
        return Err(GenesysError::missing_permissions(&[ORGANIZATION_ADMIN]));
    }
    let seconds = state.settings.idle_timeout;
    let body = json!({
        "idleTokenTimeoutSeconds": seconds.unwrap_or(DEFAULT_IDLE_TIMEOUT),
        "enableIdleTokenTimeout": seconds.is_some(),
    });
    Ok(http::json(StatusCode::OK, &body))
}

/// `HEAD /api/v2/tokens/me`, which only verifies the token.
pub(super) fn verify(state: &GenesysState) -> Reply {
    http::empty(status(state.settings.head_token_status))
}

/// `DELETE /api/v2/tokens/me`, which revokes the token of the call.
pub(super) fn revoke(state: &mut GenesysState, bearer: &Bearer) -> Reply {
    state.revoke(&bearer.token);
    http::empty(status(state.settings.delete_token_status))
}

fn registration<'state>(state: &'state GenesysState, bearer: &Bearer) -> Result<&'state Registration, GenesysError> {
    state.clients.get(&bearer.client_id).ok_or_else(GenesysError::bad_credentials)
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::OK)
}
