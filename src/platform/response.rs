//! Explains unexpected responses.
//!
//! An error never contains a body, only codes and names from it that have the form of codes and names.

use reqwest::StatusCode;
use serde::Deserialize;

use super::address::is_about_address;
use super::http::{PlatformResponse, correlation_id, may_be_secret, retry_after};
use crate::rotation::{ErrorKind, Result, RotationError};

/// The fields of an error body that are read (Genesys Cloud developer centre, "Error responses").
#[derive(Deserialize, Default)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
    #[serde(rename = "contextId")]
    context_id: Option<String>,
}

impl PlatformResponse {
    /// Parses the body as JSON.
    ///
    /// # Errors
    /// `PlatformUnavailable` if the body is empty or not the expected JSON, such as a proxy's web page.
    pub(super) fn json<'a, T: Deserialize<'a>>(&'a self, what: &str) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|_| {
            let content = if self.body.is_empty() { "an empty body" } else { "an unreadable body" };
            self.error(
                ErrorKind::PlatformUnavailable,
                format!("{what} returned {content} with status {}", self.status.as_u16()),
            )
        })
    }

    /// Returns the API's error code, such as `not.a.user`; empty if there is none.
    pub(super) fn code(&self) -> String {
        plain_code(self.error_body().code.unwrap_or_default())
    }

    /// Creates an error with this response's correlation id and `Retry-After`.
    pub(super) fn error(&self, kind: ErrorKind, message: impl Into<String>) -> RotationError {
        let id = correlation_id(&self.headers)
            .or_else(|| Some(plain_code(self.error_body().context_id.unwrap_or_default())).filter(|id| !id.is_empty()));
        RotationError::new(kind, message).with_correlation_id(id).with_retry_after(retry_after(&self.headers))
    }

    /// Explains a response that the caller did not expect.
    pub(super) fn diagnose(&self, what: &str) -> RotationError {
        let code = self.code();
        let status = self.status.as_u16();
        let status_and_code = if code.is_empty() { status.to_string() } else { format!("{status} {code}") };
        match self.status {
            _ if self.refuses_address() => self.error(
                ErrorKind::IpNotAuthorized,
                format!("{what} does not accept this network address ({status_and_code})"),
            ),
            StatusCode::UNAUTHORIZED
                if matches!(code.as_str(), "bad.credentials" | "credentials.expired" | "authentication.required") =>
            {
                self.error(ErrorKind::TokenRejected, format!("{what} does not accept the token ({status_and_code})"))
            }
            // A response without an error code comes from a proxy or a firewall.
            StatusCode::FORBIDDEN if !code.is_empty() => self.permission_missing(what, &status_and_code, &code),
            StatusCode::TOO_MANY_REQUESTS => {
                self.error(ErrorKind::RateLimited, format!("{what} is rate-limited ({status_and_code})"))
            }
            _ => self.error(
                ErrorKind::PlatformUnavailable,
                format!("{what} returned an unexpected response ({status_and_code})"),
            ),
        }
    }

    /// Returns whether the platform does not accept the caller's network address. The code is documented with 401 (Platform
    /// API, responses of every operation). A missing permission may have an address in its name.
    pub(super) fn refuses_address(&self) -> bool {
        let code = self.code();
        let is_refusal = matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        self.status.is_client_error() && code == "ip.not.authorized"
            || is_refusal && !code.starts_with("missing.") && is_about_address(&self.body)
    }

    fn permission_missing(&self, what: &str, status_and_code: &str, code: &str) -> RotationError {
        let body = self.error_body();
        let permissions = permission_names(body.message.as_deref().unwrap_or_default());
        if !permissions.is_empty() {
            let message = format!(
                "{what} needs a permission that the client lacks: {} ({status_and_code})",
                permissions.join(", ")
            );
            return self.error(ErrorKind::PermissionMissing, message);
        }
        let error = self
            .error(ErrorKind::PermissionMissing, format!("{what} is not allowed for this client ({status_and_code})"));
        match code {
            "app.not.authorized.for.scope" => {
                error.with_hint("add the scope to the OAuth client; a client-credentials client gets its permissions from its roles, so check these first")
            }
            "authz.policy.denied" => error.with_hint("an access policy of the organization denies this: ask its administrator"),
            _ => error,
        }
    }

    fn error_body(&self) -> ErrorBody {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Returns `code` if it consists of letters and digits with dots, dashes or underscores; otherwise an empty text. A server
/// may quote the request's secret as a code.
pub(super) fn plain_code(code: String) -> String {
    let plain = code.len() <= 64
        && code.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'));
    if plain && !may_be_secret(&code) { code } else { String::new() }
}

/// Returns the permissions in a sentence, such as `routing:skill:view`.
fn permission_names(message: &str) -> Vec<&str> {
    let words = message
        .split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '[' | ']' | '(' | ')' | '"'));
    words.map(|word| word.trim_end_matches('.')).filter(|word| is_permission(word)).take(10).collect()
}

