//! The token that a secret holds, for whoever calls the platform with it.

use super::clock::Clock;
use super::credential_source::CredentialSource;
use super::credentials::Credentials;
use super::document::Document;
use super::error::{ErrorKind, Result, RotationError};
use super::issuer::TokenIssuer;
use super::place::Place;
use super::retry::Deadline;
use super::rotator::Rotator;
use super::store::{SecretStore, Wanted};
use super::tokens::Made;
use super::version::{Description, SecretId};
use crate::secret::SecretString;

/// The token that readers of a secret get, and where it is good.
#[derive(Clone, Debug)]
pub struct HeldToken {
    /// Where it is good.
    pub place: Place,
    /// The token.
    pub access_token: SecretString,
    document: Document,
    described: Description,
}

/// A token that was made beside the one that a secret holds. It is stored nowhere, so whoever asked for it revokes it.
#[derive(Clone, Debug)]
pub struct SpareToken {
    /// The token.
    pub access_token: SecretString,
    pub(super) credentials: Credentials,
}

impl<S: SecretStore, I: TokenIssuer, C: Clock> Rotator<S, I, C> {
    /// The token that readers of a secret get. Where the document itself says where it is good, the credentials
    /// need not be readable.
    ///
    /// # Errors
    /// `DocumentInvalid` where there is no token yet, and whatever keeps the secret from being read.
    pub async fn held_token(&self, secret: &SecretId, deadline: Deadline) -> Result<HeldToken> {
        let (described, document) = self.read_current(secret, deadline).await?;
        let access_token = document.access_token()?.ok_or_else(|| no_token(&described))?;
        let place = self.place_of(&document, &described, deadline).await?;
        Ok(HeldToken { place, access_token, document, described })
    }

    /// Makes another token of the same kind with the secret's credentials. The secret stays as it is.
    ///
    /// # Errors
    /// Whatever the exchange failed with, or kept the credentials from being read.
    pub async fn make_spare(&self, held: &HeldToken, deadline: Deadline) -> Result<SpareToken> {
        let credentials = self.credentials(&held.document, &held.described, deadline).await?;
        let kind = held.document.token_kind()?;
        let Made { token, first, .. } = self.tokens().make(&credentials, &kind, deadline).await?;
        if let Some(first) = first {
            self.tokens().discard(&credentials, &first, deadline).await;
        }
        Ok(SpareToken { access_token: token.access_token, credentials })
    }

    /// Ends a spare token's life, as far as the platform can be reached.
    pub async fn discard_spare(&self, spare: &SpareToken, deadline: Deadline) {
        self.tokens().discard(&spare.credentials, &spare.access_token, deadline).await;
    }

    /// Where a document's token is good.
    pub(super) async fn place_of(
        &self,
        document: &Document,
        described: &Description,
        deadline: Deadline,
    ) -> Result<Place> {
        match document.place() {
            Ok(place) if !place.name().is_empty() => Ok(place),
            // Another secret may say it.
            told => match document.credential_source()? {
                CredentialSource::Elsewhere(_) => Ok(self.credentials(document, described, deadline).await?.place()),
                CredentialSource::Inline(_) => told.and_then(|_| Ok(document.credentials()?.place())),
            },
        }
    }

    /// A secret's description and its current document.
    pub(super) async fn read_current(&self, secret: &SecretId, deadline: Deadline) -> Result<(Description, Document)> {
        let read = || async { tokio::try_join!(self.store.describe(secret), self.store.read(secret, Wanted::Current)) };
        let (described, value) = self.retries.run("read the secret", deadline, read).await?;
        let value = value.ok_or_else(|| {
            let message = format!("the secret {} has no current value", described.name);
            RotationError::new(ErrorKind::NoCurrentVersion, message)
        })?;
        Ok((described, Document::parse(&value)?))
    }
}

fn no_token(described: &Description) -> RotationError {
    let message = format!("the secret {} holds no token yet", described.name);
    RotationError::new(ErrorKind::DocumentInvalid, message)
        .with_hint("rotate it first: `genesys-rotator rotate SECRET` makes one")
}
