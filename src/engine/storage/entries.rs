//! What the mount stores, and what is kept of it in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use openbao_plugin::{Failure, Storage, StorageEntry};

/// The prefixes whose values hold secrets: the seal wraps them once more, where it can.
pub(crate) const SEAL_WRAPPED: [&str; 5] = ["config/", "static-creds/", "static-pending/", "shared/", "root-intent/"];
/// How many bytes of entries are kept in memory. Further ones are asked for each time.
const MOST_KEPT: usize = 8 << 20;

/// The mount's storage, with what was read of it kept in memory until it is written or another node writes it.
/// Clones share both.
#[derive(Clone)]
pub(crate) struct Entries {
    storage: Storage,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    values: HashMap<String, Value>,
    /// The bytes of keys and values.
    size: usize,
    /// Counts the changes. What was read while one happened may be older than it, and is not kept.
    changes: u64,
}

type Value = Arc<Zeroizing<Vec<u8>>>;

impl Entries {
    pub(crate) fn new(storage: Storage) -> Self {
        Self { storage, kept: Arc::default() }
    }

    /// The entry of a key, if there is one.
    ///
    /// # Errors
    /// What the host says; or that the entry is damaged, by its key and never by its value.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.value(key).await? else { return Ok(None) };
        serde_json::from_slice(&value).map(Some).map_err(|_| damaged(key))
    }

    /// Writes an entry, over what was there.
    ///
    /// # Errors
    /// What the host says. Whether the entry was written is then unknown.
    pub(crate) async fn put<T: Serialize>(&self, key: &str, entry: &T) -> Result<(), Failure> {
        let value = serde_json::to_vec(entry).map_err(|_| Failure::internal(format!("{key} cannot be written")))?;
        let value = Zeroizing::new(value);
        let seal_wrap = SEAL_WRAPPED.iter().any(|prefix| key.starts_with(prefix));
        self.forget(key);
        let written = self.storage.put(StorageEntry { key: key.to_owned(), value: value.to_vec(), seal_wrap }).await;
        let mut kept = self.change(key);
        written?;
        kept.keep(key, Arc::new(value));
        Ok(())
    }

    /// Deletes an entry. One that is not there is no error.
    ///
    /// # Errors
    /// What the host says. Whether the entry was deleted is then unknown.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.forget(key);
        let deleted = self.storage.delete(key).await;
        self.forget(key);
        Ok(deleted?)
    }

    /// The names right under a prefix, which ends in `/`, as the host has them now.
    ///
    /// # Errors
    /// What the host says.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        Ok(self.storage.list(prefix).await?)
    }

    /// Another node wrote the entry.
    pub(crate) fn forget(&self, key: &str) {
        drop(self.change(key));
    }

    async fn value(&self, key: &str) -> Result<Option<Value>, Failure> {
        let before = {
            let kept = self.lock();
            if let Some(value) = kept.values.get(key) {
                return Ok(Some(value.clone()));
            }
            kept.changes
        };
        let Some(entry) = self.storage.get(key).await? else { return Ok(None) };
        let value = Arc::new(Zeroizing::new(entry.value));
        let mut kept = self.lock();
        if kept.changes == before {
            kept.keep(key, value.clone());
        }
        Ok(Some(value))
    }

    fn change(&self, key: &str) -> MutexGuard<'_, Kept> {
        let mut kept = self.lock();
        kept.changes += 1;
        if let Some(value) = kept.values.remove(key) {
            kept.size -= key.len() + value.len();
        }
        kept
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, key: &str, value: Value) {
        let size = key.len() + value.len();
        if self.size + size > MOST_KEPT {
            return;
        }
        self.size += size;
        if let Some(former) = self.values.insert(key.to_owned(), value) {
            self.size -= key.len() + former.len();
        }
    }
}

fn damaged(key: &str) -> Failure {
    Failure::internal(format!(
        "what is stored under {key} is damaged\nhint: delete it, or the role that it belongs to, and write it again"
    ))
}
