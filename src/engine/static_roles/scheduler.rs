//! Finds the static roles that are due, and rotates them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::role::{CREDENTIALS, PENDING, ROLES, StaticRole, key};
use super::rotation::StaticRotations;
use crate::engine::minting::Minting;
use crate::engine::storage::entries::Entries;
use openbao_plugin::Failure;

/// How many roles are rotated at once.
const AT_ONCE: usize = 8;
/// The key that tests write access. No role can have this name. Not a dot: storage keys may not end in one.
const NO_ROLE: &str = "-";

/// Rotates the roles that are due.
#[derive(Clone)]
pub(crate) struct Scheduler {
    pub(crate) entries: Entries,
    pub(crate) rotations: StaticRotations,
    pub(crate) minting: Minting,
    /// No further rotation starts once this is set.
    pub(crate) is_stopping: Arc<AtomicBool>,
}

impl Scheduler {
    /// Rotates all roles that are due. Returns when the next one is due; `None` where there is none.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn rotate_due_roles(&self) -> Result<Option<Timestamp>, Failure> {
        let names = self.entries.list(ROLES).await?;
        let staged: BTreeSet<_> = self.entries.list(PENDING).await?.into_iter().collect();
        let orphans = self.orphans(&names, &staged).await?;
        let staged = &staged;
        let times =
            names.into_iter().map(|name| async move { (self.due_at(&name, staged.contains(&name)).await, name) });
        let times: Vec<_> = stream::iter(times).buffer_unordered(AT_ONCE).collect().await;
        let now = self.minting.now();
        let (mut due, later): (Vec<_>, Vec<_>) =
            times.into_iter().filter_map(|(at, name)| Some((at?, name))).partition(|(at, _)| *at <= now);
        if !due.is_empty() || !orphans.is_empty() {
            // Some hosts do not report a standby's state. Without write access no token must be minted.
            self.entries.delete(&key(PENDING, NO_ROLE)).await?;
        }
        due.sort_unstable();
        let rotations =
            due.into_iter().map(|(_, name)| async move { self.rotate_if_due(&name, staged.contains(&name)).await });
        let rotated: Vec<_> = stream::iter(rotations).buffer_unordered(AT_ONCE).collect().await;
        for name in orphans {
            let Some(_lock) = self.rotations.try_lock(&name) else { continue };
            self.rotations.delete_orphan(&name).await?;
        }
        Ok(later.into_iter().map(|(at, _)| at).chain(rotated.into_iter().flatten()).min())
    }

    /// The time when a role is due; `None` where it was deleted or is damaged.
    async fn due_at(&self, name: &str, is_pending: bool) -> Option<Timestamp> {
        let due = async {
            match self.entries.get::<StaticRole>(&key(ROLES, name)).await? {
                Some(role) => self.rotations.next_rotation(name, &role, is_pending).await.map(Some),
                None => Ok(None),
            }
        };
        due.await.unwrap_or_else(|failure: Failure| {
            tracing::warn!(role.name = name, "the static role is skipped: {failure}");
            None
        })
    }

    /// Rotates a role, unless another task holds its lock or has rotated it. Returns when it is due next.
    async fn rotate_if_due(&self, name: &str, was_staged: bool) -> Option<Timestamp> {
        // The task that holds the lock wakes the background task afterwards.
        let _lock = self.rotations.try_lock(name)?;
        let is_pending = was_staged && self.is_still_pending(name).await;
        let due = self.due_at(name, is_pending).await?;
        if due > self.minting.now() || self.is_stopping.load(Ordering::Relaxed) {
            return Some(due);
        }
        let role = self.entries.get::<StaticRole>(&key(ROLES, name)).await.ok()??;
        // The error is logged, and stored in the role.
        let _ = self.rotations.rotate(name, &role).await;
        let is_pending = self.rotations.is_pending(name).await.unwrap_or(false);
        self.due_at(name, is_pending).await
    }

    /// Whether a staged version waits for its promotion. One that was promoted is unstaged.
    async fn is_still_pending(&self, name: &str) -> bool {
        let pending = self.rotations.is_pending(name).await;
        if let Ok(false) = pending
            && let Err(failure) = self.entries.delete(&key(PENDING, name)).await
        {
            tracing::warn!(role.name = name, "the promoted version is still staged, which is harmless: {failure}");
        }
        pending.unwrap_or(false)
    }

    /// The names with a credential and without a role.
    async fn orphans(&self, roles: &[String], staged: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
        let mut orphans: BTreeSet<_> = self.entries.list(CREDENTIALS).await?.into_iter().collect();
        orphans.extend(staged.iter().cloned());
        for role in roles {
            orphans.remove(role);
        }
        Ok(orphans)
    }
}
