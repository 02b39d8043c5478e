//! The requests, checks and errors common to all operations on an OAuth client (Platform API,
//! `/api/v2/oauth/clients/{clientId}`).

use reqwest::StatusCode;
#[cfg(feature = "operator")]
use {
    super::{GenesysCloud, Region},
    crate::platform::http::send,
    crate::secret::SecretString,
    reqwest::Method,
    serde_json::{Map, Value},
};

use crate::platform::http::PlatformResponse;
use crate::rotation::{ErrorKind, Result, RotationError};

/// The fields that a PUT may have (Platform API, `OAuthClientRequest`). The others are read-only.
#[cfg(feature = "operator")]
const WRITABLE: [&str; 10] = [
    "accessTokenValiditySeconds",
    "authorizedGrantType",
    "dateToDelete",
    "description",
    "name",
    "registeredRedirectUri",
    "roleDivisions",
    "roleIds",
    "scope",
    "state",
];
#[cfg(feature = "operator")]
pub(super) const READING: &str = "reading the OAuth client";

#[cfg(feature = "operator")]
impl GenesysCloud {
    pub(super) async fn get_client(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
    ) -> Result<PlatformResponse> {
        check_id(client_id)?;
        send(self.call(region, Method::GET, &path(client_id), token)?).await
    }

    /// Writes all writable fields of a client back with one changed: a PUT removes the fields that it lacks.
    pub(super) async fn put_client(
        &self,
        region: Region,
        client_id: &str,
        token: &SecretString,
        mut client: Map<String, Value>,
        (field, value): (&str, Value),
    ) -> Result<PlatformResponse> {
        client.retain(|name, _| WRITABLE.contains(&name.as_str()));
        client.insert(field.to_owned(), value);
        send(self.call(region, Method::PUT, &path(client_id), token)?.json(&client)).await
    }
}

#[cfg(feature = "operator")]
fn path(client_id: &str) -> String {
    format!("/api/v2/oauth/clients/{client_id}")
}

/// Parses a client, which must have this id.
#[cfg(feature = "operator")]
pub(super) fn parse_client(response: &PlatformResponse, client_id: &str) -> Result<Map<String, Value>> {
    if response.status != StatusCode::OK {
        return Err(client_error(response, READING, client_id));
    }
    let client: Map<String, Value> = response.json(READING)?;
    let is_it = client.get("id").and_then(Value::as_str).is_some_and(|id| id.eq_ignore_ascii_case(client_id));
    if is_it {
        return Ok(client);
    }
    Err(response.error(ErrorKind::PlatformUnavailable, format!("{READING} returned another client")))
}

/// Checks the form of a client id, which becomes part of a path.
///
/// # Errors
/// `DocumentInvalid` for an invalid id.
pub(in crate::platform) fn check_id(text: &str) -> Result<()> {
    let is_id = !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    if is_id {
        return Ok(());
    }
    Err(RotationError::new(ErrorKind::DocumentInvalid, "the client id is too long or has invalid characters")
        .with_hint("copy the OAuth client's id from Admin > Integrations > OAuth"))
}

/// Explains why a client could not be read or changed.
pub(super) fn client_error(response: &PlatformResponse, what: &str, client_id: &str) -> RotationError {
    match (response.status, response.code().as_str()) {
        (StatusCode::NOT_FOUND, _) => response
            .error(ErrorKind::DocumentInvalid, format!("the organization has no OAuth client {client_id} (404)"))
            .with_hint("check the client ids and the region in the document"),
        (StatusCode::BAD_REQUEST, "bad.client.role") => response
            .error(
                ErrorKind::PermissionMissing,
                format!("the caller lacks a role that the OAuth client {client_id} has (400 bad.client.role)"),
            )
            .with_hint(
                "to edit a client or regenerate its secret, the caller needs oauth:client:edit and every role of that client",
            ),
        (StatusCode::BAD_REQUEST, "bad.client.state") => response
            .error(
                ErrorKind::DocumentInvalid,
                format!("the OAuth client {client_id} is not active (400 bad.client.state)"),
            )
            .with_hint("activate the client, or list another one"),
        _ => response.diagnose(what),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    #[test]
    fn each_rejection_of_a_client_has_its_kind_and_its_hint() {
        for (status, code, kind, hint) in [
            (404, "not.found", ErrorKind::DocumentInvalid, "check the client ids"),
            (400, "bad.client.role", ErrorKind::PermissionMissing, "every role of that client"),
            (400, "bad.client.state", ErrorKind::DocumentInvalid, "activate the client"),
            (400, "other", ErrorKind::PlatformUnavailable, "try again"),
            (503, "bad.client.role", ErrorKind::PlatformUnavailable, "try again"),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let body = format!(r#"{{"code":"{code}"}}"#).into_bytes().into();
            let error = client_error(&PlatformResponse { status, headers: HeaderMap::new(), body }, "editing", "c-1");
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.hint().contains(hint), "{error}: {}", error.hint());
        }
    }

    #[test]
    fn a_client_id_has_letters_digits_dashes_and_underscores() {
        for id in ["5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "client_1", &"x".repeat(64)] {
            assert!(check_id(id).is_ok(), "{id}");
        }
        for id in ["", "a b", "../x", "a?b", &"x".repeat(65)] {
            assert!(check_id(id).is_err(), "{id}");
        }
    }
}
