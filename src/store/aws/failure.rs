//! What went wrong with a call to Secrets Manager.
//!
//! The SDK's own error is never kept as a cause: its `Debug` shows the answer's body.

use std::error::Error as StdError;

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::connection::is_about_certificates;
use crate::rotation::{ErrorKind, RotationError, SecretId, error_chain};

/// A call, for the sentence about it.
pub(super) struct Call<'a> {
    pub(super) action: &'static str,
    pub(super) secret: &'a SecretId,
}

/// The service's name for an error.
pub(super) fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// An answer that lacks what every such answer has did not come from Secrets Manager.
pub(super) fn incomplete(call: &Call<'_>) -> RotationError {
    let message = format!("{} for {} gave an answer that lacks what it should hold", call.action, call.secret);
    RotationError::new(ErrorKind::StoreUnavailable, message)
}

impl Call<'_> {
    /// Whether the service's message holds a word.
    pub(super) fn says<E: ProvideErrorMetadata>(&self, error: &SdkError<E, HttpResponse>, word: &str) -> bool {
        error.as_service_error().and_then(ProvideErrorMetadata::message).is_some_and(|text| text.contains(word))
    }

    /// Explains a failed call.
    pub(super) fn failed<E>(&self, error: &SdkError<E, HttpResponse>) -> RotationError
    where
        E: ProvideErrorMetadata + StdError + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let explained = match error {
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => self.refused(error),
            SdkError::TimeoutError(_) => self.unavailable("was not answered in time"),
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => self.not_sent(error),
            _ => self.unavailable("failed"),
        };
        explained.with_correlation_id(error.request_id().map(str::to_owned))
    }

    /// Explains a label that could not be moved: the service refuses to take it from a version that has it no more.
    pub(super) fn failed_to_move_label<E>(&self, error: &SdkError<E, HttpResponse>) -> RotationError
    where
        E: ProvideErrorMetadata + StdError + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let about_holder = self.says(error, "RemoveFromVersionId") || self.says(error, "taging label");
        if code_of(error) == Some("InvalidParameterException") && about_holder {
            let message = format!("the labels of {} were moved by somebody else meanwhile", self.secret);
            return RotationError::new(ErrorKind::StoreConflict, message);
        }
        self.failed(error)
    }

    fn refused<E: ProvideErrorMetadata>(&self, error: &SdkError<E, HttpResponse>) -> RotationError {
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let code = code_of(error).unwrap_or_default();
        let (action, secret) = (self.action, self.secret);
        match code {
            "AccessDeniedException" | "AccessDenied" => self.denied(error),
            "ResourceNotFoundException" => {
                RotationError::new(ErrorKind::SecretNotFound, format!("Secrets Manager has no secret {secret} here"))
            }
            "DecryptionFailure" | "EncryptionFailure" => {
                let message = format!("{action} for {secret} could not use the secret's KMS key ({code})");
                RotationError::new(ErrorKind::StoreDenied, message)
                    .with_hint("allow kms:Decrypt and kms:GenerateDataKey on the secret's key, and check that the key is enabled")
            }
            "InvalidRequestException" if self.says(error, "deletion") => {
                let hint = format!("bring it back with `aws secretsmanager restore-secret --secret-id {secret}`");
                RotationError::new(ErrorKind::SecretNotFound, format!("the secret {secret} is marked for deletion")).with_hint(hint)
            }
            "RequestTimeout" | "RequestTimeoutException" => self.unavailable(&format!("was not answered in time ({status} {code})")),
            code if is_throttling(code) || status == 429 => {
                RotationError::new(ErrorKind::RateLimited, format!("{action} for {secret} was throttled ({status} {code})"))
            }
            code if is_about_identity(code) => {
                RotationError::new(ErrorKind::StoreDenied, format!("AWS does not accept the credentials that {action} was signed with ({code})"))
                    .with_hint("renew the AWS credentials of this session (aws sso login, assume the role again), and check the machine's clock")
            }
            "" => self.unavailable(&format!("did not answer as Secrets Manager does (status {status})")),
            code if status >= 500 => self.unavailable(&format!("failed inside Secrets Manager ({status} {code})")),
            code => self.unavailable(&format!("was refused ({status} {code})")).permanent(),
        }
    }

    fn denied<E: ProvideErrorMetadata>(&self, error: &SdkError<E, HttpResponse>) -> RotationError {
        let (action, secret) = (self.action, self.secret);
        if self.says(error, "KMS") {
            let message = format!("{action} for {secret} may not use the secret's KMS key");
            return RotationError::new(ErrorKind::StoreDenied, message).with_hint(
                "allow kms:Decrypt and kms:GenerateDataKey on the secret's key to the role that this runs as",
            );
        }
        let message = format!("secretsmanager:{action} on {secret} is denied to the role that this runs as");
        let hint = format!(
            "allow secretsmanager:{action} on {secret} in the role's policy; the secret's own policy or an organisation's policy may deny it too"
        );
        RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint)
    }

    fn not_sent<E: StdError + 'static>(&self, error: &SdkError<E, HttpResponse>) -> RotationError {
        // The causes of a request that was never sent name addresses and settings.
        let causes = error.source().map(error_chain).unwrap_or_default();
        let about_credentials = causes.contains("credentials") || causes.contains("identity");
        // Whoever hands the credentials out (a container, an instance, a sign-on service) may only be slow.
        if about_credentials && !causes.contains("timed out") && !causes.contains("timeout") {
            let message = format!("there are no usable AWS credentials for {} ({causes})", self.action);
            return RotationError::new(ErrorKind::StoreDenied, message).with_hint(
                "sign on again (`aws sso login`), set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run this where a role is attached",
            );
        }
        if ["Missing Region", "missing signing region"].iter().any(|words| causes.contains(words)) {
            return RotationError::new(ErrorKind::ConfigurationInvalid, "no AWS region is set")
                .with_hint("set AWS_REGION, or a region in the profile");
        }
        if is_about_certificates(error) {
            return self
                .unavailable("was not sent: the TLS certificate of Secrets Manager is not trusted")
                .with_hint("a proxy that inspects TLS needs its own CA among this machine's")
                .permanent();
        }
        self.unavailable(&format!("could not be sent ({causes})"))
    }

    fn unavailable(&self, what: &str) -> RotationError {
        RotationError::new(ErrorKind::StoreUnavailable, format!("{} for {} {what}", self.action, self.secret))
    }
}

pub(super) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "SlowDown"
    )
}

fn is_about_identity(code: &str) -> bool {
    matches!(
        code,
        "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "MissingAuthenticationTokenException"
            | "NotAuthorized"
    )
}
