//! A secret in KV version 2 of Vault or OpenBao: the document's fields are the keys of the KV secret.
//!
//! KV has no labels. The staged version and the version ids are stored at `genesys-rotator/pending/PATH` of the same
//! mount, which readers need no access to. Every write is check-and-set, and a promotion is one write on the readers'
//! path (KV secrets engine, version 2, HTTP API, "Create/update secret").
//!
//! KV stores JSON, not text: it returns keys in alphabetical order, and OpenBao converts every number to a 64-bit
//! float (`1.0` becomes `1`) when it first stores it. The rotation writes values back as it read them, so it changes
//! nothing further.

#[cfg(feature = "cli")]
mod aws_login;
mod connection;
#[cfg(feature = "operator")]
mod create;
mod endpoint;
mod failure;
mod json_equality;
#[cfg(feature = "operator")]
mod list;
mod location;
mod login;
mod settings;
mod snapshot;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use self::connection::Connection;
use self::endpoint::{KvRead, KvVersion};
use self::failure::KvCall;
use self::location::Location;
use self::settings::VaultSettings;
use self::snapshot::{KvSnapshot, KvVersions, StagedVersion};
use crate::rotation::{
    Description, Document, Lease, Result, SecretId, SecretStore, Staged, StoredValue, VersionId, VersionSelector,
    WriteAhead,
};
use crate::secret::SecretString;

/// Secrets in KV version 2. The secret's id is `MOUNT/PATH`. Clones share one login, which is repeated when it has expired.
#[derive(Clone)]
pub struct VaultKv {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Arc<VaultSettings>,
    connection: OnceCell<Connection>,
    locations: Mutex<HashMap<SecretId, Location>>,
}

impl VaultKv {
    /// Reads address, namespace and login through a lookup of environment variables, each as `BAO_…` or
    /// `VAULT_…`: `ADDR`, `CACERT`, `NAMESPACE`; `TOKEN`, or `ROLE_ID` and `SECRET_ID` (both also as `…_FILE`), or
    /// `JWT_ROLE` with `JWT`, `KUBERNETES_ROLE`, `AWS_ROLE` (feature `cli`), or the file that `bao login` and `vault login` write. The first call logs in.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`](crate::rotation::ErrorKind::ConfigurationInvalid).
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let settings = Arc::new(VaultSettings::from_lookup(lookup)?);
        let shared = Shared { settings, connection: OnceCell::new(), locations: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    async fn connection(&self) -> Result<&Connection> {
        self.shared.connection.get_or_try_init(|| Connection::open(&self.shared.settings)).await
    }

    /// Splits the id into mount and path, with one request per secret.
    async fn locate(&self, secret: &SecretId) -> Result<Location> {
        let known = self.shared.locations.lock().get(secret).cloned();
        if let Some(location) = known {
            return Ok(location);
        }
        let location = Location::find(secret.as_str(), self.connection().await?).await?;
        self.shared.locations.lock().insert(secret.clone(), location.clone());
        Ok(location)
    }

    async fn snapshot(&self, secret: &SecretId) -> Result<KvSnapshot> {
        let (location, connection) = (self.locate(secret).await?, self.connection().await?);
        let (document, versions) = tokio::join!(document(connection, &location), versions(connection, &location));
        Ok(KvSnapshot::new(location, document?, versions?))
    }

    async fn write_versions(&self, found: &KvSnapshot, versions: &KvVersions) -> Result<KvVersion> {
        let (connection, path) = (self.connection().await?, found.location.pending());
        let written = connection.write(&path, &snapshot::to_json(versions), found.versions_cas).await;
        let call = KvCall { action: "write", capability: "create\", \"update", path: &path };
        let written = written.map_err(|error| call.failed(error))?;
        if found.versions_cas == 0 {
            // Earlier KV versions of this path would keep discarded tokens.
            let kept = connection.keep_one_version(&found.location.pending_metadata()).await;
            best_effort("limit the pending path to one version", kept.map_err(|error| call.failed(error)));
        }
        Ok(written)
    }

    async fn change_versions(
        &self,
        secret: &SecretId,
        change: impl FnOnce(&mut KvVersions) -> Result<()>,
    ) -> Result<()> {
        let found = self.snapshot(secret).await?;
        let mut versions = found.versions.clone();
        change(&mut versions)?;
        self.write_versions(&found, &versions).await.map(drop)
    }

    /// Writes custom metadata for people who look at the secret in Vault. The document has the same values and is
    /// authoritative.
    async fn set_custom_metadata(&self, found: &KvSnapshot, text: &str) -> Result<()> {
        let document = Document::parse(&SecretString::from(text))?;
        let mut metadata = found.document.custom_metadata.clone();
        metadata.insert("platform".to_owned(), document.platform()?);
        metadata.insert("rotated_by".to_owned(), concat!("genesys-rotator/", env!("CARGO_PKG_VERSION")).to_owned());
        metadata.extend(document.expires_at().map(|end| ("expires_at".to_owned(), end.to_string())));
        let (connection, path) = (self.connection().await?, found.location.metadata());
        let call = KvCall { action: "write", capability: "create\", \"update", path: &path };
        connection.set_custom_metadata(&path, &metadata).await.map_err(|error| call.failed(error))
    }
}

impl SecretStore for VaultKv {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        let found = self.snapshot(secret).await?;
        Ok(found.versions.describe(secret.as_str(), found.current_id()))
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        match selector {
            VersionSelector::Current => {
                let found = document(self.connection().await?, &self.locate(secret).await?).await?;
                Ok(Some(SecretString::from(found.text.as_str()).into()))
            }
            VersionSelector::Pending(version) => {
                let found = self.snapshot(secret).await?;
                let staged = found.versions.staged(version);
                Ok(staged.map(|staged| SecretString::from(staged.document.as_str()).into()))
            }
            VersionSelector::Previous => Ok(None),
        }
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        let found = self.snapshot(secret).await?;
        // KV accepts objects only, and would reject any other value at the promotion.
        Document::parse(value)?;
        let current = SecretString::from(found.document.text.as_str());
        if let Some(staged) = found.versions.already_staged(version, value, (&found.current_id(), &current))? {
            return Ok(staged);
        }
        let mut versions = found.versions.clone();
        versions.stage(StagedVersion::new(version, value, &found.document));
        self.write_versions(&found, &versions).await?;
        Ok(Staged::Stored)
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        let found = self.snapshot(secret).await?;
        let staged = found.versions.promotable(version, over, &SecretString::from(found.document.text.as_str()))?;
        let path = found.location.data();
        let call = KvCall { action: "write", capability: "update", path: &path };
        let written = self.connection().await?.write(&path, &staged.document, found.document.version).await;
        let written = written.map_err(|error| call.failed(error))?;
        // Without this write, the next snapshot completes the promotion.
        let versions = found.promoted(staged, &written);
        best_effort("record the promoted version", self.write_versions(&found, &versions).await.map(drop));
        best_effort("set the custom metadata", self.set_custom_metadata(&found, &staged.document).await);
        Ok(())
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        let found = self.snapshot(secret).await?;
        let mut versions = found.versions.clone();
        if versions.unstage(version) { self.write_versions(&found, &versions).await.map(drop) } else { Ok(()) }
    }
}

