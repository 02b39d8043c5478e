//! What the steps work with, and what several of them need.

use super::credentials::keys::Credentials;
use super::credentials::platform_name::PlatformName;
use super::document::credentials::CredentialSource;
use super::document::fields::Document;
use super::error::{ErrorKind, Result, RotationError};
use super::ports::clock::Clock;
use super::ports::store::VersionSelector;
use super::ports::{RotationPlatform, RotationStore};
use super::step::{Step, StepReport, StepRequest};
use super::tokens::exchange::{SpareToken, Tokens};
use super::tokens::rate_limit::RateLimiter;
use super::tokens::retry::{Deadline, RetryPolicy};
use super::version::labels::{Description, SecretId, VersionId};
use super::version::preflight::{Readiness, preflight};
use crate::secret::{SecretString, same};

/// Rotates secrets of one store with tokens of one issuer.
#[derive(Clone, Debug)]
pub struct Rotator<S, I, C> {
    /// Where the secrets are.
    pub store: S,
    /// Where the tokens come from.
    pub issuer: I,
    /// What time it is.
    pub clock: C,
    /// How patient it is.
    pub retries: RetryPolicy,
    /// Bounds token requests per client, if several rotations share it.
    pub limiter: Option<RateLimiter>,
}

impl<S, I, C> Rotator<S, I, C> {
    /// A rotator with the default retries and without a rate limiter.
    pub fn new(store: S, issuer: I, clock: C) -> Self {
        Self { store, issuer, clock, retries: RetryPolicy::default(), limiter: None }
    }

    /// Sets the retry policy.
    #[must_use]
    pub fn with_retries(self, retries: RetryPolicy) -> Self {
        Self { retries, ..self }
    }

    /// Sets the rate limiter.
    #[must_use]
    pub fn with_limiter(self, limiter: RateLimiter) -> Self {
        Self { limiter: Some(limiter), ..self }
    }
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Carries one step out. A step that was carried out before has the same result again.
    ///
    /// # Errors
    /// Whatever stopped the step; nothing was promoted then.
    pub async fn step(&self, step: Step, request: &StepRequest, deadline: Deadline) -> Result<StepReport> {
        match step {
            // Boxed: four nested state machines of this size in one are more than the compiler follows.
            Step::Create => Box::pin(self.create(request, deadline)).await,
            Step::Set => Box::pin(self.set(request, deadline)).await,
            Step::Test => Box::pin(self.test(request, deadline)).await,
            Step::Finish => Box::pin(self.finish(request, deadline)).await,
        }
    }

    /// The part that needs no store.
    pub(crate) fn tokens(&self) -> Tokens<'_, I, C> {
        Tokens { issuer: &self.issuer, clock: &self.clock, retries: self.retries, limiter: self.limiter.as_ref() }
    }

    /// Reads a version's value.
    pub(crate) async fn read(
        &self,
        what: &str,
        secret: &SecretId,
        selector: VersionSelector<'_>,
        deadline: Deadline,
    ) -> Result<Option<SecretString>> {
        let read = || self.store.read(secret, selector);
        Ok(self.retries.run(what, deadline, read).await?.map(|stored| stored.text))
    }

    /// Ends a spare token's life, as far as the platform can be reached.
    pub async fn discard_spare(&self, spare: &SpareToken, deadline: Deadline) {
        self.tokens().discard(&spare.credentials, &spare.access_token, deadline).await;
    }

    /// Describes the secret and looks whether the version may be worked on.
    pub(crate) async fn look(&self, secret: &SecretId, version: &VersionId) -> Result<(Description, Readiness)> {
        let description = self.store.describe(secret).await?;
        let readiness = preflight(&description, version)?;
        Ok((description, readiness))
    }

    /// The credentials that a document holds or points to.
    pub(crate) async fn credentials(
        &self,
        document: &Document,
        described: &Description,
        deadline: Deadline,
    ) -> Result<Credentials> {
        let CredentialSource::Elsewhere(name) = document.credential_source()? else { return document.credentials() };
        if described.is_named(&name) {
            let message = format!("the secret {} names itself as the place of its credentials", described.name);
            return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
                .with_hint("credentials must name another secret, one that holds client_id and client_secret"));
        }
        self.credentials_elsewhere(document, &name, deadline).await
    }

    /// The keys in another secret, for the platform and the place that either of the two names.
    pub(crate) async fn credentials_elsewhere(
        &self,
        document: &Document,
        name: &str,
        deadline: Deadline,
    ) -> Result<Credentials> {
        let secret = SecretId::new(name);
        let what = format!("read the credentials in the secret {name}");
        let value = self.read(&what, &secret, VersionSelector::Current, deadline).await?;
        let Some(value) = value else {
            let message =
                format!("the secret {name}, which should hold the credentials, does not exist or has no value");
            return Err(RotationError::new(ErrorKind::SecretNotFound, message));
        };
        let in_it = |error: RotationError| {
            let message = format!("the secret {name}, which should hold the credentials: {error}");
            RotationError::new(error.kind(), message).with_hint(error.hint().to_owned())
        };
        let other = Document::parse(&value).map_err(in_it)?;
        let platform = match document.named_platform()? {
            Some(platform) => PlatformName::parse(&platform)?,
            None => other.platform().and_then(|platform| PlatformName::parse(&platform)).map_err(in_it)?,
        };
        let CredentialSource::Inline(keys) = other.credential_source_on(platform).map_err(in_it)? else {
            let message = format!("the secret {name}, which should hold the credentials, points to yet another one");
            return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
                .with_hint("credentials must name the secret that holds client_id and client_secret itself"));
        };
        let fields = document.place_fields(platform)?.or(other.place_fields(platform).map_err(in_it)?);
        fields.with_keys(keys, name)
    }

    /// Whether readers are reading this very token.
    pub(crate) async fn is_current_token(
        &self,
        request: &StepRequest,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<bool> {
        let current = self.read("read the current version", &request.secret, VersionSelector::Current, deadline);
        let Some(current) = current.await? else {
            return Ok(false);
        };
        // Whatever cannot be read as a document holds no such token.
        let current = Document::parse(&current).and_then(|document| document.access_token()).ok().flatten();
        Ok(current.is_some_and(|current| same(&current, token)))
    }
}
