//! Explains unexpected responses of CXone.
//!
//! Its error codes are not fully documented, so the status decides, and the code is only shown.

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::place::LoginHost;
use crate::platform::http::PlatformResponse;
use crate::platform::response::plain_code;
use crate::rotation::{ErrorKind, RotationError};

const ACCESS_KEY_HINT: &str = "check access_key_id and access_key_secret (the trailing ==== is part of it), and that the key and its user are active; a key of another tenant or area gives the same response";
const CLIENT_HINT: &str =
    "check client_id, client_secret and the issuer or realm: an application of another one gives the same response";

impl PlatformResponse {
    /// Returns whether the response is JSON, and not a proxy's web page.
    pub(super) fn is_json(&self) -> bool {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        content_type.to_ascii_lowercase().contains("json") || serde_json::from_slice::<Value>(&self.body).is_ok()
    }

    /// Returns the error code, such as `invalid_grant`, from any of its fields; empty if there is none.
    pub(super) fn cxone_code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let names = ["error", "errorCode", "code"];
        let code = names.into_iter().find_map(|name| body.get(name).and_then(Value::as_str));
        plain_code(code.unwrap_or_default().to_owned())
    }

    pub(super) fn status_and_code(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.cxone_code()).trim_end().to_owned()
    }

    pub(super) fn is_web_page(&self) -> bool {
        !self.body.is_empty() && !self.is_json()
    }
}

/// Explains a response of the API.
pub(super) fn diagnose(response: &PlatformResponse, what: &str) -> RotationError {
    let status_and_code = response.status_and_code();
    match response.status {
        StatusCode::UNAUTHORIZED if !response.is_web_page() => {
            response.error(ErrorKind::TokenRejected, format!("{what} does not accept the token ({status_and_code})")).with_hint(
                "rotate again for a new token; if the error persists, check that the access key and its user are active",
            )
        }
        // A web page comes from a proxy or a firewall.
        StatusCode::FORBIDDEN if !response.is_web_page() => response
            .error(ErrorKind::PermissionMissing, format!("{what} is not allowed for this user ({status_and_code})"))
            .with_hint(
                "grant the access key's user a role with this permission (CXone: Admin > Employees, Roles)",
            ),
        StatusCode::TOO_MANY_REQUESTS => {
            response.error(ErrorKind::RateLimited, format!("{what} is rate-limited ({status_and_code})"))
        }
        _ => response.error(ErrorKind::PlatformUnavailable, format!("{what} returned an unexpected response ({status_and_code})")),
    }
}

/// Explains a failed token request.
pub(super) fn exchange_error(response: &PlatformResponse, login: &LoginHost, place: &str) -> RotationError {
    let (status_and_code, code) = (response.status_and_code(), response.cxone_code());
    let rejected = |credential: &str, hint: &str| {
        let message = format!("{place} does not accept the {credential} ({status_and_code})");
        response.error(ErrorKind::CredentialsRejected, message).with_hint(hint)
    };
    match (response.status, login) {
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) if response.is_web_page() => {
            web_page_error(response, &status_and_code)
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, _) if code == "unauthorized_client" => rejected(
            "application for this grant",
            "register the application with NICE as a back-end application, or for client credentials in a legacy tenant",
        ),
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, LoginHost::Area(_)) => {
            rejected("access key", ACCESS_KEY_HINT)
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, LoginHost::Issuer(_)) if code == "invalid_grant" => {
            rejected("access key", ACCESS_KEY_HINT)
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, _) => {
            rejected("application's client credentials", CLIENT_HINT)
        }
        (StatusCode::FORBIDDEN, _) => {
            let message = format!("{place} issues no token for this user ({status_and_code})");
            response.error(ErrorKind::PermissionMissing, message).with_hint(
                "check that the user of the access key is active and has a role that allows access keys and the API",
            )
        }
        (StatusCode::NOT_FOUND, LoginHost::Area(_) | LoginHost::Realm(_)) => {
            let message = format!("{place} has no token endpoint ({status_and_code})");
            response.error(ErrorKind::UnknownRegion, message).with_hint("check the area or realm")
        }
        _ => diagnose(response, "the token request"),
    }
}

fn web_page_error(response: &PlatformResponse, status_and_code: &str) -> RotationError {
    response.error(ErrorKind::PlatformUnavailable, format!("the token request returned a web page ({status_and_code})"))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn each_rejected_token_request_names_the_credentials() {
        use crate::rotation::CxoneLogin::{Area, Issuer, Realm};
        use ErrorKind::{CredentialsRejected, RateLimited, UnknownRegion};
        for (login, status, code, kind, words) in [
            (Area("na1".to_owned()), 400, "invalid_grant", CredentialsRejected, "the access key ("),
            (Area("na1".to_owned()), 404, "", UnknownRegion, "no token endpoint"),
            (
                Issuer("cxone.niceincontact.com".to_owned()),
                400,
                "invalid_grant",
                CredentialsRejected,
                "the access key (",
            ),
            (Issuer("cxone.niceincontact.com".to_owned()), 401, "other", CredentialsRejected, "client credentials ("),
            (Realm("us-22".to_owned()), 401, "other", CredentialsRejected, "client credentials ("),
            (Realm("us-22".to_owned()), 401, "unauthorized_client", CredentialsRejected, "for this grant ("),
            (Realm("us-22".to_owned()), 429, "", RateLimited, "rate-limited"),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let body = format!(r#"{{"error":"{code}"}}"#).into_bytes().into();
            let response = PlatformResponse { status, headers: HeaderMap::new(), body };
            let error = exchange_error(&response, &LoginHost::parse(&login).expect("a known login"), "NICE");
            assert_eq!(error.kind(), kind, "{login:?}: {error}");
            assert!(error.to_string().contains(words), "{login:?}: {error}");
        }
    }

    #[test]
    fn a_response_that_is_neither_empty_nor_json_is_a_web_page() {
        for (content_type, body, is_json, is_web_page) in [
            ("application/json", "", true, false),
            ("application/problem+JSON", "x", true, false),
            ("text/plain", r#"{"error":"no"}"#, true, false),
            ("text/html", "<html></html>", false, true),
            ("text/html", "", false, false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            let body = body.as_bytes().to_vec().into();
            let response = PlatformResponse { status: StatusCode::UNAUTHORIZED, headers, body };
            assert_eq!((response.is_json(), response.is_web_page()), (is_json, is_web_page), "{content_type}");
            let kind = diagnose(&response, "the call").kind();
            let expected = if is_web_page { ErrorKind::PlatformUnavailable } else { ErrorKind::TokenRejected };
            assert_eq!(kind, expected, "{content_type}");
        }
    }
}
