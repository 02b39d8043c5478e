//! The background task of a mount: heals interrupted rotations of client secrets, and rotates the static roles that
//! are due.
//!
//! It runs when the host's tick or a write wakes it, when the next role is due, and at least once a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::minting::Minting;
use super::node::Node;
use super::root::rotation::RootRotations;
use super::static_roles::rotation::StaticRotations;
use super::static_roles::scheduler::Scheduler;
use super::storage::entries::Entries;
use crate::rotation::Deadline;
use openbao_plugin::Failure;

/// The longest wait between two passes.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The shortest wait, so that tokens with a life of seconds do not keep a CPU busy.
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);
/// How long revoking the tokens of cancelled requests may take.
const ROLLBACK: Duration = Duration::from_secs(10);
/// How long a running rotation may take after the mount is unloaded.
const LAST_ROTATION: Duration = Duration::from_millis(300);

/// Starts, wakes and stops the background task. Clones control the same task.
#[derive(Clone)]
pub(crate) struct Background {
    upkeep: Upkeep,
    wake: Arc<Notify>,
    is_stopping: Arc<AtomicBool>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// The work of one pass.
#[derive(Clone)]
struct Upkeep {
    node: Node,
    minting: Minting,
    roots: RootRotations,
    scheduler: Scheduler,
}

impl Background {
    pub(crate) fn new(
        entries: Entries,
        node: Node,
        minting: Minting,
        roots: RootRotations,
        rotations: StaticRotations,
    ) -> Self {
        let is_stopping = Arc::<AtomicBool>::default();
        let scheduler = Scheduler { entries, rotations, minting: minting.clone(), is_stopping: is_stopping.clone() };
        let upkeep = Upkeep { node, minting, roots, scheduler };
        Self { upkeep, wake: Arc::default(), is_stopping, task: Arc::default() }
    }

    /// Starts the task, or wakes it where it runs.
    pub(crate) fn start(&self) {
        self.is_stopping.store(false, Ordering::Relaxed);
        self.wake();
        let mut task = self.task.lock();
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(tokio::spawn(run(self.upkeep.clone(), self.wake.clone(), self.is_stopping.clone())));
        }
    }

    /// Wakes the task.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Runs one pass in the caller's task.
    pub(crate) async fn run_pass(&self) {
        self.upkeep.pass().await;
    }

    /// Stops the task. A running rotation has 300 ms to finish; one that is aborted is resumed after the next start.
    pub(crate) async fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.wake();
        let task = self.task.lock().take();
        if let Some(mut task) = task
            && timeout(LAST_ROTATION, &mut task).await.is_err()
        {
            task.abort();
        }
        self.upkeep.minting.roll_back(Deadline::after(LAST_ROTATION)).await;
    }
}

async fn run(upkeep: Upkeep, wake: Arc<Notify>, is_stopping: Arc<AtomicBool>) {
    while !is_stopping.load(Ordering::Relaxed) {
        let (work, began) = (upkeep.clone(), Instant::now());
        // A task of its own, so that a panic ends one pass only.
        let mut pass = JoinSet::new();
        pass.spawn(async move { work.pass().await });
        let next = pass.join_next().await.and_then(Result::ok).unwrap_or(LONGEST_SLEEP);
        tokio::select! {
            () = wake.notified() => {}
            () = sleep(next) => {}
        }
        // Limits the passes, however often the task is woken.
        if !is_stopping.load(Ordering::Relaxed) {
            sleep(SHORTEST_SLEEP.saturating_sub(began.elapsed())).await;
        }
    }
}

impl Upkeep {
    /// Runs one pass, and returns the wait until the next.
    async fn pass(&self) -> Duration {
        self.minting.roll_back(Deadline::after(ROLLBACK)).await;
        let next = match self.work().await {
            Ok(next) => next,
            Err(failure) if failure.is_read_only() => {
                tracing::debug!("this node may not write: the active node rotates the static roles");
                None
            }
            Err(failure) => {
                tracing::warn!("the static roles could not be checked: {failure}");
                None
            }
        };
        let Some(next) = next else { return LONGEST_SLEEP };
        // Zero for a role that is overdue.
        let left = Duration::try_from(next.duration_since(self.minting.now())).unwrap_or_default();
        left.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    /// Returns when the next role is due; `None` where there is none, or this node may not write.
    async fn work(&self) -> Result<Option<Timestamp>, Failure> {
        if !self.node.may_write().await? {
            return Ok(None);
        }
        self.roots.heal().await?;
        self.scheduler.rotate_due_roles().await
    }
}
