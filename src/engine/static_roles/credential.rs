//! The credential of a static role, as it was promoted.

use super::role::{CREDENTIALS, StoredVersion, key};
use super::schedule::Age;
use crate::engine::storage::entries::Entries;
use crate::engine::token::Token;
use crate::rotation::{Document, Place, Result, VersionId};
use crate::secret::SecretString;
use openbao_plugin::Failure;

/// A credential, and what it was made with.
pub(crate) struct StaticCredential {
    version: VersionId,
    document: Document,
    pub(crate) token: Token,
}

impl StaticCredential {
    /// The credential that readers of a role get, if there is one.
    ///
    /// # Errors
    /// What the host says, or that the entry is damaged.
    pub(crate) async fn of_role(entries: &Entries, name: &str) -> std::result::Result<Option<Self>, Failure> {
        let key = key(CREDENTIALS, name);
        let Some(stored) = entries.get::<StoredVersion>(&key).await? else { return Ok(None) };
        let damaged = || {
            let hint = "delete the role, and write it again";
            Failure::internal(format!("what is stored under {key} is damaged\nhint: {hint}"))
        };
        let document = stored.parse().map_err(|_| damaged())?;
        let token = token_in(&document).ok_or_else(damaged)?;
        Ok(Some(Self { version: stored.version, document, token }))
    }

    /// Whether it was made with these settings.
    pub(crate) fn follows_from(&self, settings: &Document) -> bool {
        self.document.follows_from(settings)
    }

    /// Where the token is good.
    ///
    /// # Errors
    /// `DocumentInvalid`, never for what was written here.
    pub(crate) fn place(&self) -> Result<Place> {
        self.document.place()
    }

    pub(crate) fn age(&self) -> Age<'_> {
        Age { version: self.version.as_str(), issued_at: self.token.issued_at, expires_at: self.token.expires_at }
    }
}

/// A document's token, and what a platform needs to know to end it: a token proves itself.
pub(crate) fn revocable(document: &Document) -> Result<Option<(Place, SecretString)>> {
    let Some(token) = document.access_token()? else { return Ok(None) };
    Ok(Some((document.place()?, token)))
}

fn token_in(document: &Document) -> Option<Token> {
    Some(Token {
        access_token: document.access_token().ok()??,
        token_type: document.token_type()?,
        issued_at: document.issued_at()?,
        expires_at: document.expires_at()?,
    })
}
