//! What answers of CXone mean that are not the expected ones.
//!
//! Its errors are not documented as a whole, so the status decides, and codes are only shown.

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::place::Login;
use crate::platform::answer::plain_code;
use crate::platform::http::Answer;
use crate::rotation::{ErrorKind, RotationError};

const ACCESS_KEY_HINT: &str = "check access_key_id and access_key_secret (the ==== at its end belongs to it), and that the key and its user are active; a key of another tenant or area gives the same answer";
const CLIENT_HINT: &str = "check client_id and client_secret, and the issuer or realm as often as the secret: an application of another one gives the same answer";

impl Answer {
    /// Whether the answer is the platform's own and not a proxy's page.
    pub(super) fn is_json(&self) -> bool {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        content_type.to_ascii_lowercase().contains("json") || serde_json::from_slice::<Value>(&self.body).is_ok()
    }

    /// The error's code such as `invalid_grant`, wherever it stands; empty where there is none.
    fn cxone_code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let names = ["error", "errorCode", "code"];
        let code = names.into_iter().find_map(|name| body.get(name).and_then(Value::as_str));
        plain_code(code.unwrap_or_default().to_owned())
    }

    pub(super) fn said(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.cxone_code()).trim_end().to_owned()
    }

    pub(super) fn is_page(&self) -> bool {
        !self.body.is_empty() && !self.is_json()
    }
}

/// What an answer of the API means.
pub(super) fn diagnose(answer: &Answer, what: &str) -> RotationError {
    let said = answer.said();
    match answer.status {
        StatusCode::UNAUTHORIZED if !answer.is_page() => {
            answer.error(ErrorKind::TokenRejected, format!("{what} does not accept the token ({said})")).with_hint(
                "rotate again for a fresh token; if it stays, check that the access key and its user are still active",
            )
        }
        // A page of HTML comes from a proxy or a firewall.
        StatusCode::FORBIDDEN if !answer.is_page() => answer
            .error(ErrorKind::PermissionMissing, format!("{what} is not allowed to this user ({said})"))
            .with_hint(
                "give a role with this permission to the user whose access key it is (CXone: Admin > Employees, Roles)",
            ),
        StatusCode::TOO_MANY_REQUESTS => {
            answer.error(ErrorKind::RateLimited, format!("{what} asked for fewer calls ({said})"))
        }
        _ => answer.error(ErrorKind::PlatformUnavailable, format!("{what} did not answer as it should ({said})")),
    }
}

/// What a refused token request means.
pub(super) fn refused_exchange(answer: &Answer, login: &Login, place: &str) -> RotationError {
    let (said, code) = (answer.said(), answer.cxone_code());
    let rejected = |whose: &str, hint: &str| {
        let message = format!("{place} does not accept the {whose} ({said})");
        answer.error(ErrorKind::CredentialsRejected, message).with_hint(hint)
    };
    match (answer.status, login) {
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) if answer.is_page() => {
            diagnose_page(answer, &said)
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, _) if code == "unauthorized_client" => rejected(
            "application for this grant",
            "the application must be registered with NICE as a back-end application, or in an older tenant for client credentials",
        ),
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, Login::Area(_)) => rejected("access key", ACCESS_KEY_HINT),
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, Login::Issuer(_)) if code == "invalid_grant" => {
            rejected("access key", ACCESS_KEY_HINT)
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, _) => {
            rejected("application's client credentials", CLIENT_HINT)
        }
        (StatusCode::FORBIDDEN, _) => {
            let message = format!("{place} gives this user no token ({said})");
            answer.error(ErrorKind::PermissionMissing, message).with_hint(
                "check that the user of the access key is active and has a role that allows access keys and the API",
            )
        }
        (StatusCode::NOT_FOUND, Login::Area(_) | Login::Realm(_)) => {
            let message = format!("{place} has no token endpoint ({said})");
            answer.error(ErrorKind::UnknownRegion, message).with_hint("check the area or realm")
        }
        _ => diagnose(answer, "the token request"),
    }
}

fn diagnose_page(answer: &Answer, said: &str) -> RotationError {
    answer.error(ErrorKind::PlatformUnavailable, format!("the token request was answered with a web page ({said})"))
}
