//! Finds the static roles that are due, and rotates them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::role::{CREDENTIALS, PENDING, ROLES, StaticRole, key};
use super::rotation::StaticRotations;
use crate::engine::automation::last_error::Cause;
use crate::engine::minting::Minting;
use crate::engine::storage::entries::Entries;
use openbao_plugin::Failure;

/// How many roles of a config are rotated at once, and how many roles are read at once.
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

/// What is due.
pub(crate) struct DueRoles {
    /// The configs with roles that are due.
    pub(crate) configs: BTreeSet<String>,
    /// The names with a credential and without a role.
    pub(crate) orphans: BTreeSet<String>,
    /// When the next of the other roles is due; `None` where there is none.
    pub(crate) next: Option<Timestamp>,
}

impl DueRoles {
    /// Whether nothing is due now.
    pub(crate) fn is_empty(&self) -> bool {
        self.configs.is_empty() && self.orphans.is_empty()
    }
}

/// A role, and when it is due.
struct ScheduledRole {
    at: Timestamp,
    name: String,
    config: String,
    /// Whether there is a staged version, which may be promoted already.
    is_staged: bool,
}

impl Scheduler {
    /// What is due now.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn due(&self) -> Result<DueRoles, Failure> {
        let (names, staged) = (self.entries.list(ROLES).await?, self.staged().await?);
        let orphans = self.orphans(&names, &staged).await?;
        let (due, later) = self.due_and_later(names, &staged).await;
        let next = later.iter().map(|role| role.at).min();
        Ok(DueRoles { configs: due.into_iter().map(|role| role.config).collect(), orphans, next })
    }

    /// Tests write access: some hosts do not report a standby's state, and without write access no token must be minted.
    ///
    /// # Errors
    /// The host's error; read-only on a node that may not write.
    pub(crate) async fn require_write_access(&self) -> Result<(), Failure> {
        self.entries.delete(&key(PENDING, NO_ROLE)).await
    }

    /// Rotates the roles of a config that are due, the longest overdue first.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn rotate_roles_of(&self, config: &str) -> Result<(), Failure> {
        let (names, staged) = (self.entries.list(ROLES).await?, self.staged().await?);
        let (mut due, _) = self.due_and_later(names, &staged).await;
        due.retain(|role| role.config == config);
        due.sort_unstable_by_key(|role| role.at);
        let rotations = due.into_iter().map(|role| async move { self.rotate_if_due(&role.name, role.is_staged).await });
        stream::iter(rotations).buffer_unordered(AT_ONCE).collect::<()>().await;
        Ok(())
    }

    /// Deletes the credentials of a name without a role, unless another task holds its lock. An error is logged.
    pub(crate) async fn delete_orphan(&self, name: &str) {
        let Some(_lock) = self.rotations.locks.try_lock(name) else { return };
        if let Err(failure) = self.rotations.delete_orphan(name).await {
            tracing::warn!(role.name = name, "credentials without a static role could not be deleted: {failure}");
        }
    }

    async fn due_and_later(
        &self,
        names: Vec<String>,
        staged: &BTreeSet<String>,
    ) -> (Vec<ScheduledRole>, Vec<ScheduledRole>) {
        let roles = names.into_iter().map(|name| async move { self.scheduled(&name, staged.contains(&name)).await });
        let roles: Vec<_> =
            stream::iter(roles).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
        let now = self.minting.now();
        roles.into_iter().partition(|role| role.at <= now)
    }

    /// When a role is due; `None` where it was deleted, is damaged or has no automated rotation.
    async fn scheduled(&self, name: &str, is_staged: bool) -> Option<ScheduledRole> {
        let due = async {
            let Some(role) = self.entries.get::<StaticRole>(&key(ROLES, name)).await? else { return Ok(None) };
            let at = self.rotations.next_rotation(name, &role, is_staged).await?;
            Ok(at.map(|at| ScheduledRole { at, name: name.to_owned(), config: role.settings.config, is_staged }))
        };
        due.await.unwrap_or_else(|failure: Failure| {
            tracing::warn!(role.name = name, "the static role is skipped: {failure}");
            None
        })
    }

    /// Rotates a role, unless another task holds its lock or has rotated it.
    async fn rotate_if_due(&self, name: &str, was_staged: bool) {
        // The task that holds the lock wakes the background task afterwards.
        let Some(_lock) = self.rotations.locks.try_lock(name) else { return };
        let is_pending = was_staged && self.is_still_pending(name).await;
        let is_due = self.scheduled(name, is_pending).await.is_some_and(|role| role.at <= self.minting.now());
        if !is_due || self.is_stopping.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(Some(role)) = self.entries.get::<StaticRole>(&key(ROLES, name)).await {
            // The error is logged, and stored in the role.
            let _ = self.rotations.rotate(name, &role, Cause::Due).await;
        }
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

    async fn staged(&self) -> Result<BTreeSet<String>, Failure> {
        Ok(self.entries.list(PENDING).await?.into_iter().collect())
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
