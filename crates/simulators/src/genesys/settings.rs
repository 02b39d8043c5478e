//! The simulator's knobs: what is not known of the real service, and what a test wants to go wrong.

use serde::{Deserialize, Serialize};

use crate::expires_in::ExpiresIn;

/// Every knob, with the real service's usual behaviour as the default. The control surface
/// takes and shows them by the names of these fields.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenesysSettings {
    /// How long a token of a client without a validity of its own lives, in seconds.
    pub token_lifetime: u64,
    /// The longest `accessTokenValiditySeconds` that a client may have, in seconds: 172800,
    /// or up to 38880000 for SCIM clients (Platform API, OAuthClientRequest).
    pub longest_validity: u64,
    /// How a token answer spells `expires_in`.
    pub expires_in: ExpiresIn,
    /// What a token answer gives as `token_type`.
    pub token_type: String,
    /// Tokens minted while this is set never authenticate, although they were handed out.
    pub reject_new_tokens: bool,
    /// How many token requests a client may make in a minute; `None` for any number.
    pub token_requests_per_minute: Option<u32>,
    /// How many API requests a token may make in a minute; `None` for any number.
    pub requests_per_minute: Option<u32>,
    /// The header fields that carry an answer's correlation id.
    pub correlation_headers: Vec<String>,
    /// Every API request comes from an address that the organization's allow-list does not hold.
    pub ip_not_authorized: bool,
    /// The id of the client that `tokens/me` names in place of the token's own.
    pub token_owner: Option<String>,
    /// The status of `HEAD /api/v2/tokens/me`, 200 or 204.
    pub head_token_status: u16,
    /// The status of `DELETE /api/v2/tokens/me`, 200 or 204.
    pub delete_token_status: u16,
    /// Regenerating a client's secret also ends the tokens issued with the old one.
    pub regenerate_revokes_tokens: bool,
    /// How many seconds pass before the login nodes know a regenerated secret; until then the
    /// old one works and the new one does not.
    pub secret_propagation: u64,
    /// The tokens of a client that is not active stop working.
    pub disabling_revokes_tokens: bool,
    /// Serves `/api/v2/oauth/token/generate` and `/api/v2/oauth/apitokens`, which the published
    /// API does not have.
    pub unpublished_endpoints: bool,
    /// How long a token from an unpublished endpoint lives, in seconds.
    pub unpublished_token_lifetime: u64,
    /// The unpublished endpoints tell `expires_in`.
    pub unpublished_expires_in: bool,
    /// How many entities each list of the directory holds.
    pub list_entities: usize,
    /// A search's `nextPage` is a link, and not the value for `q64` alone that the API's reference speaks of.
    pub search_links: bool,
    /// The id of the organization.
    pub organization_id: String,
    /// The name of the organization.
    pub organization_name: String,
}

impl Default for GenesysSettings {
    fn default() -> Self {
        Self {
            token_lifetime: 86_400,
            longest_validity: 172_800,
            expires_in: ExpiresIn::Number,
            token_type: "bearer".to_owned(),
            reject_new_tokens: false,
            token_requests_per_minute: None,
            requests_per_minute: Some(300),
            correlation_headers: vec!["ININ-Correlation-Id".to_owned()],
            ip_not_authorized: false,
            token_owner: None,
            head_token_status: 200,
            delete_token_status: 200,
            regenerate_revokes_tokens: false,
            secret_propagation: 0,
            disabling_revokes_tokens: true,
            unpublished_endpoints: false,
            unpublished_token_lifetime: 31_536_000,
            unpublished_expires_in: false,
            list_entities: 60,
            search_links: false,
            organization_id: "5f9a3c1e-0000-4000-8000-0a0b0c0d0e0f".to_owned(),
            organization_name: "Simulated Organization".to_owned(),
        }
    }
}
