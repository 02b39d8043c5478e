//! The issuer's two discovery documents, which require no token.

use hyper::StatusCode;
use serde_json::json;

use super::error::CxoneError;
use super::state::CxoneState;
use crate::http::{self, Reply, Request};

/// `GET /.well-known/openid-configuration`.
pub(super) fn openid(state: &CxoneState) -> Reply {
    let issuer = &state.settings.issuer;
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth/authorize"),
        "token_endpoint": state.settings.token_endpoint,
        "jwks_uri": format!("{issuer}/auth/jwks"),
        "grant_types_supported": ["authorization_code", "refresh_token", "password"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    http::json(StatusCode::OK, &body)
}

/// `GET /.well-known/cxone-configuration?tenantId=`.
///
/// # Errors
/// The tenant does not exist.
pub(super) fn tenant(state: &CxoneState, request: &Request) -> Result<Reply, CxoneError> {
    let Some(tenant) = request.parameter("tenantId").filter(|tenant| !tenant.is_empty()) else {
        return Err(CxoneError::bad_request("invalid_request", "tenantId is required."));
    };
    if tenant != state.settings.tenant_id {
        return Err(CxoneError::not_found());
    }
    let body = json!({
        "area": state.settings.area,
        "domain": "niceincontact.com",
        "tenantId": state.settings.tenant_id,
        "api_endpoint": state.settings.api_endpoint,
    });
    Ok(http::json(StatusCode::OK, &body))
}
