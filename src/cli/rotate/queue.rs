//! The secrets whose rotation has not started.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::cli::target::source::Chosen;

/// A first-in, first-out queue.
pub(in crate::cli) struct Queue {
    secrets: RefCell<VecDeque<Chosen>>,
    /// The earliest start of each secret, in order; those without one start at once.
    starts: RefCell<VecDeque<Instant>>,
    drained: Notify,
}

impl Queue {
    pub(in crate::cli) fn new(chosen: Vec<Chosen>) -> Self {
        Self { secrets: RefCell::new(chosen.into()), starts: RefCell::default(), drained: Notify::new() }
    }

    /// Delays the starts by random times up to `spread`.
    pub(super) fn spread_over(self, spread: Duration) -> Self {
        let now = Instant::now();
        let count = self.secrets.borrow().len();
        let mut starts: Vec<_> = (0..count).map(|_| now + spread.mul_f64(fastrand::f64())).collect();
        starts.sort();
        Self { starts: RefCell::new(starts.into()), ..self }
    }

    /// Removes and returns the remaining secrets, also those that wait for their start.
    pub(in crate::cli) fn drain(&self) -> VecDeque<Chosen> {
        self.drained.notify_one();
        self.secrets.take()
    }

    /// Removes the secrets one by one, each at its start.
    pub(in crate::cli) fn stream(&self) -> impl Stream<Item = Chosen> {
        stream::unfold(self, |queue| async move { Some((queue.next().await?, queue)) })
    }

    async fn next(&self) -> Option<Chosen> {
        let start = self.starts.borrow_mut().pop_front();
        if let Some(start) = start {
            tokio::select! {
                () = sleep_until(start) => {}
                () = self.drained.notified() => {}
            }
        }
        self.secrets.borrow_mut().pop_front()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;
    use crate::cli::target::secret_reference::SecretReference;

    fn queue(secrets: usize) -> Queue {
        let secret = |number: usize| SecretReference::parse(&format!("genesys/{number}")).expect("a name");
        Queue::new((0..secrets).map(|number| Chosen { secret: secret(number), listed: None }).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn starts_are_spread_in_order_over_the_whole_time() {
        let (began, spread) = (Instant::now(), Duration::from_secs(600));
        let queue = queue(300).spread_over(spread);
        let starts: Vec<_> = queue.stream().map(|_| Instant::now() - began).collect().await;
        assert!(starts.is_sorted() && starts.len() == 300);
        // The chance that one of four quarters gets fewer than 40 of 300 starts is below one in a million.
        for quarter in 0..4 {
            let within = |start: &&Duration| start.as_secs() / 150 == quarter;
            assert!(starts.iter().filter(within).count() > 40, "{starts:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_drained_queue_ends_at_once_and_returns_what_waits() {
        let queue = queue(3).spread_over(Duration::from_secs(600));
        let mut secrets = std::pin::pin!(queue.stream());
        assert!(secrets.next().now_or_never().is_none());
        assert_eq!(queue.drain().len(), 3);
        let drained = Instant::now();
        assert!(secrets.next().await.is_none());
        assert_eq!(Instant::now(), drained);
    }
}
