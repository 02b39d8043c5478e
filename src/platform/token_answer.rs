//! The answer to a token request (RFC 6749, section 5.1).

use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::http::{Answer, bearer};
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// A token, as far as its answer tells.
pub(super) struct TokenAnswer {
    pub(super) access_token: SecretString,
    /// Its type as the platform spelt it.
    pub(super) token_type: String,
    /// For how long it is valid; `None` where the answer does not say.
    pub(super) lifetime: Option<Duration>,
}

#[derive(Deserialize)]
struct Body {
    access_token: Zeroizing<String>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl Answer {
    /// The token in a successful answer.
    ///
    /// # Errors
    /// `PlatformUnavailable` where there is none, or what cannot be one.
    pub(super) fn token(&self, what: &str) -> Result<TokenAnswer> {
        let body: Body = self.json(what)?;
        // What cannot stand in a header is not a token, and would only be found out by its readers.
        if body.access_token.is_empty() || bearer(&body.access_token).is_err() {
            return Err(self.error(ErrorKind::PlatformUnavailable, format!("{what} gave a token that cannot be one")));
        }
        Ok(TokenAnswer {
            access_token: SecretString::from(body.access_token.as_str()),
            token_type: body.token_type.filter(|name| is_token_type(name)).unwrap_or_else(|| "bearer".to_owned()),
            lifetime: body.expires_in.as_ref().and_then(seconds),
        })
    }

    /// A token that nobody can tell the end of is of no use.
    pub(super) fn without_expiry(&self, what: &str) -> RotationError {
        let message = format!("{what} gave a token without saying for how long it is valid");
        self.error(ErrorKind::PlatformUnavailable, message)
    }
}

/// Some answers write the number as a string.
fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let seconds = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn is_token_type(name: &str) -> bool {
    !name.is_empty() && name.len() <= 32 && name.chars().all(|letter| letter.is_ascii_alphanumeric())
}
