//! What every call about an OAuth client has in common (Platform API, `/api/v2/oauth/clients/{clientId}`).

use reqwest::StatusCode;

use crate::platform::http::Answer;
use crate::rotation::{ErrorKind, Result, RotationError};

/// Makes sure that a client's id looks like one: it stands in the path.
///
/// # Errors
/// `DocumentInvalid` where it does not.
pub(super) fn check_id(text: &str) -> Result<()> {
    let is_id = !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    if is_id {
        return Ok(());
    }
    Err(RotationError::new(ErrorKind::DocumentInvalid, "the client id holds characters that no id can hold")
        .with_hint("copy the id of the OAuth client as Admin > Integrations > OAuth shows it"))
}

/// Why a client could not be read or changed.
pub(super) fn refusal(answer: &Answer, what: &str, client_id: &str) -> RotationError {
    match (answer.status, answer.code().as_str()) {
        (StatusCode::NOT_FOUND, _) => answer
            .error(ErrorKind::DocumentInvalid, format!("the organisation has no OAuth client {client_id} (404)"))
            .with_hint("check the ids in the document, and the region"),
        (StatusCode::BAD_REQUEST, "bad.client.role") => answer
            .error(
                ErrorKind::PermissionMissing,
                format!("the caller lacks a role that the OAuth client {client_id} has (400 bad.client.role)"),
            )
            .with_hint(
                "who edits a client or regenerates its secret needs oauth:client:edit and every role of that client",
            ),
        (StatusCode::BAD_REQUEST, "bad.client.state") => answer
            .error(
                ErrorKind::DocumentInvalid,
                format!("the OAuth client {client_id} is not active (400 bad.client.state)"),
            )
            .with_hint("activate it, or list another one"),
        _ => answer.diagnose(what),
    }
}
