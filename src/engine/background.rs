//! The background task of a mount: starts the work that is due, such as the rotation of static roles.
//!
//! It looks for work when the host's tick or a write wakes it, when the next rotation is due, and at least once a minute.
//! Each unit of work runs in a task of its own, so that a platform that hangs delays only the work of its own config.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::minting::Minting;
use super::upkeep::{LONGEST_SLEEP, SHORTEST_SLEEP, Upkeep, Work};
use crate::rotation::Deadline;

/// How long a running rotation may take after the mount is unloaded.
const LAST_ROTATION: Duration = Duration::from_millis(300);

/// Starts, wakes and stops the background task. Clones control the same task.
#[derive(Clone)]
pub(crate) struct Background {
    upkeep: Upkeep,
    minting: Minting,
    wake: Arc<Notify>,
    is_stopping: Arc<AtomicBool>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Background {
    /// The task of a mount. `upkeep` starts no work once `is_stopping` is set.
    pub(crate) fn new(upkeep: Upkeep, minting: Minting, is_stopping: Arc<AtomicBool>) -> Self {
        Self { upkeep, minting, wake: Arc::default(), is_stopping, task: Arc::default() }
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

    /// Runs one pass in the caller's task, until all of its work has ended.
    pub(crate) async fn run_pass(&self) {
        let (works, _) = self.upkeep.due().await;
        join_all(works.into_iter().map(|work| self.upkeep.perform(work))).await;
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
        self.minting.roll_back(Deadline::after(LAST_ROTATION)).await;
        // A host that seals answers no more.
        let stored = timeout(LAST_ROTATION, self.upkeep.owe_unrevoked()).await;
        if stored.is_err() {
            tracing::warn!("the host did not store which tokens are still to be revoked");
        }
    }
}

async fn run(upkeep: Upkeep, wake: Arc<Notify>, is_stopping: Arc<AtomicBool>) {
    let (running, mut tasks) = (RunningWork::default(), JoinSet::new());
    while !is_stopping.load(Ordering::Relaxed) {
        let (looking, began) = (upkeep.clone(), Instant::now());
        // A task of its own, so that a panic ends one pass only.
        let looked = tokio::spawn(async move { looking.due().await });
        let (works, next) = looked.await.unwrap_or((Vec::new(), LONGEST_SLEEP));
        for work in works {
            if let Some(running) = Running::begin(&running, &work) {
                let (upkeep, wake) = (upkeep.clone(), wake.clone());
                tasks.spawn(async move {
                    let changes_the_schedule = upkeep.perform(work).await;
                    // What was due again meanwhile may be due still.
                    if running.end() || changes_the_schedule {
                        wake.notify_one();
                    }
                });
            }
        }
        tokio::select! {
            () = wake.notified() => {}
            () = sleep(next) => {}
        }
        while tasks.try_join_next().is_some() {}
        // Limits the passes, however often the task is woken.
        if !is_stopping.load(Ordering::Relaxed) {
            sleep(SHORTEST_SLEEP.saturating_sub(began.elapsed())).await;
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// The work that runs, and whether it was due again since it began.
type RunningWork = Arc<Mutex<HashMap<Work, bool>>>;

/// Marks a unit of work as running until it is dropped, also by a panic.
struct Running {
    all: RunningWork,
    work: Work,
}

impl Running {
    /// `None` where the work runs already.
    fn begin(all: &RunningWork, work: &Work) -> Option<Self> {
        let mut running = all.lock();
        let is_due_again = running.contains_key(work);
        running.insert(work.clone(), is_due_again);
        (!is_due_again).then(|| Self { all: all.clone(), work: work.clone() })
    }

    /// Returns whether the work was due again since it began.
    fn end(self) -> bool {
        self.all.lock().get(&self.work).is_some_and(|is_due_again| *is_due_again)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.all.lock().remove(&self.work);
    }
}
