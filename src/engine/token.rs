//! A token and its lifetime, as the engine stores and returns it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::storage::stored_secret;
use crate::rotation::IssuedToken;
use crate::secret::SecretString;

/// Lifetimes are counted in whole seconds: a token with less than one second left counts as expired.
pub(crate) const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// A token and its lifetime.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Token {
    #[serde(with = "stored_secret")]
    pub(crate) access_token: SecretString,
    pub(crate) token_type: String,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// As in [`IssuedToken`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<String>,
}

impl Token {
    /// A token that the platform issued. Its lifetime counts from the moment before the request.
    pub(crate) fn issued(token: IssuedToken, requested_at: Timestamp) -> Self {
        let lifetime = SignedDuration::try_from(token.lifetime).unwrap_or(SignedDuration::MAX);
        // Whole seconds: some readers reject fractions.
        let issued_at = Timestamp::from_second(requested_at.as_second()).unwrap_or(requested_at);
        let expires_at = issued_at.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        let IssuedToken { access_token, token_type, tenant_id, .. } = token;
        Self { access_token, token_type, issued_at, expires_at, tenant_id }
    }

    /// The remaining lifetime; zero after expiry.
    pub(crate) fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.expires_at.duration_since(now)).unwrap_or_default()
    }

    /// Whether the token has not expired.
    pub(crate) fn is_alive(&self, now: Timestamp) -> bool {
        self.left(now) >= SHORTEST_LIFE
    }

    /// The lifetime from issue to expiry.
    pub(crate) fn lifetime(&self) -> Duration {
        self.left(self.issued_at)
    }

    /// The response fields. `api_url` is the API that accepts the token; `null` where it is unknown.
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
