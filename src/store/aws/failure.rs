//! Errors of calls to Secrets Manager.
//!
//! The SDK's error is never kept as the source: its `Debug` prints the answer's body.

use std::error::Error as _;

use aws_sdk_secretsmanager::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::connection::is_about_certificates;
use crate::rotation::{ErrorKind, RotationError, SecretId, error_chain};

/// A call, for the messages about it.
pub(super) struct AwsCall<'a> {
    pub(super) action: &'static str,
    pub(super) secret: &'a SecretId,
}

/// The error of any call.
pub(super) type AwsError = SdkError<ErrorMetadata, HttpResponse>;

/// Removes the call from an error's type, so that what explains it is compiled once for all calls.
pub(super) fn of_any_call<E: ProvideErrorMetadata>(error: SdkError<E, HttpResponse>) -> AwsError {
    error.map_service_error(|error| error.meta().clone())
}

/// Returns the error code of the answer.
pub(super) fn code_of(error: &AwsError) -> Option<&str> {
    error.as_service_error().and_then(ErrorMetadata::code)
}

/// The error for an answer without a required field, which did not come from Secrets Manager.
pub(super) fn incomplete(call: &AwsCall<'_>) -> RotationError {
    let message = format!("{} for {} returned an answer without its required fields", call.action, call.secret);
    RotationError::new(ErrorKind::StoreUnavailable, message)
}

