//! The management of access keys (CXone's Access Key Management API).

use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::CxoneError;
use super::jwt;
use super::login::content_type;
use super::state::{AccessKey, CxoneState};
use crate::http::{self, Reply, Request};

/// The number of every user.
const AGENT: u32 = 4_711;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccessKeyRequest {
    user_id: String,
    tenant_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    is_active: bool,
}

/// `GET /access-key-management/v1/access-keys`, of one user with `userId`.
pub(super) fn list(state: &CxoneState, request: &Request) -> Reply {
    let user = request.parameter("userId");
    let keys: Vec<_> = state
        .access_keys
        .values()
        .filter(|key| user.is_none_or(|user| user == key.user_id))
        .map(|key| describe(state, key))
        .collect();
    let links = json!({ "self": "/access-key-management/v1/access-keys" });
    http::json(StatusCode::OK, &json!({ "totalRecords": keys.len(), "_links": links, "accessKeys": keys }))
}

/// `GET /access-key-management/v1/access-keys/{id}`.
///
/// # Errors
/// The key does not exist.
pub(super) fn read(state: &CxoneState, id: &str) -> Result<Reply, CxoneError> {
    let key = state.access_keys.get(&percent_decoded(id)).ok_or_else(CxoneError::not_found)?;
    // The one answer without the id.
    let mut shown = describe(state, key);
    shown.as_object_mut().map(|shown| shown.remove("accessKeyId"));
    Ok(http::json(StatusCode::OK, &json!({ "resultSet": shown })))
}

/// `POST /access-key-management/v1/access-keys`, the only call that returns a secret.
///
/// # Errors
/// The body does not name this tenant and a user, or the user has the maximum number of keys.
pub(super) fn create(state: &mut CxoneState, request: &Request) -> Result<Reply, CxoneError> {
    let requested: AccessKeyRequest = body(request)?;
    if requested.tenant_id != state.settings.tenant_id || requested.user_id.is_empty() {
        return Err(CxoneError::bad_request("invalid_request", "The user does not exist in this tenant."));
    }
    let held = state.access_keys.values().filter(|key| key.user_id == requested.user_id).count();
    if held >= state.settings.access_keys_per_user {
        return Err(CxoneError::bad_request("limit_exceeded", "The user has the maximum number of access keys."));
    }
    let (id, secret) = (format!("{}====", jwt::random(52)), format!("{}====", jwt::random(52)));
    let key = AccessKey { user_id: requested.user_id, ..AccessKey::new(&id, &secret) };
    let mut shown = describe(state, &key);
    shown["accessKeySecret"] = json!(key.secret);
    state.access_keys.insert(id, key);
    Ok(http::json(StatusCode::OK, &json!({ "resultSet": shown })))
}

/// `PATCH /access-key-management/v1/access-keys?accessKeyId=`, which enables or disables a key.
///
/// # Errors
/// The key does not exist, or the body is not valid.
pub(super) fn update(state: &mut CxoneState, request: &Request) -> Result<Reply, CxoneError> {
    let change: Change = body(request)?;
    let id = request.parameter("accessKeyId").unwrap_or_default();
    state.access_keys.get_mut(id).ok_or_else(CxoneError::not_found)?.is_active = change.is_active;
    if !change.is_active && state.settings.deactivating_revokes_tokens {
        state.revoke_tokens_of(id);
    }
    Ok(http::empty(StatusCode::OK))
}

/// `DELETE /access-key-management/v1/access-keys/{id}`.
///
/// # Errors
/// The key does not exist.
pub(super) fn delete(state: &mut CxoneState, id: &str) -> Result<Reply, CxoneError> {
    let id = percent_decoded(id);
    state.access_keys.remove(&id).ok_or_else(CxoneError::not_found)?;
    if state.settings.deactivating_revokes_tokens {
        state.revoke_tokens_of(&id);
    }
    Ok(http::empty(StatusCode::NO_CONTENT))
}

fn describe(state: &CxoneState, key: &AccessKey) -> Value {
    json!({
        "accessKeyId": key.id,
        "userId": key.user_id,
        "tenantId": state.settings.tenant_id,
        "agentId": AGENT,
        "billingId": AGENT,
        "isActive": key.is_active,
    })
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, CxoneError> {
    if content_type(request) != "application/json" {
        return Err(CxoneError::bad_request("invalid_request", "The body must be application/json."));
    }
    serde_json::from_slice(&request.body)
        .map_err(|error| CxoneError::bad_request("invalid_request", format!("The body is not valid: {error}.")))
}

/// Ids end in `====`. Some clients encode it, others do not.
fn percent_decoded(id: &str) -> String {
    id.replace("%3D", "=").replace("%3d", "=")
}
