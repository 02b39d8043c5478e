//! The tokens that readers had before a rotation, and ending them once nobody gets them any more.

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

/// What a secret held when it was looked at: what readers read, and what they read before, where the store keeps that.
#[derive(Clone, Debug)]
pub struct Former {
    current: Document,
    previous: Option<Document>,
}

/// What became of the tokens that readers had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// They are dead.
    Revoked,
    /// There were none.
    NothingToRevoke,
    /// The platform knows no way to end them; the last of them lives until then, where that is known.
    NotOffered(Option<Timestamp>),
}

impl Former {
    /// Whether a rotation wrote what readers read.
    pub fn is_rotated(&self) -> bool {
        self.current.is_rotated()
    }

    /// When the token was issued that readers read.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.current.issued_at()
    }

    /// The documents whose tokens end once another version is current.
    fn replaced(&self) -> impl Iterator<Item = &Document> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Looks at what readers read now, before it is replaced.
    ///
    /// # Errors
    /// Whatever keeps the secret from being read; `DocumentInvalid` where it holds no document.
    pub async fn former(&self, secret: &SecretId, deadline: Deadline) -> Result<Former> {
        let previous = self.read("read the previous version", secret, VersionSelector::Previous, deadline);
        let ((_, current), previous) = tokio::try_join!(self.read_current(secret, deadline), previous)?;
        // What was there before the first document is nobody's token.
        let previous = previous.and_then(|value| Document::parse(&value).ok());
        Ok(Former { current, previous })
    }

    /// Ends the tokens that readers had, after another version was promoted. It is looked first that readers get
    /// another one by now. A token that is dead already counts as revoked.
    ///
    /// # Errors
    /// `StoreConflict` where readers still get the former token, and whatever keeps it from being revoked.
    pub async fn revoke_former(&self, secret: &SecretId, former: &Former, deadline: Deadline) -> Result<Revocation> {
        let current = former.current.access_token()?;
        let see = || self.see_replaced(secret, current.as_ref());
        let kept = self.retries.run("see that readers get the new token", deadline, see).await?;
        self.revoke_all(former.replaced(), kept.as_ref(), deadline).await
    }

    /// Ends the token of the version before the one that readers read, which stays as it is.
    ///
    /// # Errors
    /// Whatever keeps it from being revoked.
    pub async fn revoke_previous(&self, former: &Former, deadline: Deadline) -> Result<Revocation> {
        let kept = former.current.access_token()?;
        self.revoke_all(former.previous.iter(), kept.as_ref(), deadline).await
    }

    /// The token that readers get, which is not the former one any more.
    async fn see_replaced(&self, secret: &SecretId, former: Option<&SecretString>) -> Result<Option<SecretString>> {
        let current = match self.store.read(secret, VersionSelector::Current).await? {
            Some(stored) => Document::parse(&stored.text)?.access_token()?,
            None => None,
        };
        match (&current, former) {
            (Some(current), Some(former)) if same(current, former) => {
                let message = format!("readers of the secret {secret} still get the former token");
                Err(RotationError::new(ErrorKind::StoreConflict, message)
                    .with_hint("it is not revoked as long as it is the one to read: rotate again"))
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
    /// Another token that lives on until then, unless it has expired.
    fn or_until(self, expires_at: Option<Timestamp>, now: Timestamp) -> Self {
        match (self, expires_at) {
            (this, Some(end)) if end <= now => this,
            (Self::NotOffered(former), end) => Self::NotOffered(former.max(end)),
            (_, end) => Self::NotOffered(end),
        }
    }
}