impl AwsCall<'_> {
    /// Returns whether the message of the answer contains `word`.
    pub(super) fn says(&self, error: &AwsError, word: &str) -> bool {
        error.as_service_error().and_then(ErrorMetadata::message).is_some_and(|text| text.contains(word))
    }

    /// Explains a failed call.
    pub(super) fn failed(&self, error: &AwsError) -> RotationError {
        let explained = match error {
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => self.rejected(error),
            SdkError::TimeoutError(_) => self.unavailable("was not answered in time"),
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => self.not_sent(error),
            _ => self.unavailable("failed"),
        };
        explained.with_correlation_id(error.request_id().map(str::to_owned))
    }

    /// Explains a failed label move. Secrets Manager rejects removing a label from a version that no longer has it.
    pub(super) fn failed_to_move_label(&self, error: &AwsError) -> RotationError {
        let about_holder = self.says(error, "RemoveFromVersionId") || self.says(error, "taging label");
        if code_of(error) == Some("InvalidParameterException") && about_holder {
            let message = format!("the labels of {} changed during the rotation", self.secret);
            return RotationError::new(ErrorKind::StoreConflict, message);
        }
        self.failed(error)
    }

    /// Returns whether a write was refused, and its RotationToken may be the reason: AWS documents no error for that.
    pub(super) fn may_refuse_token(&self, error: &AwsError) -> bool {
        let has_other_reason = ["not authorized", "KMS", "deletion", "replica", "managed", "owned"]
            .iter()
            .any(|word| self.says(error, word));
        let is_refusal = matches!(
            code_of(error),
            Some(
                "AccessDeniedException"
                    | "InvalidParameterException"
                    | "InvalidRequestException"
                    | "ValidationException"
            )
        );
        is_refusal && !has_other_reason
    }

    /// Explains that no version except the rotation's can be written.
    pub(super) fn refused_beside(&self) -> RotationError {
        let secret = self.secret;
        let message = format!(
            "Secrets Manager accepts no version beside the rotation's own, with or without the RotationToken: the lease and \
             the write-ahead entry of {secret} cannot be stored, and nothing was changed"
        );
        RotationError::new(ErrorKind::StoreDenied, message).with_hint(format!(
            "cancel the schedule (`aws secretsmanager cancel-rotate-secret --secret-id {secret}`) and run `genesys-rotator \
             rotate --local --even-if-disabled {secret}` from cron or CI; or remove `rotate` from the document"
        ))
    }

    fn rejected(&self, error: &AwsError) -> RotationError {
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let code = code_of(error).unwrap_or_default();
        let (action, secret) = (self.action, self.secret);
        match code {
            "AccessDeniedException" | "AccessDenied" => self.denied(error),
            "ResourceNotFoundException" => {
                RotationError::new(ErrorKind::SecretNotFound, format!("secret {secret} does not exist in this account and region"))
            }
            "DecryptionFailure" | "EncryptionFailure" => {
                let message = format!("{action} for {secret} could not use the secret's KMS key ({code})");
                RotationError::new(ErrorKind::StoreDenied, message)
                    .with_hint("allow kms:Decrypt and kms:GenerateDataKey on the secret's key, and check that the key is enabled")
            }
            "InvalidRequestException" if self.says(error, "deletion") => {
                let hint = format!("restore it with `aws secretsmanager restore-secret --secret-id {secret}`");
                RotationError::new(ErrorKind::SecretNotFound, format!("secret {secret} is marked for deletion")).with_hint(hint)
            }
            "RequestTimeout" | "RequestTimeoutException" => self.unavailable(&format!("was not answered in time ({status} {code})")),
            code if is_throttling(code) || status == 429 => {
                RotationError::new(ErrorKind::RateLimited, format!("{action} for {secret} was throttled ({status} {code})"))
            }
            code if is_about_identity(code) => {
                RotationError::new(ErrorKind::StoreDenied, format!("AWS rejected the credentials of {action} ({code})"))
                    .with_hint("renew the AWS credentials of this session (`aws sso login`, or assume the role again), and check this machine's clock")
            }
            "" => self.unavailable(&format!("got an answer that is not from Secrets Manager (status {status})")),
            code if status >= 500 => self.unavailable(&format!("failed inside Secrets Manager ({status} {code})")),
            code => self.invalid(error, code, status),
        }
    }

    /// Explains an answer that no retry changes (Secrets Manager API reference, "Common Error Types" and the errors of each
    /// action). AWS's message is not quoted, because it may quote the value; CloudTrail has it.
    fn invalid(&self, error: &AwsError, code: &str, status: u16) -> RotationError {
        let (action, secret) = (self.action, self.secret);
        let rejected =
            |kind, why: &str| RotationError::new(kind, format!("{action} for {secret} {why} ({status} {code})"));
        let says = |word: &str| self.says(error, word);
        match (code, action) {
            ("LimitExceededException", _) => rejected(ErrorKind::DocumentInvalid, "would exceed a quota of Secrets Manager")
                .with_hint("a secret may have 100 versions, and a version 20 labels: rotate less often, remove labels, or wait, because versions without labels are removed 24 hours after they were created"),
            ("ResourceExistsException", _) => rejected(ErrorKind::StoreConflict, "found another value under the same version id"),
            ("InvalidParameterException" | "ValidationException", "PutSecretValue") => {
                rejected(ErrorKind::DocumentInvalid, "has a parameter that Secrets Manager rejects")
                    .with_hint("the document with its token may have 65536 bytes; CloudTrail has AWS's message for this request id")
            }
            ("InvalidParameterException" | "ValidationException", "DescribeSecret" | "GetSecretValue") => {
                RotationError::new(ErrorKind::SecretNotFound, format!("{secret} is not a valid secret name or ARN ({status} {code})"))
            }
            ("InvalidRequestException", _) if says("replica") => {
                rejected(ErrorKind::StoreDenied, "is not possible on a replica secret")
                    .with_hint("use the secret in its primary region: Secrets Manager copies its versions to the replicas")
            }
            ("InvalidRequestException", _) if says("managed") || says("owned") => {
                rejected(ErrorKind::StoreDenied, "is not possible on a secret that another AWS service manages")
                    .with_hint("store the document in a secret of your own: the owning service rotates this one")
            }
            ("InvalidRequestException" | "PreconditionNotMetException", _) => {
                rejected(ErrorKind::StoreDenied, "is not possible in the secret's present state").with_hint(format!(
                    "look at `aws secretsmanager describe-secret --secret-id {secret}`; CloudTrail has AWS's message for this request id"
                ))
            }
            ("MalformedPolicyDocumentException" | "PublicPolicyException", _) => {
                rejected(ErrorKind::StoreDenied, "was rejected because of the secret's resource policy")
                    .with_hint(format!("correct it: `aws secretsmanager get-resource-policy --secret-id {secret}`"))
            }
            ("InvalidNextTokenException", _) => rejected(ErrorKind::StoreUnavailable, "lost its place between two pages")
                .with_hint("run the command again"),
            _ => rejected(ErrorKind::StoreUnavailable, "was rejected").permanent().with_hint(
                "a retry does not help: look up the error code in the Secrets Manager API reference; CloudTrail has AWS's message for this request id",
            ),
        }
    }

    fn denied(&self, error: &AwsError) -> RotationError {
        let (action, secret) = (self.action, self.secret);
        if self.says(error, "KMS") {
            let message = format!("{action} for {secret} is not allowed to use the secret's KMS key");
            return RotationError::new(ErrorKind::StoreDenied, message)
                .with_hint("allow kms:Decrypt and kms:GenerateDataKey on the secret's key for the current role");
        }
        let message = format!("the current role is denied secretsmanager:{action} on {secret}");
        let hint = format!(
            "allow secretsmanager:{action} on {secret} in the role's policy; the secret's resource policy or a service control policy may also deny it"
        );
        RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint)
    }

    fn not_sent(&self, error: &AwsError) -> RotationError {
        // The causes of a request that was never sent name addresses and settings.
        let causes = error.source().map(error_chain).unwrap_or_default();
        let about_profile = causes.contains("profile");
        let about_credentials = about_profile || causes.contains("credentials") || causes.contains("identity");
        // A timeout of the credentials provider (container, instance, IAM Identity Center) is temporary.
        if about_credentials && !causes.contains("timed out") && !causes.contains("timeout") {
            let message = format!("no valid AWS credentials for {} ({causes})", self.action);
            let hint = match about_profile {
                true => {
                    "check the profile in ~/.aws/config and ~/.aws/credentials; run `aws sso login --profile NAME` if it uses IAM Identity Center"
                }
                false => {
                    "run `aws sso login`, set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run this with an instance role"
                }
            };
            return RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint);
        }
        if ["Missing Region", "missing signing region"].iter().any(|words| causes.contains(words)) {
            return RotationError::new(ErrorKind::ConfigurationInvalid, "no AWS region is set")
                .with_hint("set AWS_REGION or the profile's region");
        }
        if is_about_certificates(error) {
            return self
                .unavailable("was not sent: the TLS certificate of Secrets Manager is not trusted")
                .with_hint("if a proxy inspects TLS, add its CA certificate to this machine's")
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

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::{Response, StatusCode};
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::rotation::Retryability;

    fn explained(error: &AwsError) -> RotationError {
        AwsCall { action: "ListSecrets", secret: &SecretId::new("token") }.failed(error)
    }

    #[test]
    fn a_request_that_was_not_sent_has_its_reason() {
        use ErrorKind::{ConfigurationInvalid, StoreDenied, StoreUnavailable};
        for (cause, kind, hint) in [
            ("no credentials in the chain", StoreDenied, "aws sso login"),
            ("failed to load the identity", StoreDenied, "aws sso login"),
            ("the credentials provider timed out", StoreUnavailable, "try again"),
            ("credentials: timeout", StoreUnavailable, "try again"),
            ("Missing Region", ConfigurationInvalid, "AWS_REGION"),
            ("dns error", StoreUnavailable, "try again"),
        ] {
            let error = explained(&AwsError::construction_failure(cause));
            assert_eq!(error.kind(), kind, "{cause}: {error}");
            assert!(error.hint().contains(hint), "{cause}: {}", error.hint());
        }
        let late = explained(&AwsError::timeout_error("10 s"));
        assert!(late.to_string().contains("was not answered in time"), "{late}");
    }

    #[test]
    fn a_listing_that_lost_its_place_may_be_repeated() {
        let metadata = ErrorMetadata::builder().code("InvalidNextTokenException").build();
        let response = Response::new(StatusCode::try_from(400).expect("a status"), SdkBody::empty());
        let error = explained(&AwsError::service_error(metadata, response));
        assert_eq!(error.retryability(), Retryability::Transient, "{error}");
        assert_eq!(error.hint(), "run the command again");
    }
}
