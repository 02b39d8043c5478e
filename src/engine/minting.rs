//! Tokens of a mount's configs: minting, validation, revocation.

use std::time::Duration;

use jiff::Timestamp;

use super::counters::{Action, Counted, Counters, TokenUse};
use super::failure::logged_failure;
use super::platform::{BoxedClock, BoxedPlatform, EnginePlatform};
use super::storage::config::Config;
use super::storage::role::Role;
use super::token::Token;
use crate::platform::Platforms;
use crate::rotation::{
    Clock, Credentials, Deadline, ErrorKind, IdleEnd, KeepAlive, NewToken, Place, PlatformName, RateLimiter,
    Result as RotationResult, RetryPolicy, Rollback, Rollbacks, RotationError, Rotator, TokenKind, Tokens,
    UnrevokedTokens,
};
use crate::secret::SecretString;
use openbao_plugin::Failure;

/// How long a reader waits for a token's api_url where the platform has to be asked for it.
const DISCOVERY: Duration = Duration::from_secs(3);

/// Mints, validates and revokes tokens. Clones share one rate limit for each client.
#[derive(Clone)]
pub(crate) struct Minting {
    platforms: BoxedPlatform,
    clock: BoxedClock,
    limiter: RateLimiter,
    rollbacks: Rollbacks,
    pub(crate) counters: Counters,
}

impl Minting {
    pub(crate) fn new(platforms: impl EnginePlatform, clock: impl Clock + 'static) -> Self {
        let (platforms, clock) = (BoxedPlatform::new(platforms), BoxedClock::new(clock));
        let counters = Counters::new(clock.now());
        Self { platforms, clock, limiter: RateLimiter::default(), rollbacks: Rollbacks::default(), counters }
    }

