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
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "end_session_endpoint": format!("{issuer}/auth/authorize/logout"),
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
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
    let area = &state.settings.area;
    let body = json!({
        "private": false,
        "ui_endpoint": format!("https://{area}.nice-incontact.com"),
        "auth_endpoint": format!("https://{area}.nice-incontact.com"),
        "api_endpoint": state.settings.api_endpoint,
        "area": area,
        "cluster": "C1",
        "domain": "niceincontact.com",
        "acdDomain": "niceincontact.com",
        "uhDomain": "nice-incontact.com",
        "tenantId": state.settings.tenant_id,
    });
    Ok(http::json(StatusCode::OK, &body))
}
