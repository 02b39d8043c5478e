//! The errors of the Platform API and of the login service.

use hyper::StatusCode;
use serde_json::{Map, json};

use crate::http::{self, Reply};

/// An error of the Platform API (Platform API, ErrorBody).
#[derive(Clone, Debug)]
pub(super) struct GenesysError {
    status: StatusCode,
    code: &'static str,
    /// The message, with `{name}` for each parameter.
    template: &'static str,
    parameters: Vec<(&'static str, String)>,
    /// The exceeded rate limit, in requests per minute.
    limit: Option<u32>,
    header: Option<(&'static str, String)>,
}

impl GenesysError {
    pub fn new(status: StatusCode, code: &'static str, template: &'static str) -> Self {
        Self { status, code, template, parameters: Vec::new(), limit: None, header: None }
    }

    pub fn bad_request(code: &'static str, template: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, template)
    }

    /// Sets a parameter of the message.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }

    pub fn malformed(reason: impl Into<String>) -> Self {
        Self::bad_request("bad.request", "The request could not be understood by the server: {reason}")
            .with("reason", reason)
    }

    pub fn authentication_required() -> Self {
        let message = "No authentication bearer token specified in authorization header.";
        Self::new(StatusCode::UNAUTHORIZED, "authentication.required", message)
    }

    pub fn bad_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "bad.credentials", "Invalid login credentials.")
    }

    pub fn credentials_expired() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "credentials.expired", "The supplied credentials are expired.")
    }

    pub fn ip_not_authorized() -> Self {
        let message = "The IP address of the request is not authorized for this organization.";
        Self::new(StatusCode::UNAUTHORIZED, "ip.not.authorized", message)
    }

    pub fn missing_permissions(permissions: &[&str]) -> Self {
        let message =
            "Unable to perform the requested action. You are missing the following permission(s): {permissions}";
        Self::new(StatusCode::FORBIDDEN, "missing.permissions", message).with("permissions", permissions.join(", "))
    }

    pub fn missing_any_permissions(permissions: &[&str]) -> Self {
        let message = "Unable to perform the requested action. \
            You must have at least one of the following permissions assigned: {permissions}";
        Self::new(StatusCode::FORBIDDEN, "missing.any.permissions", message)
            .with("permissions", format!("[{}]", permissions.join(", ")))
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not.found", "The requested resource was not found.")
    }

    pub fn method_not_allowed(allowed: &[&str]) -> Self {
        let message = "The method is not supported for the requested resource.";
        let mut error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method.not.allowed", message);
        error.header = Some(("allow", allowed.join(", ")));
        error
    }

    pub fn unsupported_media_type() -> Self {
        let message = "Unsupported Media Type - Unsupported or incorrect media type, \
            such as an incorrect Content-Type value in the header.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported.media.type", message)
    }

    pub fn too_many_requests(allowed: u32, retry_after: u64) -> Self {
        let message = "Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds";
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too.many.requests.retry.after", message)
            .with("seconds", retry_after.to_string());
        error.header = Some(("retry-after", retry_after.to_string()));
        error.limit = Some(allowed);
        error
    }

    /// Returns the answer. The context id is the correlation id of its headers.
    pub fn reply(&self, context_id: &str) -> Reply {
        let message = self
            .parameters
            .iter()
            .fold(self.template.to_owned(), |message, (name, value)| message.replace(&format!("{{{name}}}"), value));
        let parameters: Map<_, _> =
            self.parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let mut body = json!({
            "message": message,
            "code": self.code,
            "status": self.status.as_u16(),
            "messageWithParams": self.template,
            "messageParams": parameters,
            "contextId": context_id,
            "details": [],
            "errors": [],
        });
        if let Some(limit) = self.limit {
            let key = "client.credentials.token.rate.per.minute";
            body["limit"] = json!({ "key": key, "namespace": "platform.api", "value": limit });
        }
        let mut reply = http::json(self.status, &body);
        if let Some((name, value)) = &self.header
            && let Ok(value) = value.parse()
        {
            reply.headers_mut().insert(*name, value);
        }
        reply
    }
}

/// An error of the login service. Every caller's mistake is 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoginError {
    error: &'static str,
    description: String,
}

impl LoginError {
    pub fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into() }
    }

    pub fn reply(&self) -> Reply {
        let body = json!({
            "error": self.error,
            "description": self.description,
            "error_description": self.description,
        });
        http::json(StatusCode::BAD_REQUEST, &body)
    }
}
