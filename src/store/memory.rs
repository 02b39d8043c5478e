//! Secrets in the memory of this process, for demonstrations and tests.

use std::collections::HashMap;

use parking_lot::Mutex;
use secrecy::ExposeSecret;

use super::version_index::{IndexedVersion, VersionIndex};
use crate::rotation::{
    Description, ErrorKind, Lease, Result, RotationError, SecretId, SecretStore, Staged, StoredValue, VersionId,
    VersionSelector, WriteAhead,
};
use crate::secret::SecretString;

/// Secrets in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    secrets: Mutex<HashMap<SecretId, Secret>>,
}

#[derive(Debug)]
struct Secret {
    versions: VersionIndex<MemoryVersion, MemoryVersion>,
    previous: Option<SecretString>,
}

#[derive(Clone, Debug)]
struct MemoryVersion {
    id: VersionId,
    /// `None` for a version that was staged without a value.
    value: Option<SecretString>,
}

impl IndexedVersion for MemoryVersion {
    fn id(&self) -> &VersionId {
        &self.id
    }

    fn value(&self) -> Option<&str> {
        self.value.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a secret with a current value, or replaces the one with this id.
    pub fn create(&self, secret: SecretId, value: SecretString) {
        let current = MemoryVersion { id: VersionId::random(), value: Some(value) };
        let created = Secret { versions: VersionIndex::new(Some(current), None, None), previous: None };
        self.secrets.lock().insert(secret, created);
    }

    /// Stages a version without a value, as Secrets Manager does before createSecret.
    ///
    /// # Errors
    /// [`ErrorKind::SecretNotFound`].
    pub fn stage_empty(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        self.with(secret, |found| {
            found.versions.stage(MemoryVersion { id: version.clone(), value: None });
            Ok(())
        })
    }

    fn with<T>(&self, secret: &SecretId, work: impl FnOnce(&mut Secret) -> Result<T>) -> Result<T> {
        let mut secrets = self.secrets.lock();
        let missing = || RotationError::new(ErrorKind::SecretNotFound, format!("secret {secret} does not exist"));
        work(secrets.get_mut(secret).ok_or_else(missing)?)
    }
}

impl Secret {
    fn current(&self) -> Result<&MemoryVersion> {
        let missing = || RotationError::new(ErrorKind::NoCurrentVersion, "the secret has no current version");
        self.versions.current().ok_or_else(missing)
    }
}

impl SecretStore for MemoryStore {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        self.with(secret, |found| Ok(found.versions.describe(secret.as_str(), found.current()?.id.clone())))
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        self.with(secret, |found| {
            let version = match selector {
                VersionSelector::Current => found.versions.current(),
                VersionSelector::Pending(version) => found.versions.staged(version),
                VersionSelector::Previous => return Ok(found.previous.clone().map(StoredValue::from)),
            };
            Ok(version.and_then(|version| version.value.clone()).map(StoredValue::from))
        })
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        self.with(secret, |found| {
            let current = found.current()?;
            let current = (&current.id, &current.value.clone().unwrap_or_default());
            if let Some(staged) = found.versions.already_staged(version, value, current)? {
                return Ok(staged);
            }
            found.versions.stage(MemoryVersion { id: version.clone(), value: Some(value.clone()) });
            Ok(Staged::Stored)
        })
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        self.with(secret, |found| {
            let current = found.current()?.clone();
            let value = current.value.clone().unwrap_or_default();
            let promoted = found.versions.promotable(version, over, &value)?.clone();
            found.versions.promote(promoted, Some(current.id));
            found.previous = current.value;
            Ok(())
        })
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        self.with(secret, |found| {
            found.versions.unstage(version);
            Ok(())
        })
    }
}

impl WriteAhead for MemoryStore {
    async fn write_intent(
        &self,
        secret: &SecretId,
        id: &VersionId,
        value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        self.with(secret, |found| {
            found.versions.set_intent(id, value);
            Ok(())
        })
    }

    async fn read_intent(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        self.with(secret, |found| Ok(found.versions.intent()))
    }

    async fn clear_intent(&self, secret: &SecretId, id: &VersionId) -> Result<()> {
        self.with(secret, |found| {
            found.versions.clear_intent(id);
            Ok(())
        })
    }
}

impl Lease for MemoryStore {
    async fn take_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        seen: Option<&VersionId>,
        _rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        self.with(secret, |found| found.versions.move_lease(seen, holder))
    }

    async fn release_lease(&self, secret: &SecretId, holder: &VersionId, version: &VersionId) -> Result<()> {
        self.with(secret, |found| found.versions.move_lease(Some(holder), version))
    }
}
