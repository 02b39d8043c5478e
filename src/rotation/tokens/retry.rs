//! Retries inside a step: exponential backoff with full jitter, bounded by the
//! deadline, and never sooner than the other side asked for.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::rotation::error::{ErrorKind, Result, Retryability, RotationError};

/// The shortest wait after the other side asked for fewer calls.
const SLOWER: Duration = Duration::from_secs(1);

/// When a step has to be over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    work: Instant,
    cleanup: Instant,
}

impl Deadline {
    /// The longest margin that is kept for cleaning up and for answering.
    const LONGEST_MARGIN: Duration = Duration::from_secs(2);

    /// A deadline this far from now. A tenth of it, but not more than two seconds, is kept back: three
    /// quarters for revoking a token that could not be stored, one quarter for the answer to arrive.
    pub fn after(remaining: Duration) -> Self {
        let margin = (remaining / 10).min(Self::LONGEST_MARGIN);
        let end = Instant::now() + remaining;
        Self { work: end - margin, cleanup: end - margin / 4 }
    }

    /// The same end, for revoking what could not be stored: it may use the time kept back for that.
    #[must_use]
    pub(crate) fn for_cleanup(self) -> Self {
        Self { work: self.cleanup, cleanup: self.cleanup }
    }

    /// Half of what is left for cleaning up, so that a second thing can be done after the first.
    #[must_use]
    pub(crate) fn for_half_the_cleanup(self) -> Self {
        let half = self.for_cleanup().remaining() / 2;
        Self { work: Instant::now() + half, cleanup: self.cleanup }
    }

    /// Whether there is so much time left to work.
    pub(crate) fn allows(self, time: Duration) -> bool {
        self.remaining() > time
    }

    fn remaining(self) -> Duration {
        self.work.saturating_duration_since(Instant::now())
    }
}

/// How often and how patiently a call is tried again.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How many times a transient failure is tried again.
    pub transient_retries: u32,
    /// How many times a failure that may only be a stale read is tried again.
    pub settling_retries: u32,
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
    /// The operation's last error; [`ErrorKind::DeadlineExceeded`], with that error in its words,
    /// where there was no time left to try again. An error that asks for a longer wait than
    /// there is time is given as it is.
    pub async fn run<T, F, Fut>(&self, what: &str, deadline: Deadline, mut operation: F) -> Result<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let mut tries = Tries::default();
        let mut last: Option<RotationError> = None;
        loop {
            let error = match tokio::time::timeout_at(deadline.work, operation()).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) => error,
                Err(_) => return Err(out_of_time(what, last)),
            };
            let Some(wait) = self.wait(&mut tries, &error) else { return Err(error) };
            if wait >= deadline.remaining() {
                let asked_for = error.retry_after().is_some();
                return Err(if asked_for { error } else { out_of_time(what, Some(error)) });
            }
            let wait_ms = wait.as_millis() as u64;
            tracing::info!(call = what, error.r#type = error.kind().name(), wait_ms, "will try again: {error}");
            tokio::time::sleep(wait).await;
            last = Some(error);
        }
    }

    /// How long to wait before the next try; `None` where there shall be none.
    fn wait(&self, tries: &mut Tries, error: &RotationError) -> Option<Duration> {
        let (used, allowed) = match error.retryability() {
            Retryability::Transient => (&mut tries.transient, self.transient_retries),
            Retryability::MaySettle => (&mut tries.settling, self.settling_retries),
            Retryability::Permanent => return None,
        };
        if *used == allowed {
            return None;
        }
        let bound = self.first_wait.saturating_mul(2_u32.saturating_pow(*used)).min(self.longest_wait);
        *used += 1;
        let wait = bound.mul_f64((self.jitter)());
        let asked_for = error.retry_after().unwrap_or_default();
        // Who is asked for fewer calls does not ask again at once, whether it was said when or not.
        let least = if error.kind() == ErrorKind::RateLimited { SLOWER } else { Duration::ZERO };
        Some(wait.max(asked_for).max(least))
    }
}

/// How many tries of each kind a call has used up.
#[derive(Default)]
struct Tries {
    transient: u32,
    settling: u32,
}

fn out_of_time(what: &str, last: Option<RotationError>) -> RotationError {
    let message = format!("the time ran out while trying to {what}");
    match last {
        None => RotationError::new(ErrorKind::DeadlineExceeded, message),
        Some(last) => {
            RotationError::new(ErrorKind::DeadlineExceeded, format!("{message}; the last try: {}", last.chain()))
                .with_hint(last.hint().to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn policy() -> RetryPolicy {
        RetryPolicy { jitter: || 0.5, ..RetryPolicy::default() }
    }

    async fn fails(deadline: Duration, error: impl Fn() -> RotationError) -> (RotationError, u32) {
        let calls = AtomicU32::new(0);
        let call = || {
            calls.fetch_add(1, Ordering::Relaxed);
            let error = error();
            async move { Err::<(), _>(error) }
        };
        let error = policy().run("do it", Deadline::after(deadline), call).await.expect_err("it always fails");
        (error, calls.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_of_failure_is_tried_as_often_as_can_help() {
        let long = Duration::from_secs(600);
        for (kind, calls) in
            [(ErrorKind::PlatformUnavailable, 9), (ErrorKind::VersionNotStaged, 5), (ErrorKind::CredentialsRejected, 1)]
        {
            let (error, made) = fails(long, || RotationError::new(kind, "no")).await;
            assert_eq!((error.kind(), made), (kind, calls));
        }
        let (_, made) = fails(long, || RotationError::new(ErrorKind::PlatformUnavailable, "no").permanent()).await;
        assert_eq!(made, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_other_side_is_left_alone_for_as_long_as_it_asked() {
        let began = Instant::now();
        let asked = || RotationError::new(ErrorKind::RateLimited, "no").with_retry_after(Some(Duration::from_secs(42)));
        fails(Duration::from_secs(3600), asked).await;
        assert!(began.elapsed() >= Duration::from_secs(8 * 42));
        let began = Instant::now();
        let (error, made) = fails(Duration::from_secs(30), asked).await;
        assert_eq!((error.kind(), made), (ErrorKind::RateLimited, 1), "there is no time to wait that long");
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn running_out_of_time_tells_what_kept_failing() {
        let (error, _) =
            fails(Duration::from_secs(1), || RotationError::new(ErrorKind::StoreUnavailable, "it is down")).await;
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        assert!(error.to_string().contains("it is down"), "{error}");
        let never = || std::future::pending::<Result<()>>();
        let error =
            policy().run("wait", Deadline::after(Duration::from_secs(30)), never).await.expect_err("it never ends");
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    }
}