    /// The same platforms and clock, with rate limits, rollbacks and counters of their own.
    pub(crate) fn for_another_mount(&self) -> Self {
        let counters = Counters::new(self.now());
        Self { limiter: RateLimiter::default(), rollbacks: Rollbacks::default(), counters, ..self.clone() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The issuer and the clock, with retries.
    pub(crate) fn tokens(&self) -> Tokens<'_, BoxedPlatform, BoxedClock> {
        let (issuer, retries, rollbacks) = (&self.platforms, RetryPolicy::default(), &self.rollbacks);
        Tokens { issuer, clock: &self.clock, retries, limiter: Some(&self.limiter), rollbacks }
    }

    /// Revokes and deletes what requests created and did not commit.
    pub(crate) async fn roll_back(&self, deadline: Deadline) {
        self.tokens().roll_back(deadline).await;
    }

    /// The tokens that no entry holds, and whose revocation failed.
    pub(crate) fn unrevoked(&self) -> &UnrevokedTokens {
        self.rollbacks.unrevoked()
    }

    /// A rotator of the core.
    pub(crate) fn rotator<S>(&self, store: S) -> Rotator<S, BoxedPlatform, BoxedClock> {
        let rotator =
            Rotator::new(store, self.platforms.clone(), self.clock.clone()).with_limiter(self.limiter.clone());
        Rotator { rollbacks: self.rollbacks.for_another_operation(), ..rotator }
    }

    /// Checks that the platform has the config's place.
    ///
    /// # Errors
    /// 400 for an unknown region or place.
    pub(crate) fn check_place(&self, config: &Config) -> Result<(), Failure> {
        Platforms::check_place(&config.place()).map(drop).map_err(|error| logged_failure(&error))
    }

    /// Mints and validates a token for a role. It is revoked unless the guard is committed.
    ///
    /// # Errors
    /// The exchange or the validation failed, or the token expired meanwhile.
    pub(crate) async fn mint(
        &self,
        config: &Config,
        role: &Role,
        used: TokenUse,
        deadline: Deadline,
    ) -> Result<(Token, Rollback), Failure> {
        let (tokens, credentials) = (self.tokens(), config.credentials());
        let (kind, probes) = (role.token.kind()?, role.probes()?);
        let minted = async {
            let NewToken { token, requested_at, guard } =
                tokens.issue_valid(&credentials, &kind, &probes, deadline).await?;
            let token = Token::issued(token, requested_at);
            if token.is_alive(self.now()) { Ok((token, guard)) } else { Err(expired_early()) }
        };
        let minted = tokens.settle(deadline, minted).await;
        self.counters.add_result(&role.config, Action::Issue, Counted::Issued(used), &minted);
        minted.map_err(|error| logged_failure(&error))
    }

    /// Mints and validates an access token for calls to the platform's administration API. It is revoked unless the
    /// guard is committed.
    ///
    /// # Errors
    /// The exchange or the validation failed.
    pub(crate) async fn mint_for_admin(&self, config: &Config, deadline: Deadline) -> RotationResult<NewToken> {
        let (tokens, credentials) = (self.tokens(), config.credentials());
        let minted = tokens.issue_valid(&credentials, &TokenKind::Access, &[], deadline);
        tokens.settle(deadline, minted).await
    }

    /// Checks the credentials of a config: mints, validates and revokes a token.
    ///
    /// # Errors
    /// The exchange or the validation failed.
    pub(crate) async fn check_credentials(&self, config: &Config, deadline: Deadline) -> RotationResult<()> {
        self.tokens().try_out(&config.credentials(), &[], deadline).await.map(drop)
    }

    /// Whether the platform rejects a token.
    ///
    /// # Errors
    /// The platform did not say.
    pub(crate) async fn is_rejected(
        &self,
        config: &Config,
        token: &SecretString,
        deadline: Deadline,
    ) -> RotationResult<bool> {
        match self.tokens().verify(&config.credentials(), token, &[], deadline).await {
            Ok(()) => Ok(false),
            Err(error) if error.kind() == ErrorKind::TokenRejected => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Uses a token, so that it does not idle out. Returns when it ends without another use; `None` if the
    /// platform names no such time.
    ///
    /// # Errors
    /// `TokenRejected` if the token has ended, or another error of the platform.
    pub(crate) async fn keep_alive(
        &self,
        place: &Place,
        token: &SecretString,
        deadline: Deadline,
    ) -> RotationResult<Option<IdleEnd>> {
        let keep_alive = || self.platforms.keep_alive(place, token);
        RetryPolicy::default().run("keep the token alive", deadline, keep_alive).await
    }

    /// Revokes a token of a config. An expired token counts as revoked.
    ///
    /// # Errors
    /// The platform could not be reached, or refused.
    pub(crate) async fn revoke(
        &self,
        config: &str,
        place: &Place,
        token: &SecretString,
        deadline: Deadline,
    ) -> RotationResult<()> {
        let revoked = self.tokens().revoke(place, token, deadline).await;
        // CXone tokens are left to expire.
        if place.platform() == PlatformName::GenesysCloud {
            self.counters.add_result(config, Action::Revoke, Counted::Revoked, &revoked);
        }
        revoked
    }

    /// Revokes a token, and waits until the platform rejects it.
    ///
    /// # Errors
    /// The platform could not be reached or refused, or still accepts the token.
    pub(crate) async fn end(
        &self,
        config: &str,
        place: &Place,
        token: &SecretString,
        deadline: Deadline,
    ) -> RotationResult<()> {
        self.revoke(config, place, token, deadline).await?;
        self.tokens().await_rejection(place, token, deadline).await
    }

    /// Checks that a token is valid and belongs to one of these clients.
    ///
    /// # Errors
    /// `TokenRejected`, `TokenOwnerMismatch`, or another error of the platform.
    pub(crate) async fn check_owner(
        &self,
        owners: &[Credentials],
        token: &SecretString,
        deadline: Deadline,
    ) -> RotationResult<()> {
        let mut checked = Ok(());
        for owner in owners {
            checked = self.tokens().verify(owner, token, &[], deadline).await;
            if !checked.as_ref().is_err_and(|error| error.kind() == ErrorKind::TokenOwnerMismatch) {
                break;
            }
        }
        checked
    }

    /// Revokes a token that an earlier operation stored. A failure is logged.
    pub(crate) async fn discard(&self, config: &Config, token: &SecretString, deadline: Deadline) {
        self.tokens().discard(&config.credentials(), token, deadline).await;
    }

    /// The API that accepts a token; `None` where the platform cannot be asked in time. The token is still valid.
    pub(crate) async fn api_url(&self, place: &Place, token: &Token) -> Option<String> {
        let place = place.clone().in_tenant(token.tenant_id.as_deref());
        let asked = tokio::time::timeout(DISCOVERY, self.platforms.api_url(&place, &token.access_token)).await;
        let url = asked.ok()?;
        url.inspect_err(|error| tracing::warn!("the token is returned without api_url: {}", error.chain())).ok()
    }
}

fn expired_early() -> RotationError {
    RotationError::new(ErrorKind::PlatformUnavailable, "the new token expired during its validation")
        .with_hint("increase the OAuth client's token duration (Admin > Integrations > OAuth)")
}
