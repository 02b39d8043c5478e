//! Making tokens, proving them and ending them, with patience: what needs no store.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::rate_limit::RateLimiter;
use super::retry::{Deadline, RetryPolicy};
use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::token::{IssuedToken, TokenKind};
use crate::rotation::document::probe::Probe;
use crate::rotation::error::{ErrorKind, Result};
use crate::rotation::ports::admin::ClientSecrets;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::issuer::TokenIssuer;
use crate::secret::SecretString;

/// A new secret may take about ten seconds to be known everywhere; this much is waited for it.
const PROPAGATION: Duration = Duration::from_secs(20);
/// How long to wait before asking whether it is known.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A token of any kind.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) token: IssuedToken,
    /// The moment before it was asked for.
    pub(crate) asked_at: Timestamp,
    /// The access token that it was made with, of no use any more once this one is stored.
    pub(crate) first: Option<SecretString>,
}

/// A token that was made beside the one that a secret holds. It is stored nowhere, so whoever asked for it revokes it.
#[derive(Clone, Debug)]
pub struct SpareToken {
    /// The token.
    pub access_token: SecretString,
    pub(crate) credentials: Credentials,
}

/// An issuer, asked with patience.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a, I, C> {
    /// Where the tokens come from.
    pub issuer: &'a I,
    /// What time it is.
    pub clock: &'a C,
    /// How patient it is.
    pub retries: RetryPolicy,
    /// Bounds token requests per client.
    pub limiter: Option<&'a RateLimiter>,
}

impl<I: ClientSecrets, C> Tokens<'_, I, C> {
    /// A client's new secret, made with a token that may edit it. If the answer is lost it is simply made once more.
    ///
    /// # Errors
    /// `PermissionMissing`, or whatever else the platform says.
    pub async fn regenerate(
        &self,
        place: &Place,
        client_id: &str,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<SecretString> {
        let regenerate = || self.issuer.regenerate(place, client_id, token);
        self.retries.run("regenerate a client secret", deadline, regenerate).await
    }
}

impl<I: TokenIssuer, C: Clock> Tokens<'_, I, C> {
    /// A token of a kind.
    ///
    /// # Errors
    /// Whatever the exchange failed with, or the platform does not offer this kind.
    pub(crate) async fn make(&self, credentials: &Credentials, kind: &TokenKind, deadline: Deadline) -> Result<Made> {
        let (first, asked_at) = self.exchange(credentials, deadline).await?;
        if *kind == TokenKind::Access {
            return Ok(Made { token: first, asked_at, first: None });
        }
        let place = credentials.place();
        let issue = || async {
            let asked_at = self.clock.now();
            Ok((self.issuer.issue_long_lived(&place, &first.access_token, kind).await?, asked_at))
        };
        match self.retries.run("make a token of this kind", deadline, issue).await {
            Ok((token, asked_at)) => Ok(Made { token, asked_at, first: Some(first.access_token) }),
            Err(error) => {
                self.discard(credentials, &first.access_token, deadline).await;
                Err(error)
            }
        }
    }

    /// A token of a kind, with a client secret that was made a moment ago: it is given time to be known everywhere.
    ///
    /// # Errors
    /// As for [`make`](Self::make); `CredentialsRejected` where the secret is not known by then.
    pub(crate) async fn make_once_known(
        &self,
        credentials: &Credentials,
        kind: &TokenKind,
        deadline: Deadline,
    ) -> Result<Made> {
        let began = Instant::now();
        loop {
            match self.make(credentials, kind, deadline).await {
                Err(error)
                    if error.kind() == ErrorKind::CredentialsRejected
                        && began.elapsed() < PROPAGATION
                        && deadline.allows(ASK_AGAIN) =>
                {
                    tracing::info!("the new secret is not known everywhere yet");
                    sleep(ASK_AGAIN).await;
                }
                made => return made,
            }
        }
    }

    /// Waits until a client secret that was made a moment ago is known, and validates a token that was had with it.
    ///
    /// # Errors
    /// `CredentialsRejected` where it is not by then, or whatever else the platform says.
    pub async fn await_new_secret(&self, credentials: &Credentials, deadline: Deadline) -> Result<()> {
        let token = self.make_once_known(credentials, &TokenKind::Access, deadline).await?.token.access_token;
        let verified = self.verify(credentials, &token, &[], deadline).await;
        self.discard(credentials, &token, deadline).await;
        verified
    }

    /// A new token that was validated, and when it was asked for. One that fails is revoked.
    ///
    /// # Errors
    /// Whatever the exchange or the validation failed with.
    pub async fn mint(
        &self,
        credentials: &Credentials,
        kind: &TokenKind,
        probes: &[Probe],
        deadline: Deadline,
    ) -> Result<(IssuedToken, Timestamp)> {
        let Made { token, asked_at, first } = self.make(credentials, kind, deadline).await?;
        if let Some(first) = first {
            self.discard(credentials, &first, deadline).await;
        }
        if let Err(error) = self.verify(credentials, &token.access_token, probes, deadline).await {
            self.discard(credentials, &token.access_token, deadline).await;
            return Err(error);
        }
        Ok((token, asked_at))
    }

    /// Makes a token, validates it and revokes it: nothing is left of it.
    ///
    /// # Errors
    /// As for [`mint`](Self::mint).
    pub async fn try_out(
        &self,
        credentials: &Credentials,
        probes: &[Probe],
        deadline: Deadline,
    ) -> Result<(IssuedToken, Timestamp)> {
        let (token, asked_at) = self.mint(credentials, &TokenKind::Access, probes, deadline).await?;
        self.discard(credentials, &token.access_token, deadline).await;
        Ok((token, asked_at))
    }

    /// Ends a token's life. One that is dead already counts as revoked.
    ///
    /// # Errors
    /// The platform could not be reached or refused.
    pub async fn revoke(&self, place: &Place, token: &SecretString, deadline: Deadline) -> Result<()> {
        let revoke = || self.issuer.revoke(place, token);
        self.retries.run("revoke a token", deadline.for_cleanup(), revoke).await
    }

    /// Ends the life of a token that is stored nowhere, as far as the platform can be reached.
    pub async fn discard(&self, credentials: &Credentials, token: &SecretString, deadline: Deadline) {
        if let Err(error) = self.revoke(&credentials.place(), token, deadline).await {
            tracing::warn!(
                error.r#type = error.kind().name(),
                "a token that is stored nowhere could not be revoked and lives on until it expires: {}",
                error.chain()
            );
        }
    }

    /// A new token, and when it was asked for.
    pub(crate) async fn exchange(
        &self,
        credentials: &Credentials,
        deadline: Deadline,
    ) -> Result<(IssuedToken, Timestamp)> {
        let ask = || async {
            // The moment before asking: the token can only live longer than is written.
            let asked_at = self.clock.now();
            let exchange = self.issuer.issue(credentials);
            let token = match self.limiter {
                Some(limiter) => limiter.run(credentials, exchange).await?,
                None => exchange.await?,
            };
            Ok((token, asked_at))
        };
        self.retries.run("exchange the client credentials for a token", deadline, ask).await
    }

    /// Proves that a token works.
    pub(crate) async fn verify(
        &self,
        credentials: &Credentials,
        token: &SecretString,
        probes: &[Probe],
        deadline: Deadline,
    ) -> Result<()> {
        let verify = || self.issuer.verify(credentials, token, probes);
        self.retries.run("validate the token", deadline, verify).await
    }
}
