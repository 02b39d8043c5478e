//! The simulator's knobs: unknown properties of the real service, and failures for tests.

use serde::{Deserialize, Serialize};

use crate::expires_in::ExpiresIn;

/// The knobs. The defaults are the usual behavior of the real service. The control surface uses the names of these
/// fields.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenesysSettings {
    /// The lifetime of tokens, in seconds, for clients without `access_token_validity_seconds`.
    pub token_lifetime: u64,
    /// The largest `accessTokenValiditySeconds` of a client: 172800, or up to 38880000 for SCIM clients (Platform API,
    /// OAuthClientRequest).
    pub longest_validity: u64,
    /// The form of `expires_in` in a token answer.
    pub expires_in: ExpiresIn,
    /// The `token_type` in a token answer.
    pub token_type: String,
    /// Tokens issued while this is set are never valid.
    pub reject_new_tokens: bool,
    /// Limits the token requests of a client per minute; `None` for no limit.
    pub token_requests_per_minute: Option<u32>,
    /// Limits the API requests of a token per minute; `None` for no limit.
    pub requests_per_minute: Option<u32>,
    /// The header fields with an answer's correlation id.
    pub correlation_headers: Vec<String>,
    /// The caller's address is not in the organization's allow-list.
    pub ip_not_authorized: bool,
    /// The client id in the answer of `tokens/me`, in place of the token's own client.
    pub token_owner: Option<String>,
    /// The status of `HEAD /api/v2/tokens/me`, 200 or 204.
    pub head_token_status: u16,
    /// The status of `DELETE /api/v2/tokens/me`, 200 or 204.
    pub delete_token_status: u16,
    /// Regenerating a client's secret revokes the tokens issued with the old one.
    pub regenerate_revokes_tokens: bool,
    /// The propagation time of a regenerated secret, in seconds. Until then the login nodes accept only the old one.
    pub secret_propagation: u64,
    /// Disabling a client revokes its tokens.
    pub disabling_revokes_tokens: bool,
    /// Making a client inactive revokes its tokens.
    pub inactivating_revokes_tokens: bool,
    /// The time without a request after which a token ends, in seconds; `None` for organizations without a timeout. At least
    /// 300, and at most 28800 (Platform API, IdleTokenTimeout).
    pub idle_timeout: Option<u64>,
    /// The idle timeout does not apply to tokens of the client credentials grant.
    pub idle_timeout_exempts_clients: bool,
    /// The answer to a token that has ended, by its lifetime or its idle timeout, has the code `credentials.expired` in place
    /// of `bad.credentials`.
    pub ended_tokens_expire: bool,
    /// Reading the idle timeout requires `directory:organization:admin`, as in older versions of the API.
    pub idle_timeout_needs_permission: bool,
    /// Serves `/api/v2/oauth/token/generate` and `/api/v2/oauth/apitokens`, which are not in the published API.
    pub unpublished_endpoints: bool,
    /// The lifetime of tokens from the unpublished endpoints, in seconds.
    pub unpublished_token_lifetime: u64,
    /// The unpublished endpoints return `expires_in`.
    pub unpublished_expires_in: bool,
    /// The number of entities in each list of the directory.
    pub list_entities: usize,
    /// A search's `nextPage` is a link. The API's reference describes only the value of `q64`.
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
            inactivating_revokes_tokens: false,
            idle_timeout: None,
            idle_timeout_exempts_clients: false,
            ended_tokens_expire: false,
            idle_timeout_needs_permission: false,
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
