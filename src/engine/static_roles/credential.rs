//! The current credential of a static role.

use std::sync::Arc;

use jiff::Timestamp;

use super::role::{CREDENTIALS, StaticRole, StoredVersion, key};
use crate::engine::automation::timing::{LastRotation, RotationTiming, due};
use crate::engine::revocation::entry::OwedRevocation;
use crate::engine::storage::entries::Entries;
use crate::engine::token::Token;
use crate::rotation::{Document, Place, Result, VersionId};
use openbao_plugin::Failure;

/// A credential that was promoted.
pub(crate) struct StaticCredential {
    version: VersionId,
    /// Whether it is the role's first version.
    is_first: bool,
    document: Document,
    pub(crate) token: Token,
}

impl StaticCredential {
    /// Reads a role's current credential; `None` before the first rotation.
    ///
    /// # Errors
    /// The host's error, or that the entry is damaged.
    pub(crate) async fn of_role(entries: &Entries, name: &str) -> std::result::Result<Option<Arc<Self>>, Failure> {
        let key = key(CREDENTIALS, name);
        let damaged =
            || Failure::internal(format!("the entry {key} is damaged\nhint: delete the role, and write it again"));
        let parse = |stored: StoredVersion| {
            let document = stored.parse().map_err(|_| damaged())?;
            let token = token_in(&document).ok_or_else(damaged)?;
            Ok(Self { is_first: stored.previous.is_none(), version: stored.version, document, token })
        };
        entries.parsed(&key, parse).await
    }

    /// Whether it was minted with these settings.
    pub(crate) fn follows_from(&self, settings: &Document) -> bool {
        self.document.follows_from(settings)
    }

    /// The place where the token is valid.
    ///
    /// # Errors
    /// `DocumentInvalid`; does not happen for a credential that the engine stored.
    pub(crate) fn place(&self) -> Result<Place> {
        self.document.place()
    }

    /// The rotation that made it.
    pub(crate) fn rotation(&self) -> LastRotation<'_> {
        LastRotation {
            seed: self.version.as_str(),
            is_first: self.is_first,
            at: self.token.issued_at,
            expires_at: Some(self.token.expires_at),
        }
    }
}

impl StaticRole {
    /// The time when the role is due; `None` without automated rotation. `credential` is the one that matches its settings.
    pub(crate) fn next_rotation(
        &self,
        credential: Option<&StaticCredential>,
        is_pending: bool,
        now: Timestamp,
    ) -> Option<Timestamp> {
        due(&RotationTiming {
            pace: self.plan.pace(),
            last: credential.map(StaticCredential::rotation),
            is_pending,
            failed: self.last_error.as_ref(),
            now,
        })
    }
}

/// The revocation of a version's token: the platform needs no credentials for it.
pub(crate) fn revocation(stored: &StoredVersion, asked_by: &str) -> Result<Option<OwedRevocation>> {
    let document = stored.parse()?;
    let Some(token) = document.access_token()? else { return Ok(None) };
    let config = stored.config();
    Ok(Some(OwedRevocation::new((asked_by, &config), document.place()?, token, document.expires_at())))
}

fn token_in(document: &Document) -> Option<Token> {
    Some(Token {
        access_token: document.access_token().ok()??,
        token_type: document.token_type()?,
        issued_at: document.issued_at()?,
        expires_at: document.expires_at()?,
        tenant_id: document.token_tenant_id(),
    })
}
