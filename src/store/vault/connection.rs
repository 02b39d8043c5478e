//! The authenticated client and its calls.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use reqwest::{Certificate, Client, redirect};
use rustify::clients::reqwest::Client as Rest;
use secrecy::ExposeSecret;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::Mutex;
use vaultrs::api::{EndpointMiddleware, exec_with_empty, exec_with_result};
use vaultrs::client::{Client as _, VaultClient, VaultClientSettings};
#[cfg(feature = "operator")]
use vaultrs::kv2;
use zeroize::Zeroizing;

use super::endpoint::{Get, KvMount, KvRead, KvVersion, Post, ReadAnswer, VersionMetadata, not_found};
use super::failure::{VaultError, VaultResult};
use super::settings::VaultSettings;
use crate::rotation::{ErrorKind, Result, RotationError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A client with a Vault token, which is replaced when it has expired.
pub(super) struct Connection {
    settings: Arc<VaultSettings>,
    client: RwLock<Arc<VaultClient>>,
    /// One task at a time replaces the token.
    login: Mutex<()>,
}

impl Connection {
    pub(super) async fn open(settings: &Arc<VaultSettings>) -> Result<Self> {
        let client = RwLock::new(logged_in(settings).await?);
        Ok(Self { settings: settings.clone(), client, login: Mutex::default() })
    }

    /// Reads the latest version at a path.
    pub(super) async fn read(&self, path: &str) -> VaultResult<KvRead> {
        let read = |client: Arc<VaultClient>| async move {
            exec_with_result(&*client, Get::<ReadAnswer>::of(path)).await.map_err(VaultError::of)
        };
        match self.call(read).await {
            Ok(answer) => Ok(answer.into()),
            Err(VaultError::Answer { status: 404, message, body }) => Ok(not_found(&message, &body)),
            Err(error) => Err(error),
        }
    }

    /// Writes an object if the latest version is `follows`; 0 stands for no version.
    pub(super) async fn write(&self, path: &str, object: &str, follows: u64) -> VaultResult<KvVersion> {
        let body = Zeroizing::new(format!(r#"{{"options":{{"cas":{follows}}},"data":{object}}}"#));
        let write = |client: Arc<VaultClient>| {
            let post = Post::<VersionMetadata>::to(path, body.clone());
            async move { exec_with_result(&*client, post).await.map_err(VaultError::of) }
        };
        self.call(write).await.map(KvVersion::from)
    }

    /// Replaces the custom metadata.
    pub(super) async fn set_custom_metadata(&self, path: &str, metadata: &BTreeMap<String, String>) -> VaultResult<()> {
        self.set_metadata(path, &json!({ "custom_metadata": metadata })).await
    }

    /// Limits a path to one version and to check-and-set writes.
    pub(super) async fn keep_one_version(&self, path: &str) -> VaultResult<()> {
        self.set_metadata(path, &json!({ "max_versions": 1, "cas_required": true })).await
    }

    /// Returns the names in a folder of a mount; folders end with a slash. A folder that does not exist has none.
    #[cfg(feature = "operator")]
    pub(super) async fn list(&self, mount: &str, folder: &str) -> VaultResult<Vec<String>> {
        let list =
            |client: Arc<VaultClient>| async move { kv2::list(&*client, mount, folder).await.map_err(VaultError::of) };
        match self.call(list).await {
            Err(VaultError::Answer { status: 404, .. }) => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// Returns the mount of a path.
    pub(super) async fn mount(&self, path: &str) -> VaultResult<KvMount> {
        let read = |client: Arc<VaultClient>| async move {
            exec_with_result(&*client, Get::of(path)).await.map_err(VaultError::of)
        };
        self.call(read).await
    }

    async fn set_metadata(&self, path: &str, metadata: &serde_json::Value) -> VaultResult<()> {
        let body = Zeroizing::new(metadata.to_string());
        let write = |client: Arc<VaultClient>| {
            let post = Post::<()>::to(path, body.clone());
            async move { exec_with_empty(&*client, post).await.map_err(VaultError::of) }
        };
        self.call(write).await
    }

    /// Makes a request. Vault answers 403 to an expired token: then the request is made once more with a new one.
    async fn call<T, Made: Future<Output = VaultResult<T>>>(
        &self,
        request: impl Fn(Arc<VaultClient>) -> Made,
    ) -> VaultResult<T> {
        let used = self.client.read().clone();
        match request(used.clone()).await {
            Err(VaultError::Answer { status: 403, message, .. }) if is_token_rejected(&used).await => {
                request(self.with_new_token(&used, message).await?).await
            }
            done => done,
        }
    }

    /// Returns a client with another token than `used` has. `said` is Vault's message about that token.
    async fn with_new_token(&self, used: &Arc<VaultClient>, said: String) -> VaultResult<Arc<VaultClient>> {
        let _login = self.login.lock().await;
        let present = self.client.read().clone();
        if !Arc::ptr_eq(&present, used) {
            return Ok(present);
        }
        let client = logged_in(&self.settings).await.map_err(VaultError::Login)?;
        if client.settings.token == used.settings.token {
            return Err(VaultError::TokenRejected(said));
        }
        *self.client.write() = client.clone();
        Ok(client)
    }
}

async fn logged_in(settings: &VaultSettings) -> Result<Arc<VaultClient>> {
    let mut client = client(settings)?;
    let token = settings.login.token(&client).await?;
    client.set_token(token.expose_secret());
    Ok(Arc::new(client))
}

/// Returns whether Vault rejects the token itself. The policy `default` lets a token look itself up.
async fn is_token_rejected(client: &VaultClient) -> bool {
    let looked = exec_with_result(client, Get::<IgnoredAny>::of("auth/token/lookup-self")).await;
    matches!(looked.map_err(VaultError::of), Err(VaultError::Answer { status: 403, .. }))
}

/// Builds the client without vaultrs's builder, which reads the environment and has only one timeout.
fn client(settings: &VaultSettings) -> Result<VaultClient> {
    let address = settings.address.clone();
    let http = Rest::new(address.as_str(), http(settings)?);
    let middle = EndpointMiddleware {
        token: String::new(),
        version: "v1".to_owned(),
        wrap: None,
        namespace: settings.namespace.clone(),
    };
    let settings = VaultClientSettings {
        address,
        ca_certs: Vec::new(),
        identity: None,
        timeout: None,
        token: String::new(),
        verify: true,
        version: 1,
        wrapping: false,
        namespace: settings.namespace.clone(),
        proxy: None,
    };
    Ok(VaultClient { http, middle, settings })
}

/// Builds an HTTP client that follows no redirect, which would receive the token.
fn http(settings: &VaultSettings) -> Result<Client> {
    let mut builder = Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(redirect::Policy::none());
    if settings.is_plain() {
        builder = builder.no_proxy().tls_certs_only([]);
    } else if let Some(path) = &settings.ca_file {
        let refuse = |why: String| {
            let message = format!("VAULT_CACERT: {} {why}", path.display());
            RotationError::new(ErrorKind::ConfigurationInvalid, message).with_hint(
                "set it to a file with the PEM certificates of the authority that signed Vault's certificate",
            )
        };
        let text = fs::read(path).map_err(|error| refuse(format!("is not readable: {error}")))?;
        let certificates = Certificate::from_pem_bundle(&text).ok().filter(|found| !found.is_empty());
        let certificates = certificates.ok_or_else(|| refuse("contains no PEM certificate".to_owned()))?;
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|error| {
        RotationError::new(ErrorKind::StoreUnavailable, "failed to create the HTTPS client")
            .with_source(error)
            .with_hint("check that this machine has CA certificates (package ca-certificates), and check VAULT_CACERT")
            .permanent()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_file_that_cannot_be_read_is_named_and_a_missing_one_is_no_login() {
        let home = tempfile::tempdir().expect("a directory");
        let settings = VaultSettings::from_lookup(|name| (name == "HOME").then(|| home.path().display().to_string()));
        let settings = settings.expect("valid settings");
        let refusal = async || logged_in(&settings).await.err().expect("no token").to_string();
        assert_eq!(refusal().await, "no Vault token is configured");
        fs::create_dir(home.path().join(".vault-token")).expect("a directory");
        assert!(refusal().await.contains(".vault-token, which is part of the Vault login"));
    }

    #[test]
    fn the_certificates_of_vault_are_read_from_a_file() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("ca.pem");
        let settings = VaultSettings::from_lookup(|name| match name {
            "VAULT_ADDR" => Some("https://vault.example".to_owned()),
            "VAULT_CACERT" => Some(path.display().to_string()),
            _ => None,
        });
        let settings = settings.expect("valid settings");
        let refusal = || http(&settings).err().map(|error| (error.kind(), error.to_string()));
        let (kind, message) = refusal().expect("the file does not exist");
        assert_eq!(kind, ErrorKind::ConfigurationInvalid);
        assert!(message.contains("ca.pem is not readable"), "{message}");
        fs::write(&path, "no certificate").expect("the file is written");
        let (kind, message) = refusal().expect("the file contains no certificate");
        assert_eq!(kind, ErrorKind::ConfigurationInvalid);
        assert!(message.ends_with("contains no PEM certificate"), "{message}");
        let key = rcgen::generate_simple_self_signed(["vault.example".to_owned()]).expect("a certificate");
        fs::write(&path, key.cert.pem()).expect("the file is written");
        assert_eq!(refusal(), None);
    }
}
