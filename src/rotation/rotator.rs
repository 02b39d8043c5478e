//! A store, a platform and a clock, and the reads that steps and operations share.

use std::path::PathBuf;

use super::credentials::adoption::Adoption;
use super::credentials::keys::Credentials;
use super::credentials::platform_name::PlatformName;
use super::document::credentials::CredentialSource;
use super::document::fields::Document;
use super::document::names::CREDENTIALS;
use super::error::{ErrorKind, Result, RotationError};
use super::ports::clock::Clock;
use super::ports::store::VersionSelector;
use super::ports::{RotationPlatform, RotationStore};
use super::tokens::exchange::Tokens;
use super::tokens::rate_limit::RateLimiter;
use super::tokens::retry::{Deadline, RetryPolicy};
use super::tokens::rollback::{Rollback, Rollbacks, Undo};
use super::version::labels::{Description, SecretId, VersionId};
use crate::secret::{SecretString, same};

/// Rotates secrets of one store with tokens of one platform.
#[derive(Clone, Debug)]
pub struct Rotator<S, I, C> {
    /// The store.
    pub store: S,
    /// The platform.
    pub issuer: I,
    /// The clock.
    pub clock: C,
    /// The retry policy.
    pub retries: RetryPolicy,
    /// Limits the token requests of each client, if several rotators share it.
    pub limiter: Option<RateLimiter>,
    /// The client whose secret may be regenerated, if its document has none.
    pub(crate) adoption: Option<Adoption>,
    pub(crate) rollbacks: Rollbacks,
}

impl<S, I, C> Rotator<S, I, C> {
    /// A rotator with the default retries and without a rate limiter.
    pub fn new(store: S, issuer: I, clock: C) -> Self {
        let (retries, rollbacks) = (RetryPolicy::default(), Rollbacks::default());
        Self { store, issuer, clock, retries, limiter: None, adoption: None, rollbacks }
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

    /// Allows rotations to regenerate the secret of a client whose document has none.
    #[must_use]
    pub fn with_adoption(self, adoption: Adoption) -> Self {
        Self { adoption: Some(adoption), ..self }
    }

    pub(crate) fn tokens(&self) -> Tokens<'_, I, C> {
        let Self { issuer, clock, retries, limiter, rollbacks, .. } = self;
        Tokens { issuer, clock, retries: *retries, limiter: limiter.as_ref(), rollbacks }
    }
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Undoes what operations created whose futures were dropped. A token or access key that an interrupted write stored,
    /// or may have stored, is kept. Returns the first failure; each one is logged.
    pub async fn roll_back(&self, deadline: Deadline) -> Option<RotationError> {
        for (guard, undo) in self.rollbacks.take_uncertain() {
            let may_be_stored = match undo.staged_as() {
                Some((secret, version)) => self.may_hold(secret, version, &undo, deadline).await.unwrap_or(true),
                None => false,
            };
            if !may_be_stored {
                self.rollbacks.schedule(undo);
            }
            Rollback::commit(guard);
        }
        self.tokens().roll_back(deadline).await
    }

    /// Whether a version may hold what the undo revokes or deletes. A rotation that joined the interrupted one may have
    /// promoted it, and reads may be stale for a moment: a version with a label but without a readable value counts as
    /// holding it.
    async fn may_hold(&self, secret: &SecretId, version: &VersionId, undo: &Undo, deadline: Deadline) -> Result<bool> {
        let pending = self.read("read the staged version", secret, VersionSelector::Pending(version), deadline).await?;
        if let Some(value) = pending {
            return Ok(is_held(&value, undo));
        }
        let describe = || self.store.describe(secret);
        let described = self.retries.run("describe the secret", deadline, describe).await?;
        let current = self.read("read the current version", secret, VersionSelector::Current, deadline).await?;
        Ok(described.labels(version).is_some() || current.is_some_and(|value| is_held(&value, undo)))
    }

    /// Reads a version's value, with retries.
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

    /// Whether `token` is the one that readers read.
    pub(crate) async fn is_current_token(
        &self,
        secret: &SecretId,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<bool> {
        let current = self.read("read the stored token", secret, VersionSelector::Current, deadline).await?;
        Ok(current.is_some_and(|value| holds_token(&value, token)))
    }

    /// Returns the credentials that a document holds, or that it refers to.
    pub(crate) async fn credentials(
        &self,
        document: &Document,
        described: &Description,
        deadline: Deadline,
    ) -> Result<Credentials> {
        let CredentialSource::Elsewhere(name) = document.credential_source()? else { return document.credentials() };
        if described.is_named(&name) {
            let message = format!("credentials of the secret {} names the secret itself", described.name);
            return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
                .with_hint("set credentials to another secret, which holds client_id and client_secret"));
        }
        let named = self.named_credentials(document, CREDENTIALS, &name, deadline).await?;
        named.permit_use(described)?;
        Ok(named.credentials)
    }

