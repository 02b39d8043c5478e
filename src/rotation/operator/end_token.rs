//! Ends a token that leaked: whose it is, its revocation, and the platform's rejection.

use std::time::Duration;

use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::SecretId;
use crate::secret::{SecretString, same};

/// The longest time that reading the owner may delay the revocation.
const OWNER: Duration = Duration::from_secs(5);

/// The id of a client, user or organization, and its name if the platform tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedId {
    /// The id.
    pub id: String,
    /// The name.
    pub name: Option<String>,
}

/// Who a token belongs to, as far as the platform tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenOwner {
    /// The OAuth client that it was issued to.
    pub client: Option<NamedId>,
    /// The user that it acts as; `None` for a token of client credentials.
    pub user: Option<NamedId>,
    /// The organization.
    pub organization: Option<NamedId>,
}

/// Reads the owners of tokens.
pub trait TokenOwners: Send + Sync {
    /// Returns who a token belongs to.
    ///
    /// # Errors
    /// `TokenRejected` if the platform does not accept the token; other platform errors.
    fn token_owner(&self, place: &Place, token: &SecretString) -> impl Future<Output = Result<TokenOwner>> + Send;
}

/// A token whose revocation was tried.
#[derive(Debug)]
pub struct TokenEnd {
    /// Who it belongs to; the error if the platform did not tell.
    pub owner: Result<TokenOwner>,
    /// Whether the platform was seen to reject it after its revocation.
    pub ended: Result<()>,
}

impl<S: Sync, I: RotationPlatform + TokenOwners, C: Clock> Rotator<S, I, C> {
    /// Reads who a token belongs to, revokes it, and waits until the platform rejects it.
    ///
    /// An unknown owner does not prevent the revocation. If it is not known that the platform accepted the token before, the
    /// token may belong to another region, and its end is an error.
    ///
    /// # Errors
    /// `DocumentInvalid` on a platform that cannot revoke tokens; `TokenRejected` if the platform rejected the token before.
    pub async fn end_token(&self, place: &Place, token: &SecretString, deadline: Deadline) -> Result<TokenEnd> {
        if place.platform() == PlatformName::Cxone {
            return Err(cannot_be_revoked());
        }
        let read = || self.issuer.token_owner(place, token);
        let owner = self.retries.run("read whose token it is", deadline.at_most(OWNER), read).await;
        if owner.as_ref().is_err_and(|error| error.kind() == ErrorKind::TokenRejected) {
            return Err(already_rejected());
        }
        let ended = async {
            self.tokens().revoke(place, token, deadline).await?;
            self.tokens().await_rejection(place, token, deadline).await
        };
        let ended = ended.await;
        // A refusal of the permission is an answer to a token that is accepted.
        let was_accepted = owner.as_ref().err().is_none_or(|error| error.kind() == ErrorKind::PermissionMissing);
        let ended = if was_accepted { ended } else { ended.and(Err(not_seen_before())) };
        Ok(TokenEnd { owner, ended })
    }
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Returns the place that a secret names, and whether readers of the secret get this token.
    ///
    /// # Errors
    /// The secret cannot be read, or names no place.
    pub async fn place_of_secret(
        &self,
        secret: &SecretId,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<(Place, bool)> {
        let document = self.current_document(secret, deadline).await?;
        let current = document.access_token().ok().flatten();
        let is_current = current.is_some_and(|current| same(&current, token));
        Ok((self.place_of_document(&document, deadline).await?, is_current))
    }
}

fn cannot_be_revoked() -> RotationError {
    let message =
        "NICE CXone cannot revoke tokens: the token stays valid until it expires, at most one hour after its issue";
    RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(
        "deactivate the access key or the application that issued it in CXone, so that no new token is issued, and replace the key in the secret; existing tokens may keep working until they expire",
    )
}

fn not_seen_before() -> RotationError {
    let message =
        "the platform rejects the token now, and did not answer before its revocation: it may belong to another region";
    RotationError::new(ErrorKind::TokenRejected, message)
        .with_hint("nothing is left to do if the region is the token's own; otherwise name that region")
}

pub(super) fn already_rejected() -> RotationError {
    let message = "the platform already rejects this token: it has expired, was revoked, or belongs to another region";
    RotationError::new(ErrorKind::TokenRejected, message)
        .with_hint("nothing is left to do if the region is the token's own; otherwise name that region")
}
