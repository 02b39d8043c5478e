//! A mount's storage, held by the host.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tonic::Code;

use super::host_service::HostService;
use crate::go_plugin::host_error::HostError;
use crate::proto::pb;

/// A mount's storage: encrypted, and inaccessible to other mounts. Clones share one connection.
///
/// ```
/// use openbao_plugin::{HostError, Page, Storage, StorageEntry};
///
/// async fn rename(storage: &Storage, from: &str, to: &str) -> Result<(), HostError> {
///     let Some(entry) = storage.get(from).await? else { return Ok(()) };
///     let renamed = StorageEntry::new(to, entry.value);
///     match storage.begin().await? {
///         Some(transaction) => {
///             transaction.put(renamed).await?;
///             transaction.delete(from).await?;
///             transaction.commit().await
///         }
///         // A crash between the two leaves both.
///         None => {
///             storage.put(renamed).await?;
///             storage.delete(from).await
///         }
///     }
/// }
///
/// async fn first_ten(storage: &Storage) -> Result<Vec<String>, HostError> {
///     storage.list_page("notes/", &Page::all().limit(10)).await
/// }
/// ```
#[derive(Clone)]
pub struct Storage {
    access: Access,
    is_transactional: Arc<OnceCell<bool>>,
}

/// A transaction of [`Storage`]: all of its writes are executed by [`commit`](Self::commit), or none. Dropping it discards
/// them.
pub struct Transaction {
    access: Access,
    is_ended: bool,
}

/// Calls outside a transaction, or in one.
#[derive(Clone)]
struct Access {
    host: HostService,
    /// Empty outside a transaction.
    transaction: String,
}

/// A part of a list: the names after one, and at most so many.
///
/// ```
/// use openbao_plugin::Page;
///
/// let page = Page::all().after("first").limit(10);
/// assert_eq!((page.after.as_str(), page.limit), ("first", Some(10)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The page starts after this name. Empty: at the start of the list.
    pub after: String,
    /// The most names. `None`: all.
    pub limit: Option<usize>,
}

impl Page {
    /// The whole list.
    pub fn all() -> Self {
        Self::default()
    }

    /// Starts after a name.
    #[must_use]
    pub fn after(mut self, name: impl Into<String>) -> Self {
        self.after = name.into();
        self
    }

    /// Limits the names.
    #[must_use]
    pub fn limit(mut self, most: usize) -> Self {
        self.limit = Some(most);
        self
    }

    /// The page of a sorted list.
    fn of(&self, mut names: Vec<String>) -> Vec<String> {
        names.sort_unstable();
        let later = names.into_iter().skip_while(|name| !self.after.is_empty() && *name <= self.after);
        later.take(self.limit.unwrap_or(usize::MAX)).collect()
    }
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
        Self { access: Access { host, transaction: String::new() }, is_transactional: Arc::default() }
    }

    /// Lists the names directly below a prefix, which is empty or ends in `/`. A name that ends in `/` is a prefix itself.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, HostError> {
        self.access.list(prefix).await
    }

    /// Lists a part of the names directly below a prefix. With a host that has no such call (Vault), lists all of them, and
    /// returns the part.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged.
    pub async fn list_page(&self, prefix: &str, page: &Page) -> Result<Vec<String>, HostError> {
        self.access.list_page(prefix, page).await
    }

    /// Reads an entry. `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged.
    pub async fn get(&self, key: &str) -> Result<Option<StorageEntry>, HostError> {
        self.access.get(key).await
    }

    /// Writes an entry, and replaces an existing one.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged; see [`HostError::is_read_only`].
    pub async fn put(&self, entry: StorageEntry) -> Result<(), HostError> {
        self.access.put(entry).await
    }

    /// Deletes an entry. Deleting a key that does not exist succeeds.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged; see [`HostError::is_read_only`].
    pub async fn delete(&self, key: &str) -> Result<(), HostError> {
        self.access.delete(key).await
    }

    /// Begins a transaction. `None` if the storage has none: that of Vault, and of OpenBao over a storage backend without
    /// transactions.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged.
    pub async fn begin(&self) -> Result<Option<Transaction>, HostError> {
        let host = &self.access.host;
        if !*self.is_transactional.get_or_try_init(|| is_transactional(host)).await? {
            return Ok(None);
        }
        let reply: pb::StorageBeginTxReply = host.call("/pb.Storage/BeginTx", &pb::Empty {}).await?;
        HostError::check(reply.err)?;
        Ok(Some(Transaction { access: Access { host: host.clone(), transaction: reply.txn }, is_ended: false }))
    }
}

async fn is_transactional(host: &HostService) -> Result<bool, HostError> {
    match host.call::<pb::StorageIsTransactionalReply>("/pb.Storage/IsTransactional", &pb::Empty {}).await {
        Ok(reply) => Ok(reply.transactional),
        Err(status) if status.code() == Code::Unimplemented => Ok(false),
        Err(status) => Err(status.into()),
    }
}

