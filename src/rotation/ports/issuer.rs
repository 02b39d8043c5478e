//! The port to the platform that issues tokens.

use std::future::Future;
use std::time::Duration;

use crate::rotation::credentials::keys::{Credentials, KeyOwner, KeyPair};
use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::token::{IssuedToken, TokenKind};
use crate::rotation::document::probe::Probe;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// Issues tokens and tells whether they work. Adapters make one attempt at each call; the core retries.
pub trait TokenIssuer: Send + Sync {
    /// Exchanges the credentials for a new token.
    ///
    /// # Errors
    /// `CredentialsRejected`, `UnknownRegion`, `RateLimited`, `PlatformUnavailable` and what else the platform says.
    fn issue(&self, credentials: &Credentials) -> impl Future<Output = Result<IssuedToken>> + Send;

    /// Proves that the token authenticates, belongs to the client, and can do what the probes ask for.
    ///
    /// # Errors
    /// `TokenRejected`, `TokenOwnerMismatch`, `IpNotAuthorized`, `PermissionMissing`, `ProbeFailed` and so on.
    fn verify(
        &self,
        credentials: &Credentials,
        token: &SecretString,
        probes: &[Probe],
    ) -> impl Future<Output = Result<()>> + Send;

    /// Makes a token of another kind with an access token.
    ///
    /// # Errors
    /// `DocumentInvalid` where the platform or the organisation does not offer it, `PermissionMissing` and so on.
    fn lengthen(
        &self,
        _place: &Place,
        _access_token: &SecretString,
        _kind: &TokenKind,
    ) -> impl Future<Output = Result<IssuedToken>> + Send {
        async { Err(not_offered("tokens of this kind")) }
    }

    /// Gives a client a new secret, with a token of a client that may edit it. The former one dies.
    ///
    /// # Errors
    /// `PermissionMissing`, `DocumentInvalid` where there is no such client, and so on.
    fn regenerate(
        &self,
        _place: &Place,
        _client_id: &str,
        _token: &SecretString,
    ) -> impl Future<Output = Result<SecretString>> + Send {
        async { Err(not_offered("new client secrets")) }
    }

    /// Whose an access key is, by a token that may look.
    ///
    /// # Errors
    /// `PermissionMissing`, `DocumentInvalid` where there is no such key, and so on.
    fn key_owner(
        &self,
        _place: &Place,
        _access_key_id: &str,
        _token: &SecretString,
    ) -> impl Future<Output = Result<KeyOwner>> + Send {
        async { Err(not_offered("access keys")) }
    }

    /// Gives a user another access key, with a token that may. Those that there are work on.
    ///
    /// # Errors
    /// `PermissionMissing`, `DocumentInvalid` where the user can have no more, and so on.
    fn create_access_key(
        &self,
        _place: &Place,
        _owner: &KeyOwner,
        _token: &SecretString,
    ) -> impl Future<Output = Result<KeyPair>> + Send {
        async { Err(not_offered("access keys")) }
    }

    /// Deletes an access key, with a token that may. One that is not there any more counts as deleted.
    ///
    /// # Errors
    /// `PermissionMissing` and so on.
    fn delete_access_key(
        &self,
        _place: &Place,
        _access_key_id: &str,
        _token: &SecretString,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Err(not_offered("access keys")) }
    }

    /// For how long the tokens of a client live by its own setting; `None` where the platform has no such setting, or
    /// the token may not look at it.
    ///
    /// # Errors
    /// `DocumentInvalid` where there is no such client, and so on.
    fn token_duration(
        &self,
        _place: &Place,
        _client_id: &str,
        _token: &SecretString,
    ) -> impl Future<Output = Result<Option<Duration>>> + Send {
        async { Ok(None) }
    }

    /// Raises that setting to a duration, and changes nothing else of the client. Gives the former duration; `None`
    /// where it was as long already, and was left alone.
    ///
    /// # Errors
    /// `PermissionMissing`, `DocumentInvalid` where there is no such client, and so on.
    fn set_token_duration(
        &self,
        _place: &Place,
        _client_id: &str,
        _token: &SecretString,
        _duration: Duration,
    ) -> impl Future<Output = Result<Option<Duration>>> + Send {
        async { Err(not_offered("a setting for how long tokens live")) }
    }

    /// Ends the token's life, as far as the platform knows how to. A token that is dead already counts as revoked.
    ///
    /// # Errors
    /// The platform could not be reached or refused.
    fn revoke(&self, place: &Place, token: &SecretString) -> impl Future<Output = Result<()>> + Send;
}

fn not_offered(what: &str) -> RotationError {
    RotationError::new(ErrorKind::DocumentInvalid, format!("the platform does not offer {what}"))
        .with_hint("take what asks for it out of the document")
}
