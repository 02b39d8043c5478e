//! The errors of the login service and of the API.

use hyper::StatusCode;
use hyper::header::RETRY_AFTER;
use serde_json::json;

use crate::http::{self, Reply};

/// An error of the login service or of the API.
#[derive(Clone, Debug)]
pub(super) struct CxoneError {
    status: StatusCode,
    error: &'static str,
    description: String,
    retry_after: Option<u64>,
    allow: Option<String>,
}

impl CxoneError {
    pub fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into(), retry_after: None, allow: None }
    }

    pub fn bad_request(error: &'static str, description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, description)
    }

    pub fn invalid_client(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
        Self::new(status, "invalid_client", "Application authentication failed.")
    }

    pub fn invalid_grant() -> Self {
        Self::bad_request("invalid_grant", "The access key is not valid.")
    }

    pub fn unauthorized_client() -> Self {
        Self::bad_request("unauthorized_client", "The application may not use this grant type.")
    }

    pub fn invalid_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_token", "The access token is missing, not valid or expired.")
    }

    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "insufficient_permissions", "The user lacks a permission for this request.")
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "The requested resource was not found.")
    }

    pub fn method_not_allowed(allowed: &[&str]) -> Self {
        let mut error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not supported.");
        error.allow = Some(allowed.join(", "));
        error
    }

    /// `seconds` is the `Retry-After`.
    pub fn too_many_requests(seconds: u64) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Rate limit exceeded.");
        error.retry_after = Some(seconds);
        error
    }

    pub fn reply(self) -> Reply {
        let body = json!({ "error": self.error, "errorDescription": self.description });
        let mut reply = http::json(self.status, &body);
        if let Some(Ok(allow)) = self.allow.map(|allow| allow.parse()) {
            reply.headers_mut().insert("allow", allow);
        }
        if let Some(seconds) = self.retry_after {
            reply.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        reply
    }
}
