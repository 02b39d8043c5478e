//! A mount's storage, which the host keeps.

use std::fmt;

use tonic::transport::Channel;

use super::failure::HostError;
use crate::proto::pb;
use crate::proto::pb::storage_client::StorageClient;

/// The longest message either way. A list of a hundred thousand keys has to fit; the host bounds what
/// a caller may send.
pub(crate) const LONGEST_MESSAGE: usize = 64 << 20;

/// A mount's own storage: encrypted, and seen by nobody else. Clones share one connection.
#[derive(Clone)]
pub struct Storage {
    client: StorageClient<Channel>,
}

/// An entry of the storage. `Debug` leaves out its value.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageEntry {
    /// Its key, such as `roles/ci`.
    pub key: String,
    /// What it holds.
    pub value: Vec<u8>,
    /// Whether the seal wraps it once more, where the host's seal can.
    pub seal_wrap: bool,
}

impl Storage {
    pub(crate) fn new(channel: Channel) -> Self {
        let client = StorageClient::new(channel);
        Self { client: client.max_decoding_message_size(LONGEST_MESSAGE).max_encoding_message_size(LONGEST_MESSAGE) }
    }

    /// The names right under a prefix, which is empty or ends in `/`. Those with more below end in `/`.
    ///
    /// # Errors
    ///
    /// What the host says, word for word.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, HostError> {
        let arguments = pb::StorageListArgs { prefix: prefix.to_owned() };
        let reply = self.client.clone().list(arguments).await?.into_inner();
        HostError::check(reply.err)?;
        Ok(reply.keys)
    }

    /// The entry of a key, if there is one.
    ///
    /// # Errors
    ///
    /// What the host says, word for word.
    pub async fn get(&self, key: &str) -> Result<Option<StorageEntry>, HostError> {
        let arguments = pb::StorageGetArgs { key: key.to_owned() };
        let reply = self.client.clone().get(arguments).await?.into_inner();
        HostError::check(reply.err)?;
        Ok(reply.entry.map(|entry| StorageEntry { key: entry.key, value: entry.value, seal_wrap: entry.seal_wrap }))
    }

    /// Writes an entry, over what was there.
    ///
    /// # Errors
    ///
    /// What the host says, word for word; see [`HostError::is_read_only`].
    pub async fn put(&self, entry: StorageEntry) -> Result<(), HostError> {
        let entry = pb::StorageEntry { key: entry.key, value: entry.value, seal_wrap: entry.seal_wrap };
        let reply = self.client.clone().put(pb::StoragePutArgs { entry: Some(entry) }).await?.into_inner();
        HostError::check(reply.err)
    }

    /// Deletes an entry. One that is not there is no error.
    ///
    /// # Errors
    ///
    /// What the host says, word for word; see [`HostError::is_read_only`].
    pub async fn delete(&self, key: &str) -> Result<(), HostError> {
        let arguments = pb::StorageDeleteArgs { key: key.to_owned() };
        let reply = self.client.clone().delete(arguments).await?.into_inner();
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
