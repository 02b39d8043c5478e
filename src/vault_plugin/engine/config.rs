//! A config: an OAuth client, as it is stored.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::entries::Entries;
use super::stored_secret;
use crate::rotation::Credentials;
use crate::secret::SecretString;
use crate::vault_plugin::framework::{is_name, refuse};
use crate::vault_plugin::transport::Failure;

/// The prefix of the keys.
pub(super) const PREFIX: &str = "config/";

/// An OAuth client, and where it is good.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Config {
    pub(super) platform: String,
    pub(super) region: String,
    pub(super) client_id: String,
    #[serde(with = "stored_secret")]
    pub(super) client_secret: SecretString,
}

impl Config {
    /// The key of a config by its name.
    pub(super) fn key(name: &str) -> String {
        format!("{PREFIX}{name}")
    }

    /// The config of a name that a role gives.
    ///
    /// # Errors
    /// A 400 where there is none, or what the host says.
    pub(super) async fn of_role(entries: &Entries, name: &str) -> Result<Self, Failure> {
        if !is_name(name) {
            return Err(refuse("config is not the name of a config", "list config/ shows those that there are"));
        }
        entries.get(&Self::key(name)).await?.ok_or_else(|| {
            refuse(
                format!("there is no config {name:?}"),
                format!("write config/{name} first, or give the role another config"),
            )
        })
    }

    /// What the platform's calls need.
    pub(super) fn credentials(&self) -> Credentials {
        let Self { platform, region, client_id, client_secret } = self.clone();
        Credentials { platform, region, client_id, client_secret }
    }

    /// The config as a document that the rotation reads its credentials from.
    pub(super) fn document(&self) -> SecretString {
        let secret = Zeroizing::new(json!(self.client_secret.expose_secret()).to_string());
        let Self { platform, region, client_id, .. } = self;
        let [platform, region, client_id] = [platform, region, client_id].map(|text| json!(text).to_string());
        let text = format!(
            r#"{{"platform":{platform},"region":{region},"client_id":{client_id},"client_secret":{}}}"#,
            *secret
        );
        text.into()
    }
}
