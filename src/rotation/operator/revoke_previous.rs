//! Revocation of the tokens that readers had before a rotation.

use jiff::Timestamp;

use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::SecretId;
use crate::secret::{SecretString, same};

/// The current document at the time of the read, and the previous one if the store keeps it.
#[derive(Clone, Debug)]
pub struct PreviousTokens {
    current: Document,
    previous: Option<Document>,
}

/// The result of revoking previous tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// They are revoked.
    Revoked,
    /// There were none.
    NothingToRevoke,
    /// The platform offers no revocation; the time is the latest known expiry.
    NotOffered(Option<Timestamp>),
}

impl PreviousTokens {
    /// Whether a rotation wrote the current document.
    pub fn is_rotated(&self) -> bool {
        self.current.is_rotated()
    }

    /// When the current token was issued.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.current.issued_at()
    }

    /// The documents whose tokens are revoked once another version is current.
    fn replaced(&self) -> impl Iterator<Item = &Document> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Reads the current and the previous document, before a rotation replaces them.
    ///
    /// # Errors
    /// The secret cannot be read; `DocumentInvalid` if it holds no document.
    pub async fn previous_tokens(&self, secret: &SecretId, deadline: Deadline) -> Result<PreviousTokens> {
        let previous = self.read("read the previous version", secret, VersionSelector::Previous, deadline);
        let ((_, current), previous) = tokio::try_join!(self.read_current(secret, deadline), previous)?;
        // A previous value that is not a document holds no token.
        let previous = previous.and_then(|value| Document::parse(&value).ok());
        Ok(PreviousTokens { current, previous })
    }

    /// Revokes the tokens that readers had before another version was promoted, after checking that readers get
    /// another token. An expired or revoked token counts as revoked.
    ///
    /// # Errors
    /// `StoreConflict` if readers still get the previous token; the revocation failed.
    pub async fn revoke_replaced(
        &self,
        secret: &SecretId,
        previous: &PreviousTokens,
        deadline: Deadline,
    ) -> Result<Revocation> {
        let current = previous.current.access_token()?;
        let check = || self.check_replaced(secret, current.as_ref());
        let kept = self.retries.run("check that readers get the new token", deadline, check).await?;
        self.revoke_all(previous.replaced(), kept.as_ref(), deadline).await
    }

    /// Revokes the token of the previous version. The current one stays valid.
    ///
    /// # Errors
    /// The revocation failed.
    pub async fn revoke_previous(&self, previous: &PreviousTokens, deadline: Deadline) -> Result<Revocation> {
        let kept = previous.current.access_token()?;
        self.revoke_all(previous.previous.iter(), kept.as_ref(), deadline).await
    }

    /// Returns the current token, which must differ from the previous one.
    async fn check_replaced(&self, secret: &SecretId, previous: Option<&SecretString>) -> Result<Option<SecretString>> {
        let current = match self.store.read(secret, VersionSelector::Current).await? {
            Some(stored) => Document::parse(&stored.text)?.access_token()?,
            None => None,
        };
        match (&current, previous) {
            (Some(current), Some(previous)) if same(current, previous) => {
                let message = format!("readers of the secret {secret} still get the previous token");
                Err(RotationError::new(ErrorKind::StoreConflict, message)
                    .with_hint("rotate again: the token that readers get is not revoked"))
            }
            _ => Ok(current),
        }
    }

    async fn revoke_all(
        &self,
        documents: impl Iterator<Item = &Document>,
        kept: Option<&SecretString>,
        deadline: Deadline,
    ) -> Result<Revocation> {
        let mut revocation = Revocation::NothingToRevoke;
        for document in documents {
            let Some(token) = document.access_token()? else { continue };
            if kept.is_some_and(|kept| same(kept, &token)) {
                continue;
            }
            let place = self.place_of_document(document, deadline).await?;
            if place.platform() == PlatformName::Cxone {
                revocation = revocation.or_until(document.expires_at(), self.clock.now());
                continue;
            }
            self.tokens().revoke(&place, &token, deadline).await?;
            revocation = Revocation::Revoked;
        }
        Ok(revocation)
    }
}

impl Revocation {
    /// Adds a token that stays valid until `expires_at`, unless it has expired.
    fn or_until(self, expires_at: Option<Timestamp>, now: Timestamp) -> Self {
        match (self, expires_at) {
            (this, Some(end)) if end <= now => this,
            (Self::NotOffered(latest), end) => Self::NotOffered(latest.max(end)),
            (_, end) => Self::NotOffered(end),
        }
    }
}
