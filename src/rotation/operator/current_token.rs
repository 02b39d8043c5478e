//! The token that a secret holds, for whoever calls the platform with it.

use jiff::Timestamp;

use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::document::credentials::CredentialSource;
use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::exchange::{Made, SpareToken};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{Description, SecretId};
use crate::secret::SecretString;

/// The token that readers of a secret get.
#[derive(Clone, Debug)]
pub struct HeldToken {
    /// The token.
    pub access_token: SecretString,
    /// Its type as the platform spelt it; `None` where that is not written.
    pub token_type: Option<String>,
    /// When it expires; `None` where that is not written or not readable.
    pub expires_at: Option<Timestamp>,
    document: Document,
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// The token that readers of a secret get. Nothing but the current value is read, so that whoever may read
    /// the token, and may do nothing else, can.
    ///
    /// # Errors
    /// `DocumentInvalid` where there is no token yet, and whatever keeps the value from being read.
    pub async fn held_token(&self, secret: &SecretId, deadline: Deadline) -> Result<HeldToken> {
        let read = self.read("read the secret", secret, VersionSelector::Current, deadline);
        let Some(value) = read.await? else {
            return Err(self.why_nothing_is_current(secret, deadline).await);
        };
        let document = Document::parse(&value)?;
        let access_token = document.access_token()?.ok_or_else(|| no_token(secret))?;
        let (token_type, expires_at) = (document.token_type(), document.expires_at());
        Ok(HeldToken { access_token, token_type, expires_at, document })
    }

    /// Makes another token of the same kind with the secret's credentials. The secret stays as it is.
    ///
    /// # Errors
    /// Whatever the exchange failed with, or kept the credentials from being read.
    pub async fn make_spare(&self, held: &HeldToken, deadline: Deadline) -> Result<SpareToken> {
        let credentials = match held.document.credential_source()? {
            CredentialSource::Inline(_) => held.document.credentials()?,
            CredentialSource::Elsewhere(name) => self.credentials_elsewhere(&held.document, &name, deadline).await?,
        };
        let kind = held.document.token_kind()?;
        let Made { token, first, .. } = self.tokens().make(&credentials, &kind, deadline).await?;
        if let Some(first) = first {
            self.tokens().discard(&credentials, &first, deadline).await;
        }
        Ok(SpareToken { access_token: token.access_token, credentials })
    }

    /// Where a token is good. Where the document itself says it, the credentials need not be readable.
    ///
    /// # Errors
    /// `DocumentInvalid` where it is said nowhere, and whatever keeps the credentials from being read where they
    /// would say it.
    pub async fn place_of(&self, held: &HeldToken, deadline: Deadline) -> Result<Place> {
        self.place_of_document(&held.document, deadline).await
    }

    /// The same for the token of any document.
    pub(crate) async fn place_of_document(&self, document: &Document, deadline: Deadline) -> Result<Place> {
        let told = document.place();
        if told.as_ref().is_ok_and(|place| !place.name().is_empty()) {
            return told;
        }
        match document.credential_source()? {
            // Another secret may say it.
            CredentialSource::Elsewhere(name) => {
                let found = self.credentials_elsewhere(document, &name, deadline).await;
                Ok(found.map_err(|error| without_credentials(error, document))?.place())
            }
            CredentialSource::Inline(_) => Ok(told.and_then(|_| document.credentials())?.place()),
        }
    }

    /// A secret's description and its current document.
    pub(crate) async fn read_current(&self, secret: &SecretId, deadline: Deadline) -> Result<(Description, Document)> {
        let read = || async {
            tokio::try_join!(self.store.describe(secret), self.store.read(secret, VersionSelector::Current))
        };
        let (described, value) = self.retries.run("read the secret", deadline, read).await?;
        let value = value.ok_or_else(|| nothing_current(&described.name))?;
        Ok((described, Document::parse(&value.text)?))
    }

    /// Secrets Manager has one answer for a secret that is not there and for one without a value. Whoever may describe
    /// the secret is told which.
    async fn why_nothing_is_current(&self, secret: &SecretId, deadline: Deadline) -> RotationError {
        match self.retries.run("describe the secret", deadline, || self.store.describe(secret)).await {
            Err(error) if error.kind() == ErrorKind::SecretNotFound => error,
            Ok(described) => nothing_current(&described.name),
            Err(_) => {
                let message = format!("the secret {secret} is not there, or has no current value");
                RotationError::new(ErrorKind::SecretNotFound, message)
            }
        }
    }
}

/// Whoever reads the token alone should not be told to get leave to read the credentials.
fn without_credentials(error: RotationError, document: &Document) -> RotationError {
    if error.kind() != ErrorKind::StoreDenied {
        return error;
    }
    let field = match document.platform().ok().and_then(|name| PlatformName::parse(&name).ok()) {
        Some(PlatformName::Cxone) => "issuer, area or realm",
        _ => "region",
    };
    error.with_hint(format!(
        "write {field} into the secret that holds the token: its readers need not read the one with the credentials then"
    ))
}

fn nothing_current(name: &str) -> RotationError {
    RotationError::new(ErrorKind::NoCurrentVersion, format!("the secret {name} has no current value"))
}

fn no_token(secret: &SecretId) -> RotationError {
    let message = format!("the secret {secret} holds no token yet");
    RotationError::new(ErrorKind::DocumentInvalid, message)
        .with_hint("rotate it first: `genesys-rotator rotate SECRET` makes one")
}
