//! Tokens: their kinds, and a token as the platform issued it.

use std::time::Duration;

use crate::secret::SecretString;

/// The kind of token that readers get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// The access token of a client credentials grant.
    #[default]
    Access,
    /// A token issued for a resource owner, with a documented lifetime of one year. Its endpoint is not part of the
    /// published API.
    Generated {
        /// The id of the account that the token represents.
        resource_owner: String,
    },
    /// An API token. Its endpoint is not part of the published API.
    ApiToken {
        /// The name in the platform's list.
        name: Option<String>,
        /// The scopes; all that the client has if empty.
        scopes: Vec<String>,
        /// The lifetime in seconds; the platform's default if missing.
        expires_in: Option<u64>,
    },
}

/// A token as the platform issued it.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub access_token: SecretString,
    /// The type as the platform spells it, such as `bearer`.
    pub token_type: String,
    /// The lifetime, counted from the request.
    pub lifetime: Duration,
}
