//! A mount's storage, held by the host.

use std::fmt;

use super::host_service::HostService;
use crate::go_plugin::host_error::HostError;
use crate::proto::pb;

/// A mount's storage: encrypted, and inaccessible to other mounts. Clones share one connection.
#[derive(Clone)]
pub struct Storage {
    host: HostService,
}

/// A storage entry. `Debug` omits its value.
///
/// ```
/// use openbao_plugin::StorageEntry;
///
/// let entry = StorageEntry::new("config/main", b"secret".to_vec()).seal_wrapped();
/// assert!(entry.seal_wrap);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageEntry {
    /// The key, such as `roles/ci`.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// Whether to seal-wrap it, if the host's seal supports that.
    pub seal_wrap: bool,
}

impl StorageEntry {
    /// An entry that is not seal-wrapped.
    pub fn new(key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), value: value.into(), seal_wrap: false }
    }

    /// Seal-wraps the entry, if the host's seal supports that.
    #[must_use]
    pub fn seal_wrapped(mut self) -> Self {
        self.seal_wrap = true;
        self
    }
}

impl Storage {
    pub(crate) fn new(host: HostService) -> Self {
        Self { host }
    }

    /// Lists the names directly below a prefix, which is empty or ends in `/`. A name that ends in `/` is a prefix itself.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, HostError> {
        let arguments = pb::StorageListArgs { prefix: prefix.to_owned() };
        let reply: pb::StorageListReply = self.host.call("/pb.Storage/List", &arguments).await?;
        HostError::check(reply.err)?;
        Ok(reply.keys)
    }

    /// Reads an entry. `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged.
    pub async fn get(&self, key: &str) -> Result<Option<StorageEntry>, HostError> {
        let arguments = pb::StorageGetArgs { key: key.to_owned() };
        let reply: pb::StorageGetReply = self.host.call("/pb.Storage/Get", &arguments).await?;
        HostError::check(reply.err)?;
        Ok(reply.entry.map(|entry| StorageEntry { key: entry.key, value: entry.value, seal_wrap: entry.seal_wrap }))
    }

    /// Writes an entry, and replaces an existing one.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged; see [`HostError::is_read_only`].
    pub async fn put(&self, entry: StorageEntry) -> Result<(), HostError> {
        let entry = pb::StorageEntry { key: entry.key, value: entry.value, seal_wrap: entry.seal_wrap };
        let arguments = pb::StoragePutArgs { entry: Some(entry) };
        let reply: pb::StoragePutReply = self.host.call("/pb.Storage/Put", &arguments).await?;
        HostError::check(reply.err)
    }

    /// Deletes an entry. Deleting a key that does not exist succeeds.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged; see [`HostError::is_read_only`].
    pub async fn delete(&self, key: &str) -> Result<(), HostError> {
        let arguments = pb::StorageDeleteArgs { key: key.to_owned() };
        let reply: pb::StorageDeleteReply = self.host.call("/pb.Storage/Delete", &arguments).await?;
        HostError::check(reply.err)
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Storage")
    }
}

impl fmt::Debug for StorageEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StorageEntry").field("key", &self.key).finish_non_exhaustive()
    }
}
