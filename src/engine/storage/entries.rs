//! The mount's storage with a read cache.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use openbao_plugin::{Failure, HostError, Page, Storage, StorageEntry};

/// The prefixes whose values hold secrets: a seal that supports it wraps them again.
pub(crate) const SEAL_WRAPPED: [&str; 6] =
    ["config/", "static-creds/", "static-pending/", "shared/", "root-intent/", "revocation/"];
/// The cache's limit in bytes. Entries beyond it are read from the host each time.
const CACHE_LIMIT: usize = 8 << 20;

/// The mount's storage. Values stay in memory until this node or another one writes them. Clones share both.
#[derive(Clone)]
pub(crate) struct Entries {
    storage: Storage,
    cache: Arc<Mutex<EntryCache>>,
}

#[derive(Default)]
struct EntryCache {
    values: HashMap<String, CachedValue>,
    /// The bytes of keys and values.
    size: usize,
    /// Counts the changes. A value read while one happened may be stale, and is not cached.
    changes: u64,
}

type CachedValue = Arc<CachedEntry>;

/// An entry in the cache.
struct CachedEntry {
    value: Zeroizing<Vec<u8>>,
    /// What [`Entries::parsed`] made of it.
    parsed: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl CachedEntry {
    fn new(value: Zeroizing<Vec<u8>>) -> CachedValue {
        Arc::new(Self { value, parsed: OnceLock::new() })
    }
}

impl Entries {
    pub(crate) fn new(storage: Storage) -> Self {
        Self { storage, cache: Arc::default() }
    }

    /// The entry at a key; `None` where there is none.
    ///
    /// # Errors
    /// The host's error, or that the entry is damaged: with its key, and without its value.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.value(key).await? else { return Ok(None) };
        serde_json::from_slice(&value.value).map(Some).map_err(|_| damaged(key))
    }

    /// The entry at a key, parsed once while it is cached: busy readers share the result.
    ///
    /// # Errors
    /// As for [`get`](Self::get), and those of `parse`.
    pub(crate) async fn parsed<T: DeserializeOwned, P: Send + Sync + 'static>(
        &self,
        key: &str,
        parse: impl FnOnce(T) -> Result<P, Failure>,
    ) -> Result<Option<Arc<P>>, Failure> {
        let Some(entry) = self.value(key).await? else { return Ok(None) };
        if let Some(parsed) = entry.parsed.get().and_then(|parsed| parsed.clone().downcast().ok()) {
            return Ok(Some(parsed));
        }
        let parsed = Arc::new(parse(serde_json::from_slice(&entry.value).map_err(|_| damaged(key))?)?);
        entry.parsed.get_or_init(|| parsed.clone());
        Ok(Some(parsed))
    }

    /// Writes an entry, in place of any former one.
    ///
    /// # Errors
    /// The host's error. The entry may still have been written.
    pub(crate) async fn put<T: Serialize>(&self, key: &str, entry: &T) -> Result<(), Failure> {
        self.put_value(key, serialized(key, entry)?).await
    }

    /// Writes an entry and deletes one that is not needed any more: in one transaction, or one after the other where the
    /// host has none. There, the second one may remain.
    ///
    /// # Errors
    /// The host's error. Both may still have been written.
    pub(crate) async fn put_and_drop<T: Serialize>(&self, key: &str, entry: &T, other: &str) -> Result<(), Failure> {
        let Some(transaction) = self.storage.begin().await? else {
            self.put(key, entry).await?;
            if let Err(failure) = self.delete(other).await {
                tracing::warn!("{other} could not be deleted, which is harmless: {failure}");
            }
            return Ok(());
        };
        let value = serialized(key, entry)?;
        self.invalidate(key);
        self.invalidate(other);
        let committed = async {
            transaction.put(stored(key, &value)).await?;
            transaction.delete(other).await?;
            transaction.commit().await
        };
        let committed = committed.await;
        drop(self.after_write(other, &committed));
        let mut cache = self.after_write(key, &committed);
        committed?;
        cache.insert(key, CachedEntry::new(value));
        Ok(())
    }

    async fn put_value(&self, key: &str, value: Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        self.invalidate(key);
        let written = self.storage.put(stored(key, &value)).await;
        let mut cache = self.after_write(key, &written);
        written?;
        cache.insert(key, CachedEntry::new(value));
        Ok(())
    }

    /// Deletes an entry. A missing entry is no error.
    ///
    /// # Errors
    /// The host's error. The entry may still have been deleted.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.invalidate(key);
        let deleted = self.storage.delete(key).await;
        drop(self.after_write(key, &deleted));
        Ok(deleted?)
    }

    /// The names directly under a prefix, which ends in `/`. The host is asked each time.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        Ok(self.storage.list(prefix).await?)
    }

    /// The names directly under a prefix on a page of the list.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn list_page(&self, prefix: &str, page: &Page) -> Result<Vec<String>, Failure> {
        Ok(self.storage.list_page(prefix, page).await?)
    }

    /// Removes an entry from the cache, because another node wrote it.
    pub(crate) fn invalidate(&self, key: &str) {
        drop(self.remove(key));
    }

    async fn value(&self, key: &str) -> Result<Option<CachedValue>, Failure> {
        let before = {
            let cache = self.cache.lock();
            if let Some(value) = cache.values.get(key) {
                return Ok(Some(value.clone()));
            }
            cache.changes
        };
        let Some(entry) = self.storage.get(key).await? else { return Ok(None) };
        let value = CachedEntry::new(Zeroizing::new(entry.value));
        let mut cache = self.cache.lock();
        if cache.changes == before {
            cache.insert(key, value.clone());
        }
        Ok(Some(value))
    }

    /// Removes an entry from the cache, and every entry where the node turns out to be a standby: the active node may have
    /// written them.
    fn after_write(&self, key: &str, written: &Result<(), HostError>) -> MutexGuard<'_, EntryCache> {
        let mut cache = self.remove(key);
        if written.as_ref().is_err_and(HostError::is_read_only) {
            *cache = EntryCache { changes: cache.changes, ..EntryCache::default() };
        }
        cache
    }

    fn remove(&self, key: &str) -> MutexGuard<'_, EntryCache> {
        let mut cache = self.cache.lock();
        cache.remove(key);
        cache
    }
}

