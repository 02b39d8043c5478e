//! What readers of a token get.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::storage::stored_secret;
use crate::rotation::IssuedToken;
use crate::secret::SecretString;

/// What is left of a token is counted in seconds: with less than one it is dead.
pub(crate) const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// A token, and how long it lives.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Token {
    #[serde(with = "stored_secret")]
    pub(crate) access_token: SecretString,
    pub(crate) token_type: String,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Token {
    /// A token fresh from the platform, by the moment at which it was asked for.
    pub(crate) fn issued(token: IssuedToken, asked_at: Timestamp) -> Self {
        let lifetime = SignedDuration::try_from(token.lifetime).unwrap_or(SignedDuration::MAX);
        // A fraction of a second says nothing here, and some readers trip over it.
        let issued_at = Timestamp::from_second(asked_at.as_second()).unwrap_or(asked_at);
        let expires_at = issued_at.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        Self { access_token: token.access_token, token_type: token.token_type, issued_at, expires_at }
    }

    /// The life left, zero once it is over.
    pub(crate) fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.expires_at.duration_since(now)).unwrap_or_default()
    }

    /// Whether a reader can still do something with it.
    pub(crate) fn is_alive(&self, now: Timestamp) -> bool {
        self.left(now) >= SHORTEST_LIFE
    }

    /// Its whole life.
    pub(crate) fn lifetime(&self) -> Duration {
        self.left(self.issued_at)
    }

    /// The fields that readers get. `api_url` is where the token is good, `null` where that is not known now.
    pub(crate) fn answer(&self, api_url: Option<String>, now: Timestamp) -> Map<String, Value> {
        let fields = [
            ("access_token", self.access_token.expose_secret().into()),
            ("token_type", self.token_type.as_str().into()),
            ("expires_at", self.expires_at.to_string().into()),
            ("ttl", self.left(now).as_secs().into()),
            ("api_url", api_url.into()),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }
}
