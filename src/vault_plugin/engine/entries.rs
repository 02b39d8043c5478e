//! The mount's storage, with what was read of it kept in memory until it is written or invalidated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::vault_plugin::transport::{Failure, Storage, StorageEntry};

/// What the seal wraps once more: all that holds a secret.
const SEAL_WRAPPED: [&str; 4] = ["config/", "static-creds/", "static-pending/", "shared/"];

/// The mount's storage. Clones share it.
#[derive(Clone)]
pub(super) struct Entries {
    storage: Storage,
    kept: Arc<Mutex<Kept>>,
}

type Value = Option<Arc<Zeroizing<Vec<u8>>>>;

#[derive(Default)]
struct Kept {
    /// Counts the changes: what was read before one must not be kept after it.
    changes: u64,
    values: HashMap<String, Value>,
}

impl Entries {
    pub(super) fn new(storage: Storage) -> Self {
        Self { storage, kept: Arc::default() }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.value(key).await? else { return Ok(None) };
        let damaged = |_| Failure::internal(format!("what is stored under {key} is damaged"));
        serde_json::from_slice(&value).map(Some).map_err(damaged)
    }

    pub(super) async fn put<T: Serialize>(&self, key: &str, entry: &T) -> Result<(), Failure> {
        let value = serde_json::to_vec(entry).map_err(|_| Failure::internal(format!("{key} cannot be stored")))?;
        let seal_wrap = SEAL_WRAPPED.iter().any(|prefix| key.starts_with(prefix));
        self.invalidate(key);
        let written = self.storage.put(StorageEntry { key: key.to_owned(), value: value.clone(), seal_wrap }).await;
        self.invalidate(key);
        written?;
        self.kept().values.insert(key.to_owned(), Some(Arc::new(Zeroizing::new(value))));
        Ok(())
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.invalidate(key);
        let deleted = self.storage.delete(key).await;
        self.invalidate(key);
        Ok(deleted?)
    }

    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        Ok(self.storage.list(prefix).await?)
    }

    pub(super) fn invalidate(&self, key: &str) {
        let mut kept = self.kept();
        kept.changes += 1;
        kept.values.remove(key);
    }

    async fn value(&self, key: &str) -> Result<Value, Failure> {
        let changes = {
            let kept = self.kept();
            if let Some(value) = kept.values.get(key) {
                return Ok(value.clone());
            }
            kept.changes
        };
        let read = self.storage.get(key).await?.map(|entry| Arc::new(Zeroizing::new(entry.value)));
        let mut kept = self.kept();
        if kept.changes == changes {
            kept.values.insert(key.to_owned(), read.clone());
        }
        Ok(read)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
