//! The simulator's knobs: what is not known of the real service, and what a test wants to go wrong.

use serde::{Deserialize, Serialize};

use crate::expires_in::ExpiresIn;

/// Every knob, with the real service's usual behaviour as the default. The control surface
/// takes and shows them by the names of these fields.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CxoneSettings {
    /// How long a token lives, in seconds.
    pub token_lifetime: u64,
    /// How a token answer spells `expires_in`.
    pub expires_in: ExpiresIn,
    /// What a token answer gives as `token_type`.
    pub token_type: String,
    /// Tokens are no JWTs, and say nothing of themselves.
    pub opaque_tokens: bool,
    /// Tokens minted while this is set never authenticate, although they were handed out.
    pub reject_new_tokens: bool,
    /// How many token requests a client or access key may make in a minute; `None` for any number.
    pub token_requests_per_minute: Option<u32>,
    /// How many API requests a token may make in a minute; `None` for any number.
    pub requests_per_minute: Option<u32>,
    /// The status that an application with a wrong secret is refused with, 401 or 400.
    pub client_refusal_status: u16,
    /// Users may read their business unit.
    pub business_unit_allowed: bool,
    /// Switching an access key off ends the tokens that it was exchanged for.
    pub deactivating_revokes_tokens: bool,
    /// How many access keys a user may have.
    pub access_keys_per_user: usize,
    /// The issuer, in discovery and in tokens.
    pub issuer: String,
    /// Where discovery says that tokens are asked for.
    pub token_endpoint: String,
    /// Where discovery says that the tenant's API is.
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
