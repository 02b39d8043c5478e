//! Issuing tokens, with retries, rate limits and rollback.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::rate_limit::RateLimiter;
use super::retry::{Deadline, RetryPolicy};
use super::rollback::{Rollback, Rollbacks, Undo};
use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::token::{IssuedToken, TokenKind};
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::issuer::TokenIssuer;

/// The longest wait for a new secret to propagate; it usually takes about ten seconds.
const PROPAGATION: Duration = Duration::from_secs(20);
/// The hint after a request for a long-lived token whose answer is unknown. No published call lists these tokens (Platform
/// API, OAuth).
pub const UNKNOWN_TOKEN_HINT: &str = "the platform may have issued a token that no secret holds, and no published call lists such tokens: look for it where your organization's documentation of this endpoint lists them, or disable the OAuth client and enable it again, which ends all of its tokens (Admin > Integrations > OAuth); then rotate again, with a longer time limit if it was reached";
/// The wait between two attempts to use a new secret.
const PROPAGATION_POLL: Duration = Duration::from_secs(1);

/// A token that is revoked unless it is committed.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub(crate) token: IssuedToken,
    /// The time just before the request, so that the token lives at least as long as the document says.
    pub(crate) requested_at: Timestamp,
    pub(crate) guard: Rollback,
}

/// A platform, with retries and rollback.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a, I, C> {
    /// The platform.
    pub issuer: &'a I,
    /// The clock.
    pub clock: &'a C,
    /// The retry policy.
    pub retries: RetryPolicy,
    /// Limits the token requests of each client.
    pub limiter: Option<&'a RateLimiter>,
    /// The undos of what is not committed.
    pub rollbacks: &'a Rollbacks,
}

impl<I: TokenIssuer, C: Clock> Tokens<'_, I, C> {
    /// Exchanges client credentials for an access token.
    pub(crate) async fn exchange(&self, credentials: &Credentials, deadline: Deadline) -> Result<NewToken> {
        let exchange = || async {
            let requested_at = self.clock.now();
            let request = self.counted(self.issuer.issue(credentials));
            let token = match self.limiter {
                Some(limiter) => limiter.run(credentials, request).await?,
                None => request.await?,
            };
            let place = token.place(credentials);
            Ok(self.guarded(token, requested_at, place))
        };
        self.retries.run("exchange the client credentials for a token", deadline, exchange).await
    }

    /// Issues a token of a kind.
    ///
    /// # Errors
    /// The exchange failed, or the platform does not offer this kind.
    pub(crate) async fn issue(
        &self,
        credentials: &Credentials,
        kind: &TokenKind,
        deadline: Deadline,
    ) -> Result<NewToken> {
        // Not committed if the kind is another one: it only authorizes the next call.
        let access = self.exchange(credentials, deadline).await?;
        if *kind == TokenKind::Access {
            return Ok(access);
        }
        let place = access.token.place(credentials);
        let issue = || async {
            let requested_at = self.clock.now();
            let token = self.counted(self.issuer.issue_long_lived(&place, &access.token.access_token, kind)).await?;
            Ok(self.guarded(token, requested_at, place.clone()))
        };
        self.retries.run("issue a token of this kind", deadline, issue).await.map_err(|error| match error.kind() {
            // The request may have been sent.
            ErrorKind::DeadlineExceeded => error.with_hint(UNKNOWN_TOKEN_HINT),
            _ => error,
        })
    }

    /// Issues a token with a new client secret, which may take time to propagate.
    ///
    /// # Errors
    /// As for [`issue`](Self::issue); `CredentialsRejected` if the secret has not propagated after 20 seconds, and
    /// `DeadlineExceeded` if less time remained.
    pub(crate) async fn issue_once_propagated(
        &self,
        credentials: &Credentials,
        kind: &TokenKind,
        deadline: Deadline,
    ) -> Result<NewToken> {
        let began = Instant::now();
        loop {
            match self.issue(credentials, kind, deadline).await {
                Err(error) if error.kind() == ErrorKind::CredentialsRejected && began.elapsed() < PROPAGATION => {
                    if !deadline.allows(PROPAGATION_POLL) {
                        let message = format!("the time limit was reached before the new secret propagated ({error})");
                        return Err(RotationError::new(ErrorKind::DeadlineExceeded, message));
                    }
                    tracing::info!("the new secret has not propagated yet");
                    sleep(PROPAGATION_POLL).await;
                }
                issued => return issued,
            }
        }
    }

    /// Counts the request as in progress while it is polled: after an interruption, its answer may still arrive.
    async fn counted<T>(&self, request: impl Future<Output = T>) -> T {
        let _request = self.rollbacks.begin_request();
        request.await
    }

    fn guarded(&self, token: IssuedToken, requested_at: Timestamp, place: Place) -> NewToken {
        let undo = Undo::RevokeToken { place, token: token.access_token.clone(), staged_as: None };
        NewToken { token, requested_at, guard: self.rollbacks.guard(undo) }
    }
}
