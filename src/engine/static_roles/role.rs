//! A static role: what is stored of it, and what of its credential.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::engine::storage::config::Config;
use crate::engine::storage::token_kind::KindOfToken;
use crate::rotation::{Document, Result, RotationError, VersionId};
use crate::secret::SecretString;
use crate::store::version_index::IndexedVersion;

/// Where the roles are stored.
pub(crate) const ROLES: &str = "static-roles/";
/// Where the credentials are stored that readers get.
pub(crate) const CREDENTIALS: &str = "static-creds/";
/// Where a credential waits until it was validated.
pub(crate) const PENDING: &str = "static-pending/";

/// Under which key a role, or what belongs to it, is stored.
pub(crate) fn key(prefix: &str, name: &str) -> String {
    format!("{prefix}{name}")
}

/// A role, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StaticRole {
    #[serde(flatten)]
    pub(crate) settings: RoleSettings,
    /// In seconds.
    pub(crate) rotation_period: u64,
    /// How the last attempt to rotate failed; `None` where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<LastError>,
}

impl StaticRole {
    pub(crate) fn period(&self) -> Duration {
        Duration::from_secs(self.rotation_period)
    }
}

/// What the credential follows from. Only a credential that was made with them is a role's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoleSettings {
    /// The name of the OAuth client's configuration.
    pub(crate) config: String,
    /// What has to work with a token before anybody gets it.
    pub(crate) probes: Vec<String>,
    /// Which kind of token.
    #[serde(flatten)]
    pub(crate) token: KindOfToken,
}

impl RoleSettings {
    /// The settings as a document of the core's, without a token. It names the client, so that a credential of
    /// another one is known when the config was changed.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid), never for what the paths let through.
    pub(crate) fn document(&self, config: &Config) -> Result<Document> {
        let mut fields = serde_json::to_value(config.place()).unwrap_or_default();
        fields["credentials"] = json!(Config::key(&self.config));
        fields["client"] = json!(config.client_id());
        fields["probes"] = json!(self.probes);
        for (name, value) in self.token.fields() {
            fields[name] = value;
        }
        Document::parse(&SecretString::from(fields.to_string()))
    }
}

/// How an attempt failed, and how many did in a row. It holds no secret, because no error does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastError {
    /// The stable name of the kind of error.
    pub(crate) r#type: String,
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) at: Timestamp,
    pub(crate) failures: u32,
}

impl LastError {
    /// One more failure after those before.
    pub(crate) fn after(before: Option<&Self>, error: &RotationError, at: Timestamp) -> Self {
        Self {
            r#type: error.kind().name().to_owned(),
            message: error.to_string(),
            hint: error.hint().to_owned(),
            at,
            failures: before.map_or(0, |before| before.failures).saturating_add(1),
        }
    }
}

/// A version of a role's credential, as it is stored: the one that readers get, or the one that is staged.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredVersion {
    pub(crate) version: VersionId,
    /// The version that was current before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<VersionId>,
    /// The document as text, so that it keeps its order and every digit.
    pub(crate) document: Zeroizing<String>,
}

impl IndexedVersion for StoredVersion {
    fn id(&self) -> &VersionId {
        &self.version
    }

    fn value(&self) -> Option<&str> {
        Some(&self.document)
    }
}

impl StoredVersion {
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid), without the content.
    pub(crate) fn parse(&self) -> Result<Document> {
        Document::parse(&SecretString::from(self.document.as_str()))
    }
}
