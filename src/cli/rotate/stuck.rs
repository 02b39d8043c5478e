//! Reasons why a rotation that Secrets Manager runs ended without a promotion, or does not end.

use std::time::Duration;

use crate::rotation::{ErrorKind, PENDING, Retryability, RotationError, SecretId, Step};

/// The time without progress after which the first and the second diagnosis run.
pub(super) const STILLNESS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(20)];

/// Whether the reason found on this machine also stops the function, permanently.
///
/// The function has another network address than this machine: `IpNotAuthorized` counts only in the last diagnosis,
/// when the function is not merely slow.
pub(super) fn is_conclusive(reason: &RotationError, is_last: bool) -> bool {
    is_about_the_rotation(reason)
        && reason.retryability() == Retryability::Permanent
        && (is_last || reason.kind() != ErrorKind::IpNotAuthorized)
}

/// Whether the reason can apply to the function: missing permissions and timeouts of this process do not.
pub(super) fn is_about_the_rotation(reason: &RotationError) -> bool {
    !matches!(
        reason.kind(),
        ErrorKind::StoreDenied
            | ErrorKind::StoreUnavailable
            | ErrorKind::DeadlineExceeded
            | ErrorKind::ConfigurationInvalid
    )
}

/// The version lost its label without becoming current.
pub(super) fn dropped(secret: &SecretId) -> RotationError {
    let message = format!("the rotation of {secret} was abandoned: its version lost the label {PENDING}");
    let hint = "find the failed step in the function's log, then rotate again";
    RotationError::new(ErrorKind::VersionNotStaged, message).with_hint(hint)
}

/// The rotation was cancelled with CancelRotateSecret.
pub(super) fn disabled(secret: &SecretId) -> RotationError {
    let message = format!("the rotation of {secret} was cancelled and is disabled");
    RotationError::new(ErrorKind::RotationDisabled, message)
}

/// The timeout passed, and the diagnosis found nothing wrong.
pub(super) fn out_of_time(secret: &SecretId, step: Step, function: Option<&str>) -> RotationError {
    let name = function.and_then(function_name);
    let (subject, log) = match name {
        Some(name) => (format!("the function {name}"), format!("`aws logs tail /aws/lambda/{name} --since 15m`")),
        None => ("the rotation function".to_owned(), "its log group in CloudWatch".to_owned()),
    };
    let hint = format!(
        "check the log of {subject}: {log}; common causes: its resource policy does not allow secretsmanager.amazonaws.com to invoke it, \
         its VPC has no outbound route, or its role lacks a permission. The rotation may still complete: see `status`"
    );
    let message = format!("the rotation of {secret} is stuck in {step}");
    RotationError::new(ErrorKind::DeadlineExceeded, message).with_hint(hint)
}

/// The name in `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, which a version or an alias may follow.
fn function_name(arn: &str) -> Option<&str> {
    let name = arn.split(':').nth(6)?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conclusive(kind: ErrorKind, is_last: bool) -> bool {
        is_conclusive(&RotationError::new(kind, "found"), is_last)
    }

    #[test]
    fn only_permanent_errors_that_affect_the_function_are_conclusive() {
        for kind in [ErrorKind::CredentialsRejected, ErrorKind::TokenRejected, ErrorKind::ProbeFailed] {
            assert!(conclusive(kind, false), "{kind}");
        }
        for kind in [ErrorKind::PlatformUnavailable, ErrorKind::RateLimited, ErrorKind::StoreDenied] {
            assert!(!conclusive(kind, true), "{kind}");
        }
        assert!(!conclusive(ErrorKind::IpNotAuthorized, false) && conclusive(ErrorKind::IpNotAuthorized, true));
    }

    #[test]
    fn the_hint_names_the_functions_log() {
        let secret = SecretId::new("token");
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate-genesys:live";
        let error = out_of_time(&secret, Step::Create, Some(arn));
        assert_eq!(error.to_string(), "the rotation of token is stuck in createSecret");
        assert!(error.hint().contains("`aws logs tail /aws/lambda/rotate-genesys --since 15m`"), "{}", error.hint());
        assert!(out_of_time(&secret, Step::Create, None).hint().contains("the rotation function"));
    }
}
