//! Tokens: their kinds, and a token as the platform issues it.

use std::time::Duration;

use super::keys::Credentials;
use super::place::Place;
use crate::secret::SecretString;

/// A token as the platform issued it.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub access_token: SecretString,
    /// Its type as the platform spells it, such as `bearer`.
    pub token_type: String,
    /// Its lifetime, counted from the moment of the request.
    pub lifetime: Duration,
    /// The CXone tenant, if neither the credentials nor the token itself name it.
    pub tenant_id: Option<String>,
}

impl IssuedToken {
    /// The credentials that the token was issued with, and its tenant.
    pub(crate) fn credentials(&self, used: &Credentials) -> Credentials {
        used.clone().in_tenant(self.tenant_id.as_deref())
    }

    /// Where the token is valid.
    pub(crate) fn place(&self, used: &Credentials) -> Place {
        used.place().in_tenant(self.tenant_id.as_deref())
    }
}

/// The kind of token that readers get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// The access token that the client credentials are exchanged for.
    #[default]
    Access,
    /// A token generated with an access token for a resource owner; its documented lifetime is one year. The endpoint is
    /// not part of the published API.
    Generated {
        /// The id of the account that the token represents.
        resource_owner: String,
    },
    /// An API token, created with an access token. The endpoint is not part of the published API.
    ApiToken {
        /// Its name in the platform's list of API tokens.
        name: Option<String>,
        /// Its scopes; empty for all scopes of the client.
        scopes: Vec<String>,
        /// Its lifetime in seconds; the platform's default if `None`.
        expires_in: Option<u64>,
    },
}
