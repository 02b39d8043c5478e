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

/// The failure with another text, made of its message and its hint. The host recognizes its own errors by their text: they
/// stay as they are.
pub(crate) fn reworded(failure: Failure, words: impl FnOnce(&str, &str) -> String) -> Failure {
    let words = |text: String| {
        let (message, hint) = text.split_once("\nhint: ").unwrap_or((&text, "retry"));
        words(message, hint)
    };
    match failure {
        Failure::InvalidRequest(text) => Failure::InvalidRequest(words(text)),
        Failure::Status(status, text) => Failure::Status(status, words(text)),
        Failure::Internal(text) => Failure::Internal(words(text)),
        other => other,
    }
}

/// The error of a failure, for storing it: the inverse of [`to_failure`].
pub(crate) fn to_error(failure: &Failure) -> RotationError {
    let text = failure.to_string();
    let (said, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
    let named = said.split_once(": ").and_then(|(name, message)| Some((name.parse().ok()?, message)));
    let unnamed = match failure {
        Failure::InvalidRequest(_) => ErrorKind::ConfigurationInvalid,
        _ => ErrorKind::StoreUnavailable,
    };
    let (kind, message) = named.unwrap_or((unnamed, said));
    let error = RotationError::new(kind, message);
    if hint.is_empty() { error } else { error.with_hint(hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_converted_back_into_its_error() {
        for kind in [ErrorKind::RateLimited, ErrorKind::CredentialsRejected, ErrorKind::StoreConflict] {
            let error = RotationError::new(kind, "it: failed").with_hint("wait");
            let back = to_error(&to_failure(&error));
            assert_eq!((back.kind(), back.to_string(), back.hint()), (kind, "it: failed".to_owned(), "wait"));
        }
        let back = to_error(&Failure::invalid_request("config/other: it is shared\nhint: separate them"));
        assert_eq!((back.kind(), back.hint()), (ErrorKind::ConfigurationInvalid, "separate them"));
        assert_eq!(to_error(&Failure::internal("no")).kind(), ErrorKind::StoreUnavailable);
    }

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
