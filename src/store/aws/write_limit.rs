//! A rate limit for the writes of one client.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};

const SECOND: Duration = Duration::from_secs(1);

/// A semaphore whose permits are returned one second after the write's answer. However long a write is delayed on its
/// way, no more of them than permits arrive within a second.
#[derive(Debug)]
pub(super) struct WriteLimit {
    permits: Arc<Semaphore>,
    /// The end of the pause.
    paused_until: Mutex<Instant>,
}

/// The permit of one write, which ends when the permit is dropped.
#[derive(Debug)]
pub(super) struct WritePermit(Option<OwnedSemaphorePermit>);

impl WriteLimit {
    pub(super) fn per_second(writes: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(writes)), paused_until: Mutex::new(Instant::now()) }
    }

    /// Waits for a permit.
    pub(super) async fn acquire(&self) -> WritePermit {
        // The semaphore is never closed.
        let permit = self.permits.clone().acquire_owned().await.ok();
        let paused_until = *self.paused_until.lock();
        sleep_until(paused_until).await;
        WritePermit(permit)
    }

    /// Pauses all writes for one second, after Secrets Manager throttled one.
    pub(super) fn pause(&self) {
        *self.paused_until.lock() = Instant::now() + SECOND;
    }
}

impl Drop for WritePermit {
    fn drop(&mut self) {
        let Some(permit) = self.0.take() else { return };
        // Without a runtime, the process is exiting.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            sleep(SECOND).await;
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn writes_per_second_stay_within_the_limit() {
        let (limit, began) = (WriteLimit::per_second(45), Instant::now());
        let mut arrivals = Vec::new();
        for number in 0..200 {
            let permit = limit.acquire().await;
            // The write is delayed on its way.
            sleep(Duration::from_millis(number * 7 % 13)).await;
            arrivals.push(began.elapsed());
            drop(permit);
        }
        assert!(arrivals.windows(46).all(|window| window[45] - window[0] >= SECOND), "{arrivals:?}");
        assert!(arrivals[199] < 8 * SECOND, "the limit costs little time: {:?}", arrivals[199]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_applies_to_every_write() {
        let (limit, began) = (WriteLimit::per_second(45), Instant::now());
        limit.pause();
        drop(limit.acquire().await);
        assert!(began.elapsed() >= SECOND);
    }
}
