//! Keyed async mutexes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use openbao_plugin::Failure;
use openbao_plugin::framework::Call;

/// The longest wait of a request for a lock. With the work after it, a request ends before the clients of Vault and OpenBao
/// give up, after 60 seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// The engine is busy (RFC 9110, section 15.6.4).
const UNAVAILABLE: u16 = 503;

/// One async mutex per name. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Locks {
    by_name: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

/// Holds the lock of a name until it is dropped.
pub(crate) type NameGuard = OwnedMutexGuard<()>;

impl Locks {
    /// Waits for the lock of a name, first come, first served.
    pub(crate) async fn lock(&self, name: &str) -> NameGuard {
        self.mutex(name).lock_owned().await
    }

    /// Waits for the lock of a name as long as the caller of a request does, and at most 25 seconds.
    ///
    /// # Errors
    /// The caller has left, or 503 because the name is busy; nothing was done.
    pub(crate) async fn lock_for(&self, call: &Call, name: &str) -> Result<NameGuard, Failure> {
        tokio::select! {
            lock = timeout(LONGEST_WAIT, self.lock(name)) => lock.map_err(|_| {
                let text = format!("{name:?} is being changed or rotated, and the platform is slow; nothing was done\nhint: retry");
                Failure::Status(UNAVAILABLE, text)
            }),
            () = call.canceled() => Err(Failure::internal("the caller left before the request began; nothing was done")),
        }
    }

    /// The lock of a name; `None` where another task holds it.
    pub(crate) fn try_lock(&self, name: &str) -> Option<NameGuard> {
        self.mutex(name).try_lock_owned().ok()
    }

    fn mutex(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut by_name = self.by_name.lock();
        // A task that holds or awaits a lock has its own reference to it.
        by_name.retain(|_, lock| Arc::strong_count(lock) > 1);
        by_name.entry(name.to_owned()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_locked_once_and_removed_after_release() {
        let locks = Locks::default();
        let held = locks.lock("a").await;
        assert!(locks.try_lock("a").is_none());
        assert!(locks.try_lock("b").is_some(), "another name has its own lock");
        drop(held);
        assert!(locks.try_lock("a").is_some());
        drop(locks.try_lock("c"));
        assert_eq!(locks.by_name.lock().len(), 1, "only the last lock remains, until the next request");
    }
}
