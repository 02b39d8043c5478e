//! Rotating the static roles of a mount when they are due.
//!
//! A task for each mount, from the host's initialize on. It looks after its roles when the host's tick or a write wakes
//! it, when the next of them is due, and once a minute in any case.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::role::{CREDENTIALS, PENDING, ROLES, StaticRole, key};
use crate::engine::GenesysMount;
use openbao_plugin::Failure;

/// The longest time from one look to the next.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The shortest: tokens that live for seconds must not keep a processor busy.
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);
/// How many roles are rotated at once.
const AT_ONCE: usize = 8;
/// How long a rotation that is running when the mount goes away may take.
const LAST_ROTATION: Duration = Duration::from_millis(300);
/// No role can have this name, so nothing is lost by deleting what it has staged. A host's storage
/// takes no key that ends in a dot.
const NOBODY: &str = "-";

/// The task of a mount.
#[derive(Default)]
pub(crate) struct Scheduler {
    wake: Notify,
    is_stopping: AtomicBool,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Scheduler {
    /// Starts the task, which looks after the roles at once. Where it runs already, it is woken.
    pub(crate) fn start(&self, mount: &GenesysMount) {
        self.is_stopping.store(false, Ordering::Relaxed);
        self.wake();
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(tokio::spawn(mount.clone().look_after_static_roles()));
        }
    }

    /// Something may be due.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Lets rotations end that are running, though not for long, and begins no other. One that is cut short is taken
    /// up where it was by whoever comes next.
    pub(crate) async fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.wake();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut task) = task
            && timeout(LAST_ROTATION, &mut task).await.is_err()
        {
            task.abort();
        }
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }
}

impl GenesysMount {
    async fn look_after_static_roles(self) {
        while !self.scheduler.is_stopping() {
            let (mount, began) = (self.clone(), Instant::now());
            // A task of its own, which ends with this one and costs no more than itself if it panics.
            let mut pass = JoinSet::new();
            pass.spawn(async move { mount.pass().await });
            let next = pass.join_next().await.and_then(Result::ok).unwrap_or(LONGEST_SLEEP);
            tokio::select! {
                () = self.scheduler.wake.notified() => {}
                () = sleep(next) => {}
            }
            // However often it is woken, a crowd of readers does not make it look all the time.
            if !self.scheduler.is_stopping() {
                sleep(SHORTEST_SLEEP.saturating_sub(began.elapsed())).await;
            }
        }
    }

    /// Looks once, and says for how long nothing will be due.
    async fn pass(&self) -> Duration {
        let next = match self.rotate_due_roles().await {
            Ok(next) => next,
            Err(Failure::Host(error)) if error.is_read_only() => {
                tracing::debug!("this node may not write: another one rotates the static roles");
                None
            }
            Err(failure) => {
                tracing::warn!("the static roles could not be looked after: {failure}");
                None
            }
        };
        let Some(next) = next else { return LONGEST_SLEEP };
        // What was due a while ago is due now.
        let left = Duration::try_from(next.duration_since(self.now())).unwrap_or_default();
        left.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    /// Rotates what is due, and says when the next is; `None` where this node has no part in it.
    async fn rotate_due_roles(&self) -> Result<Option<Timestamp>, Failure> {
        if !self.may_write().await? {
            return Ok(None);
        }
        self.heal_roots().await?;
        let names = self.entries.list(ROLES).await?;
        let staged: BTreeSet<_> = self.entries.list(PENDING).await?.into_iter().collect();
        let orphans = self.orphans(&names, &staged).await?;
        let staged = &staged;
        let looks =
            names.into_iter().map(|name| async move { (self.look_at(&name, staged.contains(&name)).await, name) });
        let looked: Vec<_> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
        let now = self.now();
        let (mut due, later): (Vec<_>, Vec<_>) =
            looked.into_iter().filter_map(|(when, name)| Some((when?, name))).partition(|(when, _)| *when <= now);
        if !due.is_empty() || !orphans.is_empty() {
            // Not every host tells a standby what it is, and a token that cannot be stored is made in vain.
            self.entries.delete(&key(PENDING, NOBODY)).await?;
        }
        due.sort_unstable();
        let rotations =
            due.into_iter().map(|(_, name)| async move { self.rotate_if_due(&name, staged.contains(&name)).await });
        let rotated: Vec<_> = stream::iter(rotations).buffer_unordered(AT_ONCE).collect().await;
        for name in orphans {
            self.sweep_unless_held(&name).await?;
        }
        Ok(later.into_iter().map(|(when, _)| when).chain(rotated.into_iter().flatten()).min())
    }

    /// When a role is due; `None` where it is gone, or cannot be read and fails alone.
    async fn look_at(&self, name: &str, is_begun: bool) -> Option<Timestamp> {
        let looked = async {
            match self.entries.get::<StaticRole>(&key(ROLES, name)).await? {
                Some(role) => self.next_rotation(name, &role, is_begun).await.map(Some),
                None => Ok(None),
            }
        };
        looked.await.unwrap_or_else(|failure: Failure| {
            tracing::warn!(role.name = name, "the static role is left alone: {failure}");
            None
        })
    }

    /// Rotates a role unless somebody else has it, or had it meanwhile; and says when it is due next.
    async fn rotate_if_due(&self, name: &str, was_staged: bool) -> Option<Timestamp> {
        // Who has it wakes the task once it is done.
        let _alone = self.rotations.try_hold(name)?;
        let is_begun = was_staged && self.is_still_begun(name).await;
        let due = self.look_at(name, is_begun).await?;
        if due > self.now() || self.scheduler.is_stopping() {
            return Some(due);
        }
        let role = self.entries.get::<StaticRole>(&key(ROLES, name)).await.ok()??;
        // It is logged, and written down in the role.
        let _ = self.rotate_static(name, &role).await;
        let is_begun = self.is_begun(name).await.unwrap_or(false);
        self.look_at(name, is_begun).await
    }

    /// Whether a rotation waits for its end. What was promoted and is still staged as well is tidied up.
    async fn is_still_begun(&self, name: &str) -> bool {
        let begun = self.is_begun(name).await;
        if let Ok(false) = begun
            && let Err(failure) = self.entries.delete(&key(PENDING, name)).await
        {
            tracing::warn!(role.name = name, "the promoted version is still staged, which does no harm: {failure}");
        }
        begun.unwrap_or(false)
    }

    /// Names that have a credential and are no role's: a crash in the midst of a write or a deletion leaves that.
    async fn orphans(&self, roles: &[String], staged: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
        let mut orphans: BTreeSet<_> = self.entries.list(CREDENTIALS).await?.into_iter().collect();
        orphans.extend(staged.iter().cloned());
        for role in roles {
            orphans.remove(role);
        }
        Ok(orphans)
    }

    async fn sweep_unless_held(&self, name: &str) -> Result<(), Failure> {
        let Some(_alone) = self.rotations.try_hold(name) else { return Ok(()) };
        self.sweep(name).await
    }

    /// Ends what a role left behind that was never written, or was deleted. Whoever calls this holds the role's lock.
    ///
    /// # Errors
    /// What the host says.
    pub(crate) async fn sweep(&self, name: &str) -> Result<(), Failure> {
        let role: Option<serde::de::IgnoredAny> = self.entries.get(&key(ROLES, name)).await?;
        if role.is_some() {
            return Ok(());
        }
        tracing::info!(role.name = name, "what a role left behind is removed");
        self.end_static(name).await.map(drop)
    }
}