impl Transaction {
    /// The same as [`Storage::list`], with the transaction's own writes.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, HostError> {
        self.access.list(prefix).await
    }

    /// The same as [`Storage::list_page`], with the transaction's own writes.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged.
    pub async fn list_page(&self, prefix: &str, page: &Page) -> Result<Vec<String>, HostError> {
        self.access.list_page(prefix, page).await
    }

    /// The same as [`Storage::get`], with the transaction's own writes.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged.
    pub async fn get(&self, key: &str) -> Result<Option<StorageEntry>, HostError> {
        self.access.get(key).await
    }

    /// Writes an entry when the transaction is committed.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged; see [`HostError::is_read_only`].
    pub async fn put(&self, entry: StorageEntry) -> Result<(), HostError> {
        self.access.put(entry).await
    }

    /// Deletes an entry when the transaction is committed.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged; see [`HostError::is_read_only`].
    pub async fn delete(&self, key: &str) -> Result<(), HostError> {
        self.access.delete(key).await
    }

    /// Executes all writes at once.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged: nothing was written, for example because an entry that the transaction read has
    /// changed. If the host did not answer, all of it may have been written.
    pub async fn commit(mut self) -> Result<(), HostError> {
        self.is_ended = true;
        self.access.end("/pb.Storage/Commit").await
    }

    /// Discards all writes.
    ///
    /// # Errors
    ///
    /// The host's error, unchanged. Nothing was written.
    pub async fn rollback(mut self) -> Result<(), HostError> {
        self.is_ended = true;
        self.access.end("/pb.Storage/Rollback").await
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // The host keeps a transaction that was not ended.
        if let Ok(runtime) = Handle::try_current()
            && !self.is_ended
        {
            let access = self.access.clone();
            runtime.spawn(async move { access.end("/pb.Storage/Rollback").await });
        }
    }
}

impl Access {
    async fn list(&self, prefix: &str) -> Result<Vec<String>, HostError> {
        let arguments = pb::StorageListArgs { prefix: prefix.to_owned(), txn: self.transaction.clone() };
        let reply: pb::StorageListReply = self.host.call("/pb.Storage/List", &arguments).await?;
        HostError::check(reply.err)?;
        Ok(reply.keys)
    }

    async fn list_page(&self, prefix: &str, page: &Page) -> Result<Vec<String>, HostError> {
        if *page == Page::all() {
            return self.list(prefix).await;
        }
        // The host reads -1 as no limit, and 0 as well.
        let limit = page.limit.map_or(-1, |limit| limit.try_into().unwrap_or(i32::MAX));
        let (prefix, after, txn) = (prefix.to_owned(), page.after.clone(), self.transaction.clone());
        let arguments = pb::StorageListPageArgs { prefix, after, limit, txn };
        match self.host.call::<pb::StorageListReply>("/pb.Storage/ListPage", &arguments).await {
            Ok(reply) => HostError::check(reply.err).map(|()| reply.keys),
            Err(status) if status.code() == Code::Unimplemented => Ok(page.of(self.list(&arguments.prefix).await?)),
            Err(status) => Err(status.into()),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<StorageEntry>, HostError> {
        let arguments = pb::StorageGetArgs { key: key.to_owned(), txn: self.transaction.clone() };
        let reply: pb::StorageGetReply = self.host.call("/pb.Storage/Get", &arguments).await?;
        HostError::check(reply.err)?;
        Ok(reply.entry.map(|entry| StorageEntry { key: entry.key, value: entry.value, seal_wrap: entry.seal_wrap }))
    }

    async fn put(&self, entry: StorageEntry) -> Result<(), HostError> {
        let entry = pb::StorageEntry { key: entry.key, value: entry.value, seal_wrap: entry.seal_wrap };
        let arguments = pb::StoragePutArgs { entry: Some(entry), txn: self.transaction.clone() };
        let reply: pb::StoragePutReply = self.host.call("/pb.Storage/Put", &arguments).await?;
        HostError::check(reply.err)
    }

    async fn delete(&self, key: &str) -> Result<(), HostError> {
        let arguments = pb::StorageDeleteArgs { key: key.to_owned(), txn: self.transaction.clone() };
        let reply: pb::StorageDeleteReply = self.host.call("/pb.Storage/Delete", &arguments).await?;
        HostError::check(reply.err)
    }

    async fn end(&self, path: &'static str) -> Result<(), HostError> {
        let reply: pb::StorageEndTxReply =
            self.host.call(path, &pb::StorageEndTxArgs { txn: self.transaction.clone() }).await?;
        HostError::check(reply.err)
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Transaction")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_starts_after_a_name_and_has_at_most_so_many() {
        let names = || ["c", "a", "d/", "b"].map(str::to_owned).to_vec();
        for (page, expected) in [
            (Page::all(), &["a", "b", "c", "d/"][..]),
            (Page::all().after("b"), &["c", "d/"]),
            (Page::all().after("bb"), &["c", "d/"]),
            (Page::all().after("z"), &[]),
            (Page::all().limit(2), &["a", "b"]),
            (Page::all().after("a").limit(2), &["b", "c"]),
        ] {
            assert_eq!(page.of(names()), expected, "{page:?}");
        }
    }
}
