//! Retries inside a step: exponential backoff with full jitter, bounded by the
//! deadline, and never sooner than the other side asked for.

use std::future::Future;
use std::time::Duration;

use backon::Retryable;
use tokio::time::Instant;

use super::error::{ErrorKind, Result, Retryability, RotationError};

/// When a step has to be over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    work: Instant,
    cleanup: Instant,
}

impl Deadline {
    /// The longest margin that is kept for cleaning up and for answering.
    const LONGEST_MARGIN: Duration = Duration::from_secs(2);

    /// A deadline this far from now. A tenth of it, but not more than two seconds, is kept back:
    /// half for revoking a token that could not be stored, half for the answer to arrive.
    pub fn after(remaining: Duration) -> Self {
        let margin = (remaining / 10).min(Self::LONGEST_MARGIN);
        let end = Instant::now() + remaining;
        Self { work: end - margin, cleanup: end - margin / 2 }
    }

    /// The same end, for revoking what could not be stored: it may use the time kept back for that.
    #[must_use]
    pub fn for_cleanup(self) -> Self {
        Self { work: self.cleanup, cleanup: self.cleanup }
    }

    fn remaining(self) -> Duration {
        self.work.saturating_duration_since(Instant::now())
    }
}

/// How often and how patiently a call is tried again.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How many times a transient failure is tried again.
    pub transient_retries: usize,
    /// How many times a failure that may only be a stale read is tried again.
    pub settling_retries: usize,
    /// The bound of the first wait; it doubles with each further one.
    pub first_wait: Duration,
    /// The bound that no wait exceeds, unless the other side asked for a longer one.
    pub longest_wait: Duration,
    /// Draws a number from 0 up to 1: the part of the bound that is waited.
    pub jitter: fn() -> f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            transient_retries: 8,
            settling_retries: 4,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
            jitter: fastrand::f64,
        }
    }
}

impl RetryPolicy {
    /// Carries `operation` out until it succeeds, fails for good, or the deadline is near.
    ///
    /// # Errors
    /// The operation's last error; [`ErrorKind::DeadlineExceeded`] where the time ran out first.
    pub async fn run<T, F, Fut>(&self, what: &str, deadline: Deadline, mut operation: F) -> Result<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let mut tries = Tries { policy: *self, deadline, transient: 0, settling: 0 };
        let attempt = || {
            let call = operation();
            async move {
                match tokio::time::timeout_at(deadline.work, call).await {
                    Ok(result) => result,
                    Err(_) => Err(out_of_time(what)),
                }
            }
        };
        attempt
            .retry(self.waits())
            .sleep(tokio::time::sleep)
            .adjust(|error: &RotationError, wait| tries.wait(error, wait))
            .notify(|error: &RotationError, wait| {
                let wait_ms = wait.as_millis() as u64;
                tracing::debug!(call = what, error.r#type = error.kind().name(), wait_ms, "will try again: {error}");
            })
            .await
    }

    fn waits(&self) -> Waits {
        Waits { bound: self.first_wait, policy: *self }
    }
}

/// Counts the tries of one call and decides whether there is one more.
struct Tries {
    policy: RetryPolicy,
    deadline: Deadline,
    transient: usize,
    settling: usize,
}

impl Tries {
    fn wait(&mut self, error: &RotationError, backoff: Option<Duration>) -> Option<Duration> {
        let (used, allowed) = match error.retryability() {
            Retryability::Transient => (&mut self.transient, self.policy.transient_retries),
            Retryability::MaySettle => (&mut self.settling, self.policy.settling_retries),
            Retryability::Permanent => return None,
        };
        if *used == allowed {
            return None;
        }
        *used += 1;
        let wait = backoff?.max(error.retry_after().unwrap_or_default());
        (wait < self.deadline.remaining()).then_some(wait)
    }
}

fn out_of_time(what: &str) -> RotationError {
    RotationError::new(ErrorKind::DeadlineExceeded, format!("the time ran out while trying to {what}"))
}

/// The waits between tries: a random part of a bound that doubles.
struct Waits {
    bound: Duration,
    policy: RetryPolicy,
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let bound = self.bound;
        self.bound = (bound * 2).min(self.policy.longest_wait);
        Some(bound.mul_f64((self.policy.jitter)()))
    }
}
