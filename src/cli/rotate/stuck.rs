//! Why a rotation that Secrets Manager carries out ended without a promotion, or does not end.

use std::time::Duration;

use crate::rotation::{ErrorKind, PENDING, Retryability, RotationError, SecretId, Step};

/// How long nothing has moved when a reason is looked for, and when it is looked for once more.
pub(super) const STILLNESS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(20)];

/// Whether what was found here is why the function does not get on, and stays so.
///
/// The function's network address is another one than this machine's: that this one is refused
/// counts only once it is clear that the function is not merely slow.
pub(super) fn is_conclusive(reason: &RotationError, is_last: bool) -> bool {
    is_about_the_rotation(reason)
        && reason.retryability() == Retryability::Permanent
        && (is_last || reason.kind() != ErrorKind::IpNotAuthorized)
}

/// Whether what was found here says something of the function: that this process may not read the
/// secret, or had no time left to, does not.
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
    let message = format!("the rotation of {secret} was given up: {PENDING} was taken off its version");
    let hint = "see the function's log for the step that failed, then rotate again";
    RotationError::new(ErrorKind::VersionNotStaged, message).with_hint(hint)
}

/// Somebody cancelled it.
pub(super) fn switched_off(secret: &SecretId) -> RotationError {
    let message = format!("rotation was cancelled for {secret}, and is switched off");
    RotationError::new(ErrorKind::RotationDisabled, message)
}

/// The time ran out, and nothing that can be seen from here is wrong.
pub(super) fn out_of_time(secret: &SecretId, step: Step, function: Option<&str>) -> RotationError {
    let name = function.and_then(function_name);
    let (subject, log) = match name {
        Some(name) => (format!("the function {name}"), format!("`aws logs tail /aws/lambda/{name} --since 15m`")),
        None => ("the rotation function".to_owned(), "its log group in CloudWatch".to_owned()),
    };
    let hint = format!(
        "see why {subject} does not get on: {log}; the usual causes: its resource policy does not let secretsmanager.amazonaws.com call it, \
         it is in a VPC without a way out, or its role lacks a permission. The rotation may still end by itself: see `status`"
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
    fn only_what_stays_and_concerns_the_function_is_conclusive() {
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
