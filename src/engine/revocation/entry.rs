//! A revocation that is owed, as it is stored: written before the engine deletes its copy of the token.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::minting::Minting;
use crate::engine::storage::entries::Entries;
use crate::engine::storage::stored_secret;
use crate::rotation::{Deadline, Place, PlatformName, RotationError, VersionId};
use crate::secret::{SecretString, same};
use openbao_plugin::Failure;

/// The prefix of the storage keys.
pub(crate) const PREFIX: &str = "revocation/";

/// A token that must be revoked, as it is stored.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct OwedRevocation {
    /// What asks for it: the path of a request, such as `rotate-role/ci`, or an event.
    pub(crate) asked_by: String,
    /// The config whose client issued the token; empty where it is not known.
    pub(crate) config: String,
    #[serde(flatten)]
    pub(super) place: Place,
    #[serde(with = "stored_secret")]
    pub(super) token: SecretString,
    /// `None` where the engine does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<Timestamp>,
    /// When a request asked for it; `None` for an event, and in entries of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) asked_at: Option<Timestamp>,
}

impl OwedRevocation {
    pub(crate) fn new(
        (asked_by, config): (&str, &str),
        place: Place,
        token: SecretString,
        expires_at: Option<Timestamp>,
    ) -> Self {
        let (asked_by, config) = (asked_by.to_owned(), config.to_owned());
        Self { asked_by, config, place, token, expires_at, asked_at: None }
    }

    /// Whether the platform can revoke the token: tokens of NICE CXone are left to expire.
    pub(crate) fn is_possible(&self) -> bool {
        self.place.platform() == PlatformName::GenesysCloud
    }

    /// The revocations that are owed, by key. A damaged entry is skipped; `tidy` reports it.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn all(entries: &Entries) -> Result<Vec<(String, Self)>, Failure> {
        let mut all = Vec::new();
        for name in entries.list(PREFIX).await? {
            let key = format!("{PREFIX}{name}");
            match entries.get::<Self>(&key).await {
                Ok(owed) => all.extend(owed.map(|owed| (key, owed))),
                Err(Failure::Internal(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(all)
    }

    /// Stores it, unless it is stored already. Returns its key.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn store(&self, entries: &Entries) -> Result<String, Failure> {
        let is_same = |owed: &Self| owed.asked_by == self.asked_by && same(&owed.token, &self.token);
        if let Some((key, _)) = Self::all(entries).await?.into_iter().find(|(_, owed)| is_same(owed)) {
            return Ok(key);
        }
        let key = format!("{PREFIX}{}", VersionId::random().as_str());
        entries.put(&key, self).await?;
        Ok(key)
    }

    /// Stores it, and then deletes the entry that holds the token. Returns its key; `None` for a token of NICE CXone.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn replace_copy(&self, copy: &str, entries: &Entries) -> Result<Option<String>, Failure> {
        let key = if self.is_possible() { Some(self.store(entries).await?) } else { None };
        entries.delete(copy).await?;
        Ok(key)
    }

    /// Deletes the entry that holds the token, and revokes the token. Returns why that failed: the background task
    /// retries it then.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn end_copy(
        &self,
        copy: &str,
        (entries, minting): (&Entries, &Minting),
        deadline: Deadline,
    ) -> Result<Option<RotationError>, Failure> {
        let Some(key) = self.replace_copy(copy, entries).await? else { return Ok(None) };
        match minting.revoke(&self.config, &self.place, &self.token, deadline).await {
            Ok(()) => entries.delete(&key).await.map(|()| None),
            Err(error) => Ok(Some(error)),
        }
    }
}

/// The warning after [`OwedRevocation::end_copy`]; logs it, too.
pub(crate) fn warn_of_delay(what: &str, error: &RotationError) -> String {
    let kind = error.kind().name();
    tracing::warn!(error.r#type = kind, "{what} could not be revoked, and the engine retries: {}", error.chain());
    format!(
        "{what} could not be revoked; it is revoked in the background as soon as the platform allows it: {kind}: {error}"
    )
}
