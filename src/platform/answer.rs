//! Turning an answer that is not the expected one into a diagnosis.
//!
//! Bodies never get into an error: only codes and names out of them that look as codes and names do.

use reqwest::StatusCode;
use serde::Deserialize;

use super::http::{Answer, correlation_id, retry_after};
use crate::rotation::{ErrorKind, Result, RotationError};

/// The parts of an error body that are used (Genesys Cloud developer centre, "Error responses").
#[derive(Deserialize, Default)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
    #[serde(rename = "contextId")]
    context_id: Option<String>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// `PlatformUnavailable` where it is something else, such as a proxy's page or nothing at all.
    pub(super) fn json<'a, T: Deserialize<'a>>(&'a self, what: &str) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|_| {
            let content = if self.body.is_empty() { "an empty answer" } else { "something that cannot be read" };
            self.error(
                ErrorKind::PlatformUnavailable,
                format!("{what} gave {content} with status {}", self.status.as_u16()),
            )
        })
    }

    /// The API's error code, such as `not.a.user`; empty where there is none.
    pub(super) fn code(&self) -> String {
        plain_code(self.error_body().code.unwrap_or_default())
    }

    /// An error about this answer.
    pub(super) fn error(&self, kind: ErrorKind, message: impl Into<String>) -> RotationError {
        let id = correlation_id(&self.headers)
            .or_else(|| Some(plain_code(self.error_body().context_id.unwrap_or_default())).filter(|id| !id.is_empty()));
        RotationError::new(kind, message).with_correlation_id(id).with_retry_after(retry_after(&self.headers))
    }

    /// What an API answer means that is none of those its caller expected.
    pub(super) fn diagnose(&self, what: &str) -> RotationError {
        let code = self.code();
        let status = self.status.as_u16();
        let said = if code.is_empty() { status.to_string() } else { format!("{status} {code}") };
        match self.status {
            StatusCode::UNAUTHORIZED if code == "ip.not.authorized" => {
                self.error(ErrorKind::IpNotAuthorized, format!("{what} refused this network address ({said})"))
            }
            StatusCode::UNAUTHORIZED if matches!(code.as_str(), "bad.credentials" | "authentication.required") => {
                self.error(ErrorKind::TokenRejected, format!("{what} does not accept the token ({said})"))
            }
            // Without a code of the API's own it is a proxy or a firewall that refuses.
            StatusCode::FORBIDDEN if !code.is_empty() => self.permission_missing(what, &said, &code),
            StatusCode::TOO_MANY_REQUESTS => {
                self.error(ErrorKind::RateLimited, format!("{what} asked for fewer calls ({said})"))
            }
            _ => self.error(ErrorKind::PlatformUnavailable, format!("{what} did not answer as it should ({said})")),
        }
    }

    fn permission_missing(&self, what: &str, said: &str, code: &str) -> RotationError {
        let body = self.error_body();
        let permissions = permission_names(body.message.as_deref().unwrap_or_default());
        if !permissions.is_empty() {
            let message =
                format!("{what} needs a permission that the client lacks: {} ({said})", permissions.join(", "));
            return self.error(ErrorKind::PermissionMissing, message);
        }
        let error = self.error(ErrorKind::PermissionMissing, format!("{what} is not allowed to this client ({said})"));
        match code {
            "app.not.authorized.for.scope" => {
                error.with_hint("add the scope to the OAuth client; a client-credentials client takes its rights from its roles, so look at those first")
            }
            "authz.policy.denied" => error.with_hint("an access policy of the organisation denies this: ask its administrator"),
            _ => error,
        }
    }

    fn error_body(&self) -> ErrorBody {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A code holds lower-case words with dots, dashes or underscores between them; anything else is left out.
pub(super) fn plain_code(code: String) -> String {
    let plain = code.len() <= 64
        && code.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'));
    if plain { code } else { String::new() }
}

/// The permissions in a sentence, such as `routing:skill:view`.
fn permission_names(message: &str) -> Vec<&str> {
    let words = message
        .split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '[' | ']' | '(' | ')' | '"'));
    words.map(|word| word.trim_end_matches('.')).filter(|word| is_permission(word)).take(10).collect()
}

/// Domain, entity and action with colons between them (Genesys Cloud resource centre, "Permissions").
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
    use super::*;

    #[test]
    fn permissions_are_found_in_a_sentence() {
        let one =
            "Unable to perform the requested action. You are missing the following permission(s): routing:skill:view";
        assert_eq!(permission_names(one), ["routing:skill:view"]);
        let any = "You must have at least one of: [oauth:client:edit, oauth:client:view].";
        assert_eq!(permission_names(any), ["oauth:client:edit", "oauth:client:view"]);
        assert!(permission_names("see https://example.com: it says 12:30:45x!").is_empty());
    }

    #[test]
    fn only_what_looks_like_a_code_is_taken_for_one() {
        assert_eq!(plain_code("not.a.user".to_owned()), "not.a.user");
        assert_eq!(plain_code("a secret with blanks".to_owned()), "");
        assert_eq!(plain_code("x".repeat(65)), "");
    }
}
