//! The service's answers and errors.

use hyper::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Reply, raw};

/// An error answer: `__type` and a message, with status 400.
#[derive(Clone, Debug)]
pub(super) struct ServiceError {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// The result of an action.
pub(super) type ActionResult = Result<Value, ServiceError>;

impl ServiceError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new("InvalidRequestException", message)
    }

    pub(super) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    pub(super) fn no_secret() -> Self {
        Self::not_found("Secrets Manager can't find the specified secret.")
    }

    pub(super) fn no_value(what: &str, which: &str) -> Self {
        Self::not_found(format!("Secrets Manager can't find the specified secret value for {what}: {which}"))
    }

    pub(super) fn marked_for_deletion() -> Self {
        Self::invalid_request("You can't perform this operation on the secret because it was marked for deletion.")
    }

    pub(super) fn token_in_use(token: &str, arn: &str) -> Self {
        let message = format!(
            "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
        );
        Self::new("ResourceExistsException", message)
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub(super) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    pub(super) fn access_denied(message: impl Into<String>) -> Self {
        Self::new("AccessDeniedException", message)
    }

    /// Returns the HTTP answer. Exceptions in the service's model have the member `Message`; those of the framework before it
    /// have `message`.
    pub(super) fn reply(&self) -> Reply {
        let framework = matches!(
            self.code,
            "ValidationException"
                | "SerializationException"
                | "ThrottlingException"
                | "UnknownOperationException"
                | "MissingAuthenticationTokenException"
                | "IncompleteSignatureException"
                | "InvalidSignatureException"
        );
        let member = if framework { "message" } else { "Message" };
        reply(StatusCode::BAD_REQUEST, &json!({ "__type": self.code, member: self.message }))
    }
}

/// Creates an answer in AWS JSON 1.1, with a new request id.
pub(super) fn reply(status: StatusCode, body: &Value) -> Reply {
    let mut reply = raw(status, "application/x-amz-json-1.1", body.to_string());
    if let Ok(id) = Uuid::new_v4().to_string().parse() {
        reply.headers_mut().insert("x-amzn-requestid", id);
    }
    reply
}
