//! A static role: what is stored of it, and what of its credential.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::config::Config;
use super::kind::KindOfToken;
use crate::rotation::{Document, Result, RotationError};
use crate::secret::SecretString;

/// Where the roles are stored.
pub(super) const ROLES: &str = "static-roles/";
/// Where the credentials are stored that readers get.
pub(super) const CREDENTIALS: &str = "static-creds/";
/// Where a credential waits until it was validated.
pub(super) const PENDING: &str = "static-pending/";

/// Under which key a role, or what belongs to it, is stored.
pub(super) fn key(prefix: &str, name: &str) -> String {
    format!("{prefix}{name}")
}

/// A role, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StaticRole {
    #[serde(flatten)]
    pub(super) settings: RoleSettings,
    /// In seconds.
    pub(super) rotation_period: u64,
    /// How the last attempt to rotate failed; `None` where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_error: Option<LastError>,
}

impl StaticRole {
    pub(super) fn period(&self) -> Duration {
        Duration::from_secs(self.rotation_period)
    }
}

/// What the credential follows from. Only a credential that was made with them is a role's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RoleSettings {
    /// The name of the OAuth client's configuration.
    pub(super) config: String,
    /// What has to work with a token before anybody gets it.
    pub(super) probes: Vec<String>,
    /// Which kind of token.
    #[serde(flatten)]
    pub(super) token: KindOfToken,
}

impl RoleSettings {
    /// The settings as a document of the core's, without a token. It names the client, so that a credential of
    /// another one is known when the config was changed.
    ///
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid), never for what the paths let through.
    pub(super) fn document(&self, config: &Config) -> Result<Document> {
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
pub(super) struct LastError {
    /// The stable name of the kind of error.
    pub(super) r#type: String,
    pub(super) message: String,
    pub(super) hint: String,
    pub(super) at: Timestamp,
    pub(super) failures: u32,
}

impl LastError {
    /// One more failure after those before.
    pub(super) fn after(before: Option<&Self>, error: &RotationError, at: Timestamp) -> Self {
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
pub(super) struct StoredVersion {
    pub(super) version: String,
    /// The version that was current before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<String>,
    /// The document as text, so that it keeps its order and every digit.
    pub(super) document: Zeroizing<String>,
}

impl StoredVersion {
    /// # Errors
    /// [`ErrorKind::DocumentInvalid`](crate::rotation::ErrorKind::DocumentInvalid), without the content.
    pub(super) fn parse(&self) -> Result<Document> {
        Document::parse(&SecretString::from(self.document.as_str()))
    }
}