impl WriteAhead for VaultKv {
    async fn write_intent(
        &self,
        secret: &SecretId,
        id: &VersionId,
        value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        self.change_versions(secret, |versions| {
            versions.set_intent(id, value);
            Ok(())
        })
        .await
    }

    async fn read_intent(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        Ok(self.snapshot(secret).await?.versions.intent())
    }

    async fn clear_intent(&self, secret: &SecretId, id: &VersionId) -> Result<()> {
        self.change_versions(secret, |versions| {
            versions.clear_intent(id);
            Ok(())
        })
        .await
    }
}

impl Lease for VaultKv {
    async fn take_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        seen: Option<&VersionId>,
        _rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        self.change_versions(secret, |versions| versions.move_lease(seen, holder)).await
    }

    async fn release_lease(&self, secret: &SecretId, holder: &VersionId, version: &VersionId) -> Result<()> {
        self.change_versions(secret, |versions| versions.move_lease(Some(holder), version)).await
    }
}

/// The document that readers read.
async fn document(connection: &Connection, location: &Location) -> Result<KvVersion> {
    let path = location.data();
    match connection.read(&path).await {
        Ok(KvRead::Value(stored)) => Ok(stored),
        Ok(KvRead::Gone { version, destroyed }) => Err(location.gone(version, destroyed)),
        Ok(KvRead::Nothing(why)) => Err(location.missing(&why)),
        Err(error) => Err(KvCall { action: "read", capability: "read", path: &path }.failed(error)),
    }
}

/// The versions, and the KV version of the path that holds them; 0 if the path was never written.
async fn versions(connection: &Connection, location: &Location) -> Result<(KvVersions, u64)> {
    let path = location.pending();
    match connection.read(&path).await {
        Ok(KvRead::Value(stored)) => Ok((snapshot::parse(&stored, &path)?, stored.version)),
        Ok(KvRead::Gone { version, .. }) => Ok((KvVersions::default(), version)),
        Ok(KvRead::Nothing(_)) => Ok((KvVersions::default(), 0)),
        Err(error) => Err(KvCall { action: "read", capability: "read", path: &path }.failed(error)),
    }
}

/// Logs a failure that leaves the secret correct.
fn best_effort(what: &str, done: Result<()>) {
    if let Err(error) = done {
        tracing::warn!(error.r#type = error.kind().name(), "could not {what}: {}", error.chain());
    }
}

/// Prints the address only: the settings and the connection lead to tokens.
impl fmt::Debug for VaultKv {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VaultKv")
            .field("address", &self.shared.settings.address.as_str())
            .finish_non_exhaustive()
    }
}
