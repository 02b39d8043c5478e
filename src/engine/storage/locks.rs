//! One lock for each name, for as long as somebody wants it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Locks by name. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Locks {
    by_name: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

/// A lock that is held until this is dropped.
pub(crate) type Held = OwnedMutexGuard<()>;

impl Locks {
    /// Waits for the lock of a name. Who waits longest gets it first.
    pub(crate) async fn hold(&self, name: &str) -> Held {
        self.of(name).lock_owned().await
    }

    /// The lock of a name, unless somebody holds it.
    pub(crate) fn try_hold(&self, name: &str) -> Option<Held> {
        self.of(name).try_lock_owned().ok()
    }

    fn of(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut by_name: MutexGuard<'_, _> = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever holds a lock, or waits for it, has a share of it.
        by_name.retain(|_, lock| Arc::strong_count(lock) > 1);
        by_name.entry(name.to_owned()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_held_once_and_forgotten_when_it_is_free() {
        let locks = Locks::default();
        let held = locks.hold("a").await;
        assert!(locks.try_hold("a").is_none());
        assert!(locks.try_hold("b").is_some(), "another name has a lock of its own");
        drop(held);
        assert!(locks.try_hold("a").is_some());
        drop(locks.try_hold("c"));
        assert_eq!(locks.by_name.lock().unwrap().len(), 1, "the last one, until the next is asked for");
    }
}