impl EntryCache {
    fn insert(&mut self, key: &str, value: CachedValue) {
        let size = key.len() + value.value.len();
        if self.size + size > CACHE_LIMIT {
            return;
        }
        self.size += size;
        if let Some(former) = self.values.insert(key.to_owned(), value) {
            self.size -= key.len() + former.value.len();
        }
    }

    fn remove(&mut self, key: &str) {
        self.changes += 1;
        if let Some(value) = self.values.remove(key) {
            self.size -= key.len() + value.value.len();
        }
    }
}

fn serialized<T: Serialize>(key: &str, entry: &T) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |_| Failure::internal(format!("{key} cannot be serialized"));
    serde_json::to_vec(entry).map(Zeroizing::new).map_err(failed)
}

fn stored(key: &str, value: &Zeroizing<Vec<u8>>) -> StorageEntry {
    let mut entry = StorageEntry::new(key, value.to_vec());
    entry.seal_wrap = SEAL_WRAPPED.iter().any(|prefix| key.starts_with(prefix));
    entry
}

fn damaged(key: &str) -> Failure {
    Failure::internal(format!(
        "the entry {key} is damaged\nhint: delete it, or the role that it belongs to, and write it again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_counts_each_entry_once_and_stays_within_its_limit() {
        let mut cache = EntryCache::default();
        let value = |bytes| CachedEntry::new(Zeroizing::new(vec![0; bytes]));
        for _ in 0..3 {
            cache.insert("key", value(10));
        }
        assert_eq!(cache.size, 13);
        cache.insert("large", value(CACHE_LIMIT - 13 - 5));
        assert_eq!((cache.size, cache.values.len()), (CACHE_LIMIT, 2));
        cache.insert("x", value(1));
        assert_eq!((cache.size, cache.values.len()), (CACHE_LIMIT, 2));
        for changes in 1..3 {
            cache.remove("large");
            assert_eq!((cache.size, cache.changes), (13, changes));
        }
    }
}
