//! The current token of a secret, for calls to the platform.

use jiff::Timestamp;

use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::document::credentials::CredentialSource;
use crate::rotation::document::fields::Document;
use crate::rotation::document::names::CREDENTIALS;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::tokens::rollback::Rollback;
use crate::rotation::version::labels::{Description, SecretId};
use crate::secret::SecretString;

/// The token that readers of a secret get.
#[derive(Clone, Debug)]
pub struct CurrentToken {
    /// The token.
    pub access_token: SecretString,
    /// Its type as the platform spells it; `None` if the document does not say.
    pub token_type: Option<String>,
    /// When it expires; `None` if the document does not say.
    pub expires_at: Option<Timestamp>,
    secret: SecretId,
    document: Document,
}

/// A token that is stored nowhere. Drop it and call [`Rotator::roll_back`] to revoke it.
#[derive(Debug)]
pub struct SpareToken {
    /// The token.
    pub access_token: SecretString,
    _guard: Rollback,
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Returns the token that readers of a secret get. Reads the current value alone, so that permission to read the
    /// token is enough.
    ///
    /// # Errors
    /// `DocumentInvalid` if there is no token yet; the value cannot be read.
    pub async fn current_token(&self, secret: &SecretId, deadline: Deadline) -> Result<CurrentToken> {
        let document = self.current_document(secret, deadline).await?;
        let access_token = document.access_token()?.ok_or_else(|| no_token(secret))?;
        let (token_type, expires_at) = (document.token_type(), document.expires_at());
        Ok(CurrentToken { access_token, token_type, expires_at, secret: secret.clone(), document })
    }

    /// Reads the current document, without a description of the secret.
    pub(crate) async fn current_document(&self, secret: &SecretId, deadline: Deadline) -> Result<Document> {
        match self.read("read the secret", secret, VersionSelector::Current, deadline).await? {
            Some(value) => Document::parse(&value),
            None => Err(self.why_nothing_is_current(secret, deadline).await),
        }
    }

    /// Issues another token of the same kind with the secret's credentials. The secret is unchanged.
    ///
    /// # Errors
    /// The exchange failed, or the credentials cannot be read.
    pub async fn issue_spare(&self, current: &CurrentToken, deadline: Deadline) -> Result<SpareToken> {
        let document = &current.document;
        let credentials = match document.credential_source()? {
            CredentialSource::Inline(_) => document.credentials()?,
            CredentialSource::Elsewhere(name) => {
                let named = self.named_credentials(document, CREDENTIALS, &name, deadline).await?;
                if named.restricts_use() {
                    let describe = || self.store.describe(&current.secret);
                    named.permit_use(&self.retries.run("describe the secret", deadline, describe).await?)?;
                }
                named.credentials
            }
        };
        let kind = document.token_kind()?;
        let tokens = self.tokens();
        let issued = tokens.settle(deadline, tokens.issue(&credentials, &kind, deadline)).await?;
        Ok(SpareToken { access_token: issued.token.access_token, _guard: issued.guard })
    }

    /// Returns the place where a token is valid. If the document names it, the credentials need not be readable.
    ///
    /// # Errors
    /// `DocumentInvalid` if neither document names it; the credentials cannot be read.
    pub async fn place_of(&self, current: &CurrentToken, deadline: Deadline) -> Result<Place> {
        self.place_of_document(&current.document, deadline).await
    }

    /// Returns the place where a document's token is valid.
    pub(crate) async fn place_of_document(&self, document: &Document, deadline: Deadline) -> Result<Place> {
        let place = document.place();
        if place.as_ref().is_ok_and(|place| !place.name().is_empty()) {
            return place;
        }
        match document.credential_source()? {
            CredentialSource::Elsewhere(name) => {
                let found = self.named_credentials(document, CREDENTIALS, &name, deadline).await;
                let place = found.map_err(|error| without_credentials(error, document))?.credentials.place();
                Ok(place.in_tenant(document.token_tenant_id().as_deref()))
            }
            CredentialSource::Inline(_) => Ok(place.and_then(|_| document.credentials())?.place()),
        }
    }

    /// Reads a secret's description and its current document.
    pub(crate) async fn read_current(&self, secret: &SecretId, deadline: Deadline) -> Result<(Description, Document)> {
        let read = || async {
            tokio::try_join!(self.store.describe(secret), self.store.read(secret, VersionSelector::Current))
        };
        let (described, value) = self.retries.run("read the secret", deadline, read).await?;
        let value = value.ok_or_else(|| nothing_current(&described.name))?;
        Ok((described, Document::parse(&value.text)?))
    }

    /// Secrets Manager has one answer for a missing secret and for one without a value. A description tells them apart.
    async fn why_nothing_is_current(&self, secret: &SecretId, deadline: Deadline) -> RotationError {
        match self.retries.run("describe the secret", deadline, || self.store.describe(secret)).await {
            Err(error) if error.kind() == ErrorKind::SecretNotFound => error,
            Ok(described) => nothing_current(&described.name),
            Err(_) => {
                let message = format!("the secret {secret} does not exist or has no current value");
                RotationError::new(ErrorKind::SecretNotFound, message)
            }
        }
    }
}

/// A reader of the token does not need permission to read the credentials.
fn without_credentials(error: RotationError, document: &Document) -> RotationError {
    if error.kind() != ErrorKind::StoreDenied {
        return error;
    }
    let field = match document.platform().ok().and_then(|name| PlatformName::parse(&name).ok()) {
        Some(PlatformName::Cxone) => "issuer, area or realm",
        _ => "region",
    };
    error.with_hint(format!(
        "add {field} to the secret that holds the token: its readers then need no access to the credentials"
    ))
}

fn nothing_current(name: &str) -> RotationError {
    RotationError::new(ErrorKind::NoCurrentVersion, format!("the secret {name} has no current value"))
}

fn no_token(secret: &SecretId) -> RotationError {
    let message = format!("the secret {secret} holds no token yet");
    RotationError::new(ErrorKind::DocumentInvalid, message)
        .with_hint("rotate it first: `genesys-rotator rotate SECRET`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_without_access_to_the_credentials_learns_which_fields_name_the_place() {
        let hint = |kind, document: &str| {
            let document = Document::parse(&document.into()).expect("a document");
            without_credentials(RotationError::new(kind, "no"), &document).hint().to_owned()
        };
        let denied = ErrorKind::StoreDenied;
        assert!(
            hint(denied, r#"{"platform": "nice-cxone", "credentials": "c"}"#).contains("add issuer, area or realm")
        );
        assert!(hint(denied, r#"{"credentials": "c"}"#).contains("add region"));
        let other = ErrorKind::StoreUnavailable;
        assert_eq!(hint(other, r#"{"credentials": "c"}"#), other.hint());
    }
}
