//! The store of static roles: the versions of a role's credential in the mount's storage.
//!
//! `static-creds/NAME` is the current version and `static-pending/NAME` the staged one. The settings come from the role,
//! not from the current version, so that an interrupted rotation does not finish with former settings. The storage has
//! no check-and-set: a lock serializes the writers of a role within a process, and only one process of a cluster may
//! write.

use zeroize::Zeroizing;

use super::role::{CREDENTIALS, PENDING, ROLES, RoleSettings, StaticRole, StoredVersion, key};
use crate::engine::storage::config::{self, Config};
use crate::engine::storage::entries::Entries;
use crate::engine::storage::locks::Locks;
use crate::rotation::{
    Description, Document, ErrorKind, Lease, Result, RotationError, SecretId, SecretStore, Staged, StoredValue,
    VersionId, VersionSelector, WriteAhead,
};
use crate::secret::{ExposeSecret, SecretString};
use crate::store::version_index::VersionIndex;
use openbao_plugin::{Failure, Storage};

/// The current version of a role that has no credential yet.
const NO_CREDENTIAL: &str = "no-credential-yet";

/// Stores the credentials of static roles. `static-roles/NAME` is the id of a role's credential, and `config/NAME` that
/// of its client credentials. Clones share the storage and the locks.
#[derive(Clone)]
pub struct StaticStore {
    entries: Entries,
    writers: Locks,
    /// A role's new settings, which replace the stored ones.
    proposed: Option<(String, RoleSettings)>,
}

/// A role's credential as it was read.
struct StoredCredential {
    /// The role's settings; `None` where there is no role, and the current version is the document.
    settings: Option<Document>,
    versions: VersionIndex<StoredVersion, StoredVersion>,
}

impl StaticStore {
    /// A store over a mount's storage.
    pub fn new(storage: Storage) -> Self {
        Self::over(Entries::new(storage))
    }

    pub(crate) fn over(entries: Entries) -> Self {
        Self { entries, writers: Locks::default(), proposed: None }
    }

    /// The same store, with these settings in place of a role's stored ones.
    pub(crate) fn proposing(&self, name: &str, settings: &RoleSettings) -> Self {
        Self { proposed: Some((name.to_owned(), settings.clone())), ..self.clone() }
    }

    async fn look(&self, secret: &SecretId) -> Result<StoredCredential> {
        let name = name_of(secret)?;
        let settings = self.settings_of(name).await?;
        let current: Option<StoredVersion> = self.entry(&key(CREDENTIALS, name)).await?;
        let pending: Option<StoredVersion> = self.entry(&key(PENDING, name)).await?;
        if settings.is_none() && current.is_none() {
            return Err(missing(secret));
        }
        // A crash between the two writes of a promotion leaves the current version staged.
        let current_id = current.as_ref().map(|current| &current.version);
        let pending = pending.filter(|pending| Some(&pending.version) != current_id);
        let previous = current.as_ref().and_then(|current| current.previous.clone());
        Ok(StoredCredential { settings, versions: VersionIndex::new(current, pending, previous) })
    }

    /// A role's settings as a document; `None` where there is no role.
    ///
    /// # Errors
    /// `SecretNotFound` where the config does not exist, `ConfigurationInvalid` where it does not allow the role, or the
    /// host's storage failed.
    pub(crate) async fn settings_of(&self, name: &str) -> Result<Option<Document>> {
        let settings = match &self.proposed {
            Some((role, settings)) if role == name => settings.clone(),
            _ => match self.entry::<StaticRole>(&key(ROLES, name)).await? {
                Some(role) => role.settings,
                None => return Ok(None),
            },
        };
        let config: Option<Config> = self.entry(&Config::key(&settings.config)).await?;
        let Some(config) = config else {
            let message = format!("there is no config {:?}", settings.config);
            let hint = format!("write config/{} first, or give the role another config", settings.config);
            return Err(RotationError::new(ErrorKind::SecretNotFound, message).with_hint(hint));
        };
        config.allowed_roles().check(&settings.config, name)?;
        settings.document(&config).map(Some)
    }

    async fn entry<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.entries.get(key).await.map_err(failed)
    }
}

impl StoredCredential {
    fn current_id(&self) -> VersionId {
        let current = self.versions.current();
        current.map_or_else(|| VersionId::from_store(NO_CREDENTIAL), |current| current.version.clone())
    }

