//! Two endpoints that tutorials name and that are not in the published API.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::access::Bearer;
use super::error::GenesysError;
use super::state::GenesysState;
use crate::http::{self, Reply};

/// `POST /api/v2/oauth/token/generate`.
///
/// # Errors
/// The body does not request the client credentials grant of a resource owner.
pub(super) fn generate(state: &mut GenesysState, bearer: &Bearer, body: &Value) -> Result<Reply, GenesysError> {
    if body["grant_type"] != "client_credentials" {
        return Err(GenesysError::malformed("grant_type must be client_credentials"));
    }
    if body["resource_owner"].as_str().is_none_or(str::is_empty) {
        return Err(GenesysError::malformed("resource_owner is required"));
    }
    Ok(http::json(StatusCode::OK, &mint(state, bearer)))
}

/// `POST /api/v2/oauth/apitokens`.
///
/// # Errors
/// The body is not an object.
pub(super) fn api_token(state: &mut GenesysState, bearer: &Bearer, body: &Value) -> Result<Reply, GenesysError> {
    if !body.is_object() {
        return Err(GenesysError::malformed("the body must be an object"));
    }
    let mut answer = mint(state, bearer);
    answer["id"] = json!(uuid::Uuid::new_v4().to_string());
    Ok(http::json(StatusCode::OK, &answer))
}

fn mint(state: &mut GenesysState, bearer: &Bearer) -> Value {
    let lifetime = state.settings.unpublished_token_lifetime;
    let mut answer = json!({ "access_token": state.mint(&bearer.client_id, lifetime) });
    if state.settings.unpublished_expires_in {
        answer["expires_in"] = json!(lifetime.saturating_sub(1));
    }
    answer
}
