//! Maps rotation errors to the failures that callers of the engine get.

use crate::rotation::{ErrorKind, RotationError};
use openbao_plugin::Failure;

/// The platform behind the engine failed (RFC 9110, section 15.6.3).
pub(crate) const BAD_GATEWAY: u16 = 502;

/// Logs the error with its causes, and returns the failure of the request.
pub(crate) fn logged_failure(error: &RotationError) -> Failure {
    tracing::warn!(error.r#type = error.kind().name(), "{}", error.chain());
    to_failure(error)
}

/// The failure of a request, with the error's message and hint: 400 for what the caller can fix, 502 for failures of
/// the platform.
pub(crate) fn to_failure(error: &RotationError) -> Failure {
    let text = format!("{}: {error}\nhint: {}", error.kind(), error.hint());
    match error.kind() {
        ErrorKind::PlatformUnavailable | ErrorKind::RateLimited | ErrorKind::DeadlineExceeded => {
            Failure::Status(BAD_GATEWAY, text)
        }
        // The mount's own storage denies writes on a standby, and nothing else.
        ErrorKind::StoreDenied => Failure::read_only(),
        ErrorKind::StoreUnavailable | ErrorKind::StoreConflict => Failure::Internal(text),
        _ => Failure::InvalidRequest(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_failure_says_who_must_act() {
        let failure = |kind| to_failure(&RotationError::new(kind, "no"));
        for kind in [ErrorKind::PlatformUnavailable, ErrorKind::RateLimited, ErrorKind::DeadlineExceeded] {
            assert!(matches!(failure(kind), Failure::Status(BAD_GATEWAY, _)), "{kind}");
        }
        for kind in [ErrorKind::StoreUnavailable, ErrorKind::StoreConflict] {
            assert!(matches!(failure(kind), Failure::Internal(_)), "{kind}");
        }
        for kind in [ErrorKind::CredentialsRejected, ErrorKind::DocumentInvalid, ErrorKind::PermissionMissing] {
            assert!(matches!(failure(kind), Failure::InvalidRequest(_)), "{kind}");
        }
        assert_eq!(failure(ErrorKind::StoreDenied).to_string(), Failure::read_only().to_string());
    }
}
