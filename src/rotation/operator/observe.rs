//! Observation of a live platform: what it answers, compared with what the rotation handles.

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::token::IssuedToken;
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::tokens::rollback::Undo;
use crate::rotation::version::labels::SecretId;

/// One fact about a live service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The name of the fact.
    pub fact: &'static str,
    /// What the rotation handles.
    pub expected: &'static [&'static str],
    /// What the service did: statuses, codes and names of fields, and no values of secrets.
    pub seen: String,
}

impl Observation {
    /// Records what was seen.
    pub fn new(fact: &'static str, expected: &'static [&'static str], seen: impl Into<String>) -> Self {
        Self { fact, expected, seen: seen.into() }
    }

    /// Whether the rotation handles what was seen.
    pub fn is_expected(&self) -> bool {
        self.expected.contains(&self.seen.as_str())
    }
}

/// A platform that can be observed. Each method makes one attempt.
pub trait Observe {
    /// Requests a token, and a token for a client that does not exist.
    ///
    /// # Errors
    /// As for [`TokenIssuer::issue`](crate::rotation::TokenIssuer::issue).
    fn observe_issue(
        &self,
        credentials: &Credentials,
    ) -> impl Future<Output = Result<(IssuedToken, Vec<Observation>)>> + Send;

    /// Sends the requests that validate a token, and one with a text that is no token.
    ///
    /// # Errors
    /// The platform is unreachable.
    fn observe_token(
        &self,
        credentials: &Credentials,
        token: &IssuedToken,
    ) -> impl Future<Output = Result<Vec<Observation>>> + Send;

    /// Revokes the token, if the platform can.
    ///
    /// # Errors
    /// The platform is unreachable.
    fn observe_revocation(
        &self,
        credentials: &Credentials,
        token: &IssuedToken,
    ) -> impl Future<Output = Result<Vec<Observation>>> + Send;
}

impl<S: RotationStore, I: RotationPlatform + Observe, C: Clock> Rotator<S, I, C> {
    /// Issues a token with a secret's credentials, validates and revokes it, and returns what the platform did. The secret is
    /// unchanged.
    ///
    /// # Errors
    /// The credentials cannot be read or exchanged, or the platform is unreachable; the token is revoked.
    pub async fn observe(&self, secret: &SecretId, deadline: Deadline) -> Result<Vec<Observation>> {
        let observe = async {
            let (described, document) = self.read_current(secret, deadline).await?;
            let credentials = self.credentials(&document, &described, deadline).await?;
            let request = self.rollbacks.begin_request();
            let (token, mut seen) = self.issuer.observe_issue(&credentials).await?;
            let (place, access_token) = (token.place(&credentials), token.access_token.clone());
            let undo = Undo::RevokeToken { place, token: access_token, staged_as: None };
            let guard = self.rollbacks.guard(undo);
            drop(request);
            seen.extend(self.issuer.observe_token(&credentials, &token).await?);
            seen.extend(self.issuer.observe_revocation(&credentials, &token).await?);
            // The rollback revokes the token again: a revoked token counts as revoked.
            drop(guard);
            Ok(seen)
        };
        self.tokens().settle(deadline, observe).await
    }
}