    /// Reads the keys in the secret that `field` names, for the platform and the place that either document names.
    pub(crate) async fn named_credentials(
        &self,
        document: &Document,
        field: &'static str,
        name: &str,
        deadline: Deadline,
    ) -> Result<NamedCredentials> {
        let (what, secret) = (format!("read the credentials in the secret {name}"), SecretId::new(name));
        let read = || self.store.read(&secret, VersionSelector::Current);
        let Some(value) = self.retries.run(&what, deadline, read).await? else {
            let message = format!("the secret {name}, which {field} refers to, does not exist or has no value");
            return Err(RotationError::new(ErrorKind::SecretNotFound, message));
        };
        let in_it = |error| in_secret(name, field, &error);
        let other = Document::parse(&value.text).map_err(in_it)?;
        let platform = match document.named_platform()? {
            Some(platform) => PlatformName::parse(&platform)?,
            None => other.platform().and_then(|platform| PlatformName::parse(&platform)).map_err(in_it)?,
        };
        let CredentialSource::Inline(keys) = other.credential_source_on(platform).map_err(in_it)? else {
            let message = format!("the secret {name}, which {field} refers to, refers to another secret");
            return Err(RotationError::new(ErrorKind::DocumentInvalid, message)
                .with_hint(format!("set {field} to the secret that holds client_id and client_secret")));
        };
        let fields = document.place_fields(platform)?.or(other.place_fields(platform).map_err(in_it)?);
        let credentials = fields.with_keys(keys, name)?;
        Ok(NamedCredentials { credentials, name: name.to_owned(), field, document: other, folder: value.folder })
    }
}

/// The credentials in a secret that another document names.
pub(crate) struct NamedCredentials {
    pub(crate) credentials: Credentials,
    /// The secret's name, and the field that names it.
    name: String,
    field: &'static str,
    document: Document,
    folder: Option<PathBuf>,
}

impl NamedCredentials {
    /// Checks that the secret `user` may use the credentials.
    ///
    /// # Errors
    /// `DocumentInvalid` if `used_by` does not list it.
    pub(crate) fn permit_use(&self, user: &Description) -> Result<()> {
        self.document
            .permit_use(user, self.folder.as_deref())
            .map_err(|error| in_secret(&self.name, self.field, &error))
    }

    /// Checks that the credentials may renew the secrets of clients, or the access keys of users.
    ///
    /// # Errors
    /// `DocumentInvalid` if `rotates` does not list them.
    pub(crate) fn permit_renewal(&self, ids: &[&str]) -> Result<()> {
        self.document.permit_renewal(ids).map_err(|error| in_secret(&self.name, self.field, &error))
    }

    /// Returns whether only some secrets may use the credentials.
    #[cfg(feature = "operator")]
    pub(crate) fn restricts_use(&self) -> bool {
        self.document.restricts_use()
    }
}

fn in_secret(name: &str, field: &str, error: &RotationError) -> RotationError {
    let message = format!("the secret {name}, which {field} refers to: {error}");
    RotationError::new(error.kind(), message).with_hint(error.hint().to_owned())
}

/// Whether a value is a document with the token or the access key of an undo.
fn is_held(value: &SecretString, undo: &Undo) -> bool {
    match undo {
        Undo::RevokeToken { token, .. } => holds_token(value, token),
        Undo::DeleteAccessKey { id, .. } => Document::parse(value).is_ok_and(|document| document.has_access_key(id)),
    }
}

/// Whether a value is a document with this token. A value that is not a document holds no token.
fn holds_token(value: &SecretString, token: &SecretString) -> bool {
    let stored = Document::parse(value).and_then(|document| document.access_token()).ok().flatten();
    stored.is_some_and(|stored| same(&stored, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_retry_policy_and_the_rate_limiter_are_used() {
        let retries = RetryPolicy { transient_retries: 77, ..RetryPolicy::default() };
        let rotator = Rotator::new((), (), ()).with_retries(retries).with_limiter(RateLimiter::default());
        assert_eq!(rotator.tokens().retries.transient_retries, 77);
        assert!(rotator.tokens().limiter.is_some());
    }
}