/// A permission is domain, entity and action, separated by colons (Genesys Cloud resource centre, "Permissions").
fn is_permission(word: &str) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    parts.len() == 3
        && word.len() <= 128
        && parts.iter().all(|part| {
            !part.is_empty()
                && part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '*' || letter == '_')
        })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    #[test]
    fn each_missing_permission_has_its_hint() {
        let roles = ErrorKind::PermissionMissing.hint();
        for (code, hint) in [
            ("app.not.authorized.for.scope", "add the scope"),
            ("authz.policy.denied", "access policy"),
            ("missing.any.permissions", roles),
        ] {
            let body = format!(r#"{{"code":"{code}","message":"no"}}"#).into_bytes().into();
            let response = PlatformResponse { status: StatusCode::FORBIDDEN, headers: HeaderMap::new(), body };
            let error = response.diagnose("reading");
            assert_eq!(error.kind(), ErrorKind::PermissionMissing, "{error}");
            assert!(error.hint().contains(hint), "{code}: {}", error.hint());
        }
    }

    #[test]
    fn the_status_and_the_code_of_a_response_decide_its_kind() {
        for (status, code, expected) in [
            (401, "ip.not.authorized", ErrorKind::IpNotAuthorized),
            (401, "bad.credentials", ErrorKind::TokenRejected),
            (401, "authentication.required", ErrorKind::TokenRejected),
            (401, "credentials.expired", ErrorKind::TokenRejected),
            (403, "ip.not.authorized", ErrorKind::IpNotAuthorized),
            (400, "ip.not.authorized", ErrorKind::IpNotAuthorized),
            (403, "client.ip.restricted", ErrorKind::IpNotAuthorized),
            (400, "invalid.ip.address", ErrorKind::PlatformUnavailable),
            (500, "ip.not.authorized", ErrorKind::PlatformUnavailable),
            (401, "another.code", ErrorKind::PlatformUnavailable),
            (403, "another.code", ErrorKind::PermissionMissing),
            (403, "", ErrorKind::PlatformUnavailable),
            (429, "", ErrorKind::RateLimited),
            (500, "bad.credentials", ErrorKind::PlatformUnavailable),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let body = format!(r#"{{"code":"{code}"}}"#).into_bytes().into();
            let error = PlatformResponse { status, headers: HeaderMap::new(), body }.diagnose("reading");
            assert_eq!(error.kind(), expected, "{error}");
        }
    }

    #[test]
    fn a_refused_address_is_recognized_by_the_message_unless_a_permission_is_missing() {
        for (status, code, message, expected) in [
            (401, "bad.credentials", "The IP address is not allowed.", ErrorKind::IpNotAuthorized),
            (403, "not.authorized", "The client is not on the allow list.", ErrorKind::IpNotAuthorized),
            (403, "", "IP not authorized", ErrorKind::IpNotAuthorized),
            (
                403,
                "missing.permissions",
                "You need the permission to view the IP allowlist.",
                ErrorKind::PermissionMissing,
            ),
            (429, "too.many.requests", "Too many requests from this IP address.", ErrorKind::RateLimited),
            (500, "", "The IP address is not allowed.", ErrorKind::PlatformUnavailable),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let body = format!(r#"{{"code":"{code}","message":"{message}"}}"#).into_bytes().into();
            let error = PlatformResponse { status, headers: HeaderMap::new(), body }.diagnose("reading");
            assert_eq!(error.kind(), expected, "{status} {code} {message}");
        }
    }

    #[test]
    fn permissions_are_extracted_from_a_sentence() {
        let one =
            "Unable to perform the requested action. You are missing the following permission(s): routing:skill:view";
        assert_eq!(permission_names(one), ["routing:skill:view"]);
        let any = "You must have at least one of: [oauth:client:edit, oauth:client:view].";
        assert_eq!(permission_names(any), ["oauth:client:edit", "oauth:client:view"]);
        assert_eq!(permission_names("routing:*:view_all or a:b, a:b:c:d, a::c"), ["routing:*:view_all"]);
        let long = format!("{}:b:c", "a".repeat(125));
        assert!(permission_names(&long).is_empty() && permission_names(&long[1..]).len() == 1);
        assert!(permission_names("see https://example.com: it says 12:30:45x!").is_empty());
    }

    #[test]
    fn text_that_does_not_look_like_a_code_is_dropped() {
        assert_eq!(plain_code("not.a.user".to_owned()), "not.a.user");
        assert_eq!(plain_code("a secret with spaces".to_owned()), "");
        assert_eq!(plain_code("x".repeat(65)), "");
        assert_eq!(plain_code("kD83nXw0Zq-client-secret".to_owned()), "");
        for code in ["InvalidAccessKey", "5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "CX-1001"] {
            assert_eq!(plain_code(code.to_owned()), code);
        }
    }
}
