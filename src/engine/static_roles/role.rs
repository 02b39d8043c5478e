//! A static role and its credential, as they are stored.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::engine::automation::last_error::LastError;
use crate::engine::automation::plan::RotationPlan;
use crate::engine::storage::config::{Config, PREFIX as CONFIGS};
use crate::engine::storage::entries::Entries;
use crate::engine::storage::token_kind::TokenKindFields;
use crate::rotation::{Document, Result, VersionId};
use crate::secret::SecretString;
use crate::store::version_index::IndexedVersion;
use openbao_plugin::Failure;
use openbao_plugin::framework::refuse;

/// The prefix of the roles' storage keys.
pub(crate) const ROLES: &str = "static-roles/";
/// The prefix of the current credentials' storage keys.
pub(crate) const CREDENTIALS: &str = "static-creds/";
/// The prefix of the staged credentials' storage keys.
pub(crate) const PENDING: &str = "static-pending/";

/// The storage key of a role, or of one of its credentials.
pub(crate) fn key(prefix: &str, name: &str) -> String {
    format!("{prefix}{name}")
}

/// A role, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StaticRole {
    #[serde(flatten)]
    pub(crate) settings: RoleSettings,
    #[serde(flatten)]
    pub(crate) plan: RotationPlan,
    /// Whether the engine uses the token, so that it does not idle out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) keep_alive: bool,
    /// Why the last rotation failed; `None` after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<LastError>,
}

impl StaticRole {
    /// Reads a static role by its name.
    ///
    /// # Errors
    /// 400 where it does not exist, or the host's error.
    pub(crate) async fn named(entries: &Entries, name: &str) -> std::result::Result<Arc<Self>, Failure> {
        let missing =
            || refuse(format!("there is no static role {name:?}"), "run `bao list genesys-cloud/static-roles`");
        entries.parsed(&key(ROLES, name), Ok).await?.ok_or_else(missing)
    }
}

/// The settings that a credential is minted with. After a change of them the role needs a new credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoleSettings {
    /// The name of its config.
    pub(crate) config: String,
    /// Calls that must succeed with a token before it is promoted.
    pub(crate) probes: Vec<String>,
    #[serde(flatten)]
    pub(crate) token: TokenKindFields,
}

impl RoleSettings {
    /// The settings as a document without a token. It names the client, so that a change of the config's client is
    /// detected.
    ///
    /// # Errors
    /// `DocumentInvalid`; does not happen for settings that the paths accepted.
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

/// A version of a role's credential, current or staged, as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredVersion {
    pub(crate) version: VersionId,
    /// The version that was current before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<VersionId>,
    /// The document as text, which keeps the order of its fields and the digits of its numbers.
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
    /// The name of the config whose client issued the token; empty where the document does not name it.
    pub(crate) fn config(&self) -> String {
        let document = serde_json::from_str::<serde_json::Value>(&self.document).unwrap_or_default();
        let config = document["credentials"].as_str().and_then(|key| key.strip_prefix(CONFIGS));
        config.unwrap_or_default().to_owned()
    }

    /// Parses the document.
    ///
    /// # Errors
    /// `DocumentInvalid`, without the content.
    pub(crate) fn parse(&self) -> Result<Document> {
        Document::parse(&SecretString::from(self.document.as_str()))
    }
}
