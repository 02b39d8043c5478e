//! The response to a token request (RFC 6749, section 5.1).

use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::http::{PlatformResponse, bearer};
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// A token as its response describes it.
pub(super) struct TokenResponse {
    pub(super) access_token: SecretString,
    /// The type as the platform spells it; `bearer` if missing.
    pub(super) token_type: String,
    /// The lifetime; `None` if the response does not contain it.
    pub(super) lifetime: Option<Duration>,
    /// The OpenID Connect token, which only CXone issues.
    pub(super) id_token: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
struct Body {
    access_token: Zeroizing<String>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
    id_token: Option<Zeroizing<String>>,
}

impl PlatformResponse {
    /// Parses the token of a successful response.
    ///
    /// # Errors
    /// `PlatformUnavailable` if there is no token, or one with invalid characters.
    pub(super) fn token(&self, what: &str) -> Result<TokenResponse> {
        let body: Body = self.json(what)?;
        // Readers put the token into a header, which ends before trailing whitespace.
        let token = body.access_token.as_str();
        if token.is_empty() || !is_storable(token) || bearer(token).is_err() {
            return Err(self.error(
                ErrorKind::PlatformUnavailable,
                format!("{what} returned a token with characters that no header may contain"),
            ));
        }
        Ok(TokenResponse {
            access_token: SecretString::from(body.access_token.as_str()),
            token_type: body.token_type.filter(|name| is_token_type(name)).unwrap_or_else(|| "bearer".to_owned()),
            lifetime: body.expires_in.as_ref().and_then(seconds),
            id_token: body.id_token,
        })
    }

    /// The error for a token with an unknown time of expiry.
    pub(super) fn without_expiry(&self, what: &str) -> RotationError {
        let message = format!("{what} returned a token without its lifetime (expires_in)");
        self.error(ErrorKind::PlatformUnavailable, message)
    }
}

/// Returns whether a document can hold a secret: leading and trailing whitespace is rejected there as a mistake.
pub(super) fn is_storable(secret: &str) -> bool {
    secret.trim() == secret
}

/// Some responses contain the number as a string.
fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let seconds = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn is_token_type(name: &str) -> bool {
    !name.is_empty() && name.len() <= 32 && name.chars().all(|letter| letter.is_ascii_alphanumeric())
}

/// The fields of a response to a token request that hold no token.
#[cfg(feature = "operator")]
#[derive(Deserialize, Default)]
pub(super) struct TokenShape {
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<serde::de::IgnoredAny>,
    id_token: Option<serde::de::IgnoredAny>,
}

#[cfg(feature = "operator")]
impl TokenShape {
    pub(super) fn of(response: &PlatformResponse) -> Self {
        serde_json::from_slice(&response.body).unwrap_or_default()
    }

    pub(super) fn expires_in(&self) -> &'static str {
        match self.expires_in {
            Some(serde_json::Value::Number(_)) => "a number",
            Some(serde_json::Value::String(_)) => "a text",
            Some(_) => "another value",
            None => "absent",
        }
    }

    pub(super) fn refresh_token(&self) -> &'static str {
        presence(self.refresh_token.is_some())
    }

    pub(super) fn has_id_token(&self) -> bool {
        self.id_token.is_some()
    }
}

#[cfg(feature = "operator")]
pub(super) fn presence(is_present: bool) -> &'static str {
    if is_present { "present" } else { "absent" }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;
    use secrecy::ExposeSecret;

    use super::*;

    fn token(body: &str) -> Result<TokenResponse> {
        let body = body.as_bytes().to_vec().into();
        PlatformResponse { status: StatusCode::OK, headers: HeaderMap::new(), body }.token("the token request")
    }

    #[test]
    fn the_type_and_the_lifetime_of_a_token_are_read_if_they_are_valid() {
        let long = format!(r#""{}""#, "x".repeat(33));
        for (token_type, expires_in, expected) in [
            (r#""Bearer""#, "60", ("Bearer", Some(60))),
            (r#""bearer""#, r#"" 60 ""#, ("bearer", Some(60))),
            ("null", "0", ("bearer", None)),
            (r#""""#, "-1", ("bearer", None)),
            (r#""a b""#, r#""soon""#, ("bearer", None)),
            (&long, "null", ("bearer", None)),
        ] {
            let body = format!(r#"{{"access_token":"t","token_type":{token_type},"expires_in":{expires_in}}}"#);
            let read = token(&body).unwrap_or_else(|error| panic!("{body}: {error}"));
            let lifetime = read.lifetime.map(|lifetime| lifetime.as_secs());
            assert_eq!((read.token_type.as_str(), lifetime), expected, "{body}");
            assert_eq!(read.access_token.expose_secret(), "t");
        }
    }

    #[test]
    fn a_token_that_no_document_or_header_can_hold_is_rejected() {
        for text in ["", " t", "t ", "a\\nb"] {
            let error = token(&format!(r#"{{"access_token":"{text}"}}"#)).err().expect("an invalid token");
            assert_eq!(error.kind(), ErrorKind::PlatformUnavailable, "{text:?}");
        }
    }
}