    /// The role's settings with the token of the current version.
    fn current_value(&self) -> Result<SecretString> {
        match (&self.settings, self.versions.current()) {
            (Some(settings), Some(current)) => settings.with_token_of(&current.parse()?).to_value(),
            (Some(settings), None) => settings.to_value(),
            (None, Some(current)) => Ok(value_of(current)),
            (None, None) => Err(RotationError::new(ErrorKind::NoCurrentVersion, "there is no credential")),
        }
    }
}

impl SecretStore for StaticStore {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        let seen = self.look(secret).await?;
        Ok(seen.versions.describe(secret.as_str(), seen.current_id()))
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        let text = match selector {
            VersionSelector::Current if secret.as_str().starts_with(config::PREFIX) => {
                self.entry::<Config>(secret.as_str()).await?.map(|config| config.document()).transpose()?
            }
            VersionSelector::Current => Some(self.look(secret).await?.current_value()?),
            VersionSelector::Pending(version) => self.look(secret).await?.versions.staged(version).map(value_of),
            VersionSelector::Previous => None,
        };
        Ok(text.map(StoredValue::from))
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        let name = name_of(secret)?;
        let _lock = self.writers.lock(name).await;
        let seen = self.look(secret).await?;
        let current = (&seen.current_id(), &seen.current_value()?);
        if let Some(staged) = seen.versions.already_staged(version, value, current)? {
            return Ok(staged);
        }
        let document = Zeroizing::new(value.expose_secret().to_owned());
        let pending = StoredVersion { version: version.clone(), previous: None, document };
        self.entries.put(&key(PENDING, name), &pending).await.map_err(failed)?;
        Ok(Staged::Stored)
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        let name = name_of(secret)?;
        let _lock = self.writers.lock(name).await;
        let seen = self.look(secret).await?;
        let staged = seen.versions.promotable(version, over, &seen.current_value()?)?;
        let previous = seen.versions.current().map(|current| current.version.clone());
        let promoted = StoredVersion { previous, ..staged.clone() };
        // A staged version that is also the current one counts as promoted.
        self.entries.put_and_drop(&key(CREDENTIALS, name), &promoted, &key(PENDING, name)).await.map_err(failed)
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        let name = name_of(secret)?;
        let _lock = self.writers.lock(name).await;
        if self.look(secret).await?.versions.staged(version).is_none() {
            return Ok(());
        }
        self.entries.delete(&key(PENDING, name)).await.map_err(failed)
    }
}

/// The rotation of a static role makes no client secret, and calls none of these: `rotate-root/` does that.
impl WriteAhead for StaticStore {
    async fn write_intent(
        &self,
        _: &SecretId,
        _: &VersionId,
        _: &SecretString,
        _: Option<&SecretString>,
    ) -> Result<()> {
        Err(makes_tokens_only())
    }

    async fn read_intent(&self, _: &SecretId) -> Result<Option<SecretString>> {
        Ok(None)
    }

    async fn clear_intent(&self, _: &SecretId, _: &VersionId) -> Result<()> {
        Err(makes_tokens_only())
    }
}

impl Lease for StaticStore {
    async fn take_lease(
        &self,
        _: &SecretId,
        _: &VersionId,
        _: Option<&VersionId>,
        _: Option<&SecretString>,
    ) -> Result<()> {
        Err(makes_tokens_only())
    }

    async fn release_lease(&self, _: &SecretId, _: &VersionId, _: &VersionId) -> Result<()> {
        Err(makes_tokens_only())
    }
}

fn makes_tokens_only() -> RotationError {
    RotationError::new(ErrorKind::ConfigurationInvalid, "a static role rotates its token only")
        .with_hint("rotate the client secret of its config with rotate-root/")
}

fn name_of(secret: &SecretId) -> Result<&str> {
    secret.as_str().strip_prefix(ROLES).ok_or_else(|| missing(secret))
}

fn value_of(stored: &StoredVersion) -> SecretString {
    SecretString::from(stored.document.as_str())
}

fn missing(secret: &SecretId) -> RotationError {
    RotationError::new(ErrorKind::SecretNotFound, format!("there is no {secret}"))
}

/// Keeps the host's error as the source, so that its text reaches the host unchanged.
fn failed(failure: Failure) -> RotationError {
    match failure {
        Failure::Host(error) if error.is_read_only() => {
            let message = "this node may not write to the storage";
            let hint = "send the request to the active node of the primary cluster";
            RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint).with_source(error)
        }
        Failure::Host(error) => {
            RotationError::new(ErrorKind::StoreUnavailable, "the host's storage failed").with_source(error)
        }
        other => {
            let hint = "delete the role, and write it again";
            RotationError::new(ErrorKind::DocumentInvalid, other.to_string()).with_hint(hint)
        }
    }
}
