//! An enum that dispatches to the stores of the command line.

use crate::rotation::{
    Description, ErrorKind, Lease, Result, RotationError, SecretCreation, SecretId, SecretStore, Staged, StoredValue,
    VersionId, VersionSelector, WriteAhead,
};
use crate::secret::SecretString;
use crate::store::aws::AwsSecretsManager;
use crate::store::file::FileStore;
use crate::store::memory::MemoryStore;
use crate::store::vault::VaultKv;

/// A store of any kind.
#[derive(Debug)]
pub enum AnyStore {
    /// AWS Secrets Manager.
    Aws(AwsSecretsManager),
    /// Local files.
    File(FileStore),
    /// The memory of this process, for the demonstration.
    Memory(MemoryStore),
    /// KV version 2 of Vault or OpenBao.
    Vault(VaultKv),
}

impl SecretStore for AnyStore {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        match self {
            Self::Aws(store) => store.describe(secret).await,
            Self::File(store) => store.describe(secret).await,
            Self::Memory(store) => store.describe(secret).await,
            Self::Vault(store) => store.describe(secret).await,
        }
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        match self {
            Self::Aws(store) => store.read(secret, selector).await,
            Self::File(store) => store.read(secret, selector).await,
            Self::Memory(store) => store.read(secret, selector).await,
            Self::Vault(store) => store.read(secret, selector).await,
        }
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        match self {
            Self::Aws(store) => store.stage(secret, version, value, rotation_token).await,
            Self::File(store) => store.stage(secret, version, value, rotation_token).await,
            Self::Memory(store) => store.stage(secret, version, value, rotation_token).await,
            Self::Vault(store) => store.stage(secret, version, value, rotation_token).await,
        }
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        match self {
            Self::Aws(store) => store.promote(secret, version, over).await,
            Self::File(store) => store.promote(secret, version, over).await,
            Self::Memory(store) => store.promote(secret, version, over).await,
            Self::Vault(store) => store.promote(secret, version, over).await,
        }
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        match self {
            Self::Aws(store) => store.unstage(secret, version).await,
            Self::File(store) => store.unstage(secret, version).await,
            Self::Memory(store) => store.unstage(secret, version).await,
            Self::Vault(store) => store.unstage(secret, version).await,
        }
    }
}

impl WriteAhead for AnyStore {
    async fn write_intent(
        &self,
        secret: &SecretId,
        id: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        match self {
            Self::Aws(store) => store.write_intent(secret, id, value, rotation_token).await,
            Self::File(store) => store.write_intent(secret, id, value, rotation_token).await,
            Self::Memory(store) => store.write_intent(secret, id, value, rotation_token).await,
            Self::Vault(store) => store.write_intent(secret, id, value, rotation_token).await,
        }
    }

    async fn read_intent(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        match self {
            Self::Aws(store) => store.read_intent(secret).await,
            Self::File(store) => store.read_intent(secret).await,
            Self::Memory(store) => store.read_intent(secret).await,
            Self::Vault(store) => store.read_intent(secret).await,
        }
    }

    async fn clear_intent(&self, secret: &SecretId, id: &VersionId) -> Result<()> {
        match self {
            Self::Aws(store) => store.clear_intent(secret, id).await,
            Self::File(store) => store.clear_intent(secret, id).await,
            Self::Memory(store) => store.clear_intent(secret, id).await,
            Self::Vault(store) => store.clear_intent(secret, id).await,
        }
    }

    async fn check_room(&self, secret: &SecretId) -> Result<()> {
        match self {
            Self::Aws(store) => store.check_room(secret).await,
            Self::File(store) => store.check_room(secret).await,
            Self::Memory(store) => store.check_room(secret).await,
            Self::Vault(store) => store.check_room(secret).await,
        }
    }
}

impl Lease for AnyStore {
    async fn take_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        seen: Option<&VersionId>,
        rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        match self {
            Self::Aws(store) => store.take_lease(secret, holder, seen, rotation_token).await,
            Self::File(store) => store.take_lease(secret, holder, seen, rotation_token).await,
            Self::Memory(store) => store.take_lease(secret, holder, seen, rotation_token).await,
            Self::Vault(store) => store.take_lease(secret, holder, seen, rotation_token).await,
        }
    }

    async fn release_lease(&self, secret: &SecretId, holder: &VersionId, version: &VersionId) -> Result<()> {
        match self {
            Self::Aws(store) => store.release_lease(secret, holder, version).await,
            Self::File(store) => store.release_lease(secret, holder, version).await,
            Self::Memory(store) => store.release_lease(secret, holder, version).await,
            Self::Vault(store) => store.release_lease(secret, holder, version).await,
        }
    }
}

impl SecretCreation for AnyStore {
    async fn create(&self, secret: &SecretId, version: &VersionId, value: &SecretString) -> Result<()> {
        match self {
            Self::Aws(store) => store.create(secret, version, value).await,
            Self::File(store) => store.create(secret, version, value).await,
            Self::Memory(_) => Err(RotationError::new(ErrorKind::StoreDenied, "the demonstration creates no secrets")),
            Self::Vault(store) => store.create(secret, version, value).await,
        }
    }
}
