//! The credential of a static role, as it was promoted.

use super::answer::Token;
use super::entries::Entries;
use super::schedule::Age;
use super::static_role::{CREDENTIALS, StoredVersion, key};
use crate::rotation::{Credentials, Document, Result};
use crate::secret::SecretString;
use crate::vault_plugin::transport::Failure;

/// A credential, and what it was made with.
pub(super) struct StaticCredential {
    version: String,
    document: Document,
    pub(super) token: Token,
}

impl StaticCredential {
    /// The credential that readers of a role get, if there is one.
    ///
    /// # Errors
    /// What the host says, or that the entry is damaged.
    pub(super) async fn of_role(entries: &Entries, name: &str) -> std::result::Result<Option<Self>, Failure> {
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
    pub(super) fn follows_from(&self, settings: &Document) -> bool {
        self.document.same_but_for_token(settings)
    }

    /// Where the token is good: a platform and a region.
    ///
    /// # Errors
    /// `DocumentInvalid`, never for what was written here.
    pub(super) fn place(&self) -> Result<(String, String)> {
        place(&self.document)
    }

    pub(super) fn age(&self) -> Age<'_> {
        Age { version: &self.version, issued_at: self.token.issued_at, expires_at: self.token.expires_at }
    }
}

/// A document's token, and what a platform needs to know to end it: a token proves itself.
pub(super) fn revocable(document: &Document) -> Result<Option<(Credentials, SecretString)>> {
    let Some(token) = document.access_token()? else { return Ok(None) };
    let (platform, region) = place(document)?;
    let credentials =
        Credentials { platform, region, client_id: String::new(), client_secret: SecretString::default() };
    Ok(Some((credentials, token)))
}

fn place(document: &Document) -> Result<(String, String)> {
    Ok((document.platform()?, document.region()?.unwrap_or_default()))
}

fn token_in(document: &Document) -> Option<Token> {
    Some(Token {
        access_token: document.access_token().ok()??,
        token_type: document.token_type()?,
        issued_at: document.issued_at()?,
        expires_at: document.expires_at()?,
    })
}
