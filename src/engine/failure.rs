//! What the core's errors are to a caller of the engine.

use crate::rotation::{ErrorKind, RotationError};
use openbao_plugin::Failure;

/// Bad gateway: the platform behind the engine did not do its part (RFC 9110, section 15.6.3).
const BAD_GATEWAY: u16 = 502;

/// The failure of a request: 400 for what whoever asks can mend, 502 for the platform's own troubles.
/// The sentence and the hint go to the caller, the causes to the log.
pub(crate) fn failure(error: &RotationError) -> Failure {
    tracing::warn!(error.r#type = error.kind().name(), "{}", error.chain());
    told(error)
}

/// The same, where the failure was logged already.
pub(crate) fn told(error: &RotationError) -> Failure {
    let text = format!("{}: {error}\nhint: {}", error.kind(), error.hint());
    match error.kind() {
        ErrorKind::PlatformUnavailable | ErrorKind::RateLimited | ErrorKind::DeadlineExceeded => {
            Failure::Status(BAD_GATEWAY, text)
        }
        // The mount's own storage denies nothing but writes on a standby.
        ErrorKind::StoreDenied => Failure::read_only(),
        ErrorKind::StoreUnavailable | ErrorKind::StoreConflict => Failure::Internal(text),
        _ => Failure::InvalidRequest(text),
    }
}
