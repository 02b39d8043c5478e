//! A pace for writing, shared by all who write through one client.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};

const SECOND: Duration = Duration::from_secs(1);

/// So many turns, each of which is given back a second after its write was answered. Wherever on its way a write is
/// held up, no second sees more of them arrive.
#[derive(Debug)]
pub(super) struct Pace {
    turns: Arc<Semaphore>,
    /// Until when nobody writes.
    rest: Mutex<Instant>,
}

/// One write. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn(Option<OwnedSemaphorePermit>);

impl Pace {
    pub(super) fn per_second(writes: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(writes)), rest: Mutex::new(Instant::now()) }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Turn {
        // It is never closed.
        let turn = self.turns.clone().acquire_owned().await.ok();
        let rest = *self.lock();
        sleep_until(rest).await;
        Turn(turn)
    }

    /// The service asked for fewer writes: nobody writes for a second.
    pub(super) fn rest(&self) {
        *self.lock() = Instant::now() + SECOND;
    }

    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turn) = self.0.take() else { return };
        // Without a runtime this process is ending, and nobody waits for the turn.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            sleep(SECOND).await;
            drop(turn);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_writes_than_it_may() {
        let (pace, began) = (Pace::per_second(45), Instant::now());
        let mut arrivals = Vec::new();
        for number in 0..200 {
            let turn = pace.turn().await;
            // Each is held up on its way for as long as it likes.
            sleep(Duration::from_millis(number * 7 % 13)).await;
            arrivals.push(began.elapsed());
            drop(turn);
        }
        assert!(arrivals.windows(46).all(|window| window[45] - window[0] >= SECOND), "{arrivals:?}");
        assert!(arrivals[199] < 8 * SECOND, "and little time is lost: {:?}", arrivals[199]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_for_everybody() {
        let (pace, began) = (Pace::per_second(45), Instant::now());
        pace.rest();
        drop(pace.turn().await);
        assert!(began.elapsed() >= SECOND);
    }
}
