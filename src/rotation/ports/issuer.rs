//! The platform that issues, validates and revokes tokens.

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::token::{IssuedToken, TokenKind};
use crate::rotation::document::probe::Probe;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// Issues, validates and revokes tokens. An implementation makes one attempt per call; the core retries.
pub trait TokenIssuer: Send + Sync {
    /// Exchanges client credentials for an access token.
    ///
    /// # Errors
    /// `CredentialsRejected`, `UnknownRegion`, `RateLimited`, `PlatformUnavailable`, and other platform errors.
    fn issue(&self, credentials: &Credentials) -> impl Future<Output = Result<IssuedToken>> + Send;

    /// Validates a token: it authenticates, belongs to the client, and every probe succeeds with it.
    ///
    /// # Errors
    /// `TokenRejected`, `TokenOwnerMismatch`, `IpNotAuthorized`, `PermissionMissing`, `ProbeFailed`, and other
    /// platform errors.
    fn verify(
        &self,
        credentials: &Credentials,
        token: &SecretString,
        probes: &[Probe],
    ) -> impl Future<Output = Result<()>> + Send;

    /// Revokes a token, if the platform supports it. An expired or revoked token counts as revoked.
    ///
    /// # Errors
    /// The platform is unreachable or refuses.
    fn revoke(&self, place: &Place, token: &SecretString) -> impl Future<Output = Result<()>> + Send;

    /// Issues a long-lived token of this kind, authorized by an access token.
    ///
    /// # Errors
    /// `DocumentInvalid` if the platform or the organization does not offer it; `PermissionMissing`, and other
    /// platform errors.
    fn issue_long_lived(
        &self,
        _place: &Place,
        _access_token: &SecretString,
        _kind: &TokenKind,
    ) -> impl Future<Output = Result<IssuedToken>> + Send {
        async { Err(not_offered("tokens of this kind")) }
    }
}

/// The error for something that a platform does not offer.
pub fn not_offered(what: &str) -> RotationError {
    RotationError::new(ErrorKind::DocumentInvalid, format!("the platform does not offer {what}"))
        .with_hint("remove the field that asks for it from the document")
}
