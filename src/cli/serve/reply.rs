//! Answers of this endpoint, in the platform's form.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::{Response, StatusCode};
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::rotation::{ErrorKind, RotationError};

/// A body of this endpoint, or one that is passed through.
pub(super) type Body = BoxBody<Bytes, reqwest::Error>;
/// An answer.
pub(super) type Reply = Response<Body>;

pub(super) fn text(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    text(status, "application/json", serde_json::to_vec(value).unwrap_or_default())
}

/// An error as the platform's API prints it.
pub(super) fn refusal(status: StatusCode, code: &str, message: &str) -> Reply {
    let mut reply = json(
        status,
        &json!({
            "message": message, "code": code, "status": status.as_u16(), "contextId": Uuid::new_v4().to_string(),
            "details": [], "errors": [],
        }),
    );
    if status == StatusCode::UNAUTHORIZED {
        reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"genesys-rotator\""));
    }
    reply
}

/// An error as the platform's token endpoint prints it.
pub(super) fn oauth_refusal(status: StatusCode, error: &str, message: &str) -> Reply {
    json(status, &json!({"error": error, "description": message, "error_description": message}))
}

/// The reason why a request cannot be answered now.
pub(super) fn unavailable(error: &RotationError) -> Reply {
    let (status, code) = match error.kind() {
        ErrorKind::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "request.timeout"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "service.unavailable"),
    };
    refusal(status, code, &why(error))
}

/// An error with its kind and hint, in one line.
pub(super) fn why(error: &RotationError) -> String {
    format!("{}: {}; {}", error.kind().name(), error.chain(), error.hint())
}
