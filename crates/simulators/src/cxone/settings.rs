//! The simulator's knobs: unknown properties of the real service, and failures for tests.

use serde::{Deserialize, Serialize};

use crate::expires_in::ExpiresIn;

/// The knobs. The defaults are the usual behavior of the real service. The control surface uses the names of these
/// fields.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CxoneSettings {
    /// The lifetime of tokens, in seconds.
    pub token_lifetime: u64,
    /// The form of `expires_in` in a token answer.
    pub expires_in: ExpiresIn,
    /// The `token_type` in a token answer.
    pub token_type: String,
    /// Access tokens are opaque, and not JWTs.
    pub opaque_tokens: bool,
    /// Access tokens that are JWTs name their tenant.
    pub tenant_in_tokens: bool,
    /// Back-end applications also get an `id_token`, which names the tenant.
    pub id_tokens: bool,
    /// Tokens issued while this is set are never valid.
    pub reject_new_tokens: bool,
    /// Limits the token requests of a client or access key per minute; `None` for no limit.
    pub token_requests_per_minute: Option<u32>,
    /// Limits the API requests of a token per minute; `None` for no limit.
    pub requests_per_minute: Option<u32>,
    /// The status for an application with a wrong secret, 401 or 400.
    pub client_refusal_status: u16,
    /// Users have the permission to read their business unit.
    pub business_unit_allowed: bool,
    /// Disabling an access key revokes its tokens.
    pub deactivating_revokes_tokens: bool,
    /// Limits the access keys of a user.
    pub access_keys_per_user: usize,
    /// The issuer, in discovery and in tokens.
    pub issuer: String,
    /// The token endpoint in discovery.
    pub token_endpoint: String,
    /// The API's endpoint in discovery.
    pub api_endpoint: String,
    /// The tenant's area.
    pub area: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The number of the business unit.
    pub business_unit_id: u64,
}

impl Default for CxoneSettings {
    fn default() -> Self {
        Self {
            token_lifetime: 3_600,
            expires_in: ExpiresIn::Number,
            token_type: "Bearer".to_owned(),
            opaque_tokens: false,
            tenant_in_tokens: true,
            id_tokens: true,
            reject_new_tokens: false,
            token_requests_per_minute: None,
            requests_per_minute: None,
            client_refusal_status: 401,
            business_unit_allowed: true,
            deactivating_revokes_tokens: false,
            access_keys_per_user: 5,
            issuer: "https://cxone.niceincontact.com".to_owned(),
            token_endpoint: "https://cxone.niceincontact.com/auth/token".to_owned(),
            api_endpoint: "https://api-na1.niceincontact.com".to_owned(),
            area: "na1".to_owned(),
            tenant_id: "11ec5a1e-0000-4000-8000-0a0b0c0d0e0f".to_owned(),
            business_unit_id: 4_597_359,
        }
    }
}
