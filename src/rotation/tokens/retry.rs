//! Retries within a step: exponential backoff with full jitter, bounded by the deadline, and no earlier than the peer's
//! `Retry-After`.

use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::rotation::error::{ErrorKind, Result, Retryability, RotationError};

/// The minimum wait after `RateLimited`.
const RATE_LIMIT_WAIT: Duration = Duration::from_secs(1);

/// When a step must end.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    work: Instant,
    cleanup: Instant,
    /// The time of day at which the work must end. An [`Instant`] does not advance while the machine is suspended.
    work_by: Option<SystemTime>,
}

impl Deadline {
    /// The maximum margin for cleanup and for the answer.
    const LONGEST_MARGIN: Duration = Duration::from_secs(2);

    /// Returns the deadline `remaining` from now. One tenth, at most two seconds, is reserved: three quarters of it for
    /// revoking a token that was not stored, one quarter for sending the answer.
    pub fn after(remaining: Duration) -> Self {
        let margin = (remaining / 10).min(Self::LONGEST_MARGIN);
        let end = Instant::now() + remaining;
        Self { work: end - margin, cleanup: end - margin / 4, work_by: None }
    }

    /// Returns the same deadline including the time reserved for cleanup.
    #[must_use]
    pub(crate) fn for_cleanup(self) -> Self {
        Self { work: self.cleanup, cleanup: self.cleanup, work_by: None }
    }

    /// Returns a deadline at half of the remaining cleanup time, so that a second cleanup can follow the first.
    #[must_use]
    pub(crate) fn for_half_the_cleanup(self) -> Self {
        let half = self.for_cleanup().remaining() / 2;
        Self { work: Instant::now() + half, cleanup: self.cleanup, work_by: None }
    }

    /// Returns the earlier of this deadline and the one `time` from now, also by the time of day. The time reserved for
    /// cleanup is the same.
    #[must_use]
    pub(crate) fn at_most(self, time: Duration) -> Self {
        Self { work: self.work.min(Instant::now() + time), work_by: Some(time_of_day() + time), ..self }
    }

    /// Returns this deadline, `time` earlier. The time reserved for cleanup is the same.
    #[must_use]
    pub(crate) fn earlier_by(self, time: Duration) -> Self {
        Self { work: self.work.checked_sub(time).unwrap_or(self.work), ..self }
    }

    /// Returns whether more than `time` remains before the deadline.
    pub(crate) fn allows(self, time: Duration) -> bool {
        self.remaining() > time
    }

    fn remaining(self) -> Duration {
        let remaining = self.work.saturating_duration_since(Instant::now());
        let by_day = self.work_by.map(|end| end.duration_since(time_of_day()).unwrap_or_default());
        by_day.map_or(remaining, |by_day| remaining.min(by_day))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it bounds requests, as Instant does; documents take the time from Clock"
)]
fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// How often a call is retried, and how long it waits in between.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The maximum number of retries of a transient failure.
    pub transient_retries: u32,
    /// The maximum number of retries of a failure that a stale read can cause.
    pub settling_retries: u32,
    /// The upper bound of the first wait; it doubles with each retry.
    pub first_wait: Duration,
    /// The upper bound of every wait, unless the peer asks for a longer one.
    pub longest_wait: Duration,
    /// Returns a random number from 0 to 1: the fraction of the bound to wait.
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
    /// Runs `operation` until it succeeds, fails permanently, or no time remains. `what` names it in errors, such as `read the secret`.
    ///
    /// # Errors
    /// The operation's last error, also if it asks for a longer wait than the remaining time;
    /// [`ErrorKind::DeadlineExceeded`] with the last error in its message if no time remains to retry.
    pub async fn run<T, F, Fut>(&self, what: &str, deadline: Deadline, mut operation: F) -> Result<T>
    where
        T: Send,
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
    {
        self.run_boxed(what, deadline, &mut || Box::pin(operation())).await
    }

    /// [`run`](Self::run), compiled once for each type of result.
    fn run_boxed<'a, T: Send + 'a>(
        &'a self,
        what: &'a str,
        deadline: Deadline,
        attempt: &'a mut Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(async move {
            let mut failed = Failed::default();
            loop {
                if !deadline.allows(Duration::ZERO) {
                    return Err(out_of_time(what, failed.last));
                }
                let error = match tokio::time::timeout_at(deadline.work, attempt()).await {
                    Ok(Ok(done)) => return Ok(done),
                    Ok(Err(error)) => error,
                    Err(_) => return Err(out_of_time(what, failed.last)),
                };
                self.wait_to_retry(what, deadline, &mut failed, error).await?;
            }
        })
    }

    /// Waits until the next attempt.
    ///
    /// # Errors
    /// The error of `run`, if there is no further attempt.
    fn wait_to_retry<'a>(
        &'a self,
        what: &'a str,
        deadline: Deadline,
        failed: &'a mut Failed,
        error: RotationError,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(wait) = self.wait(failed, &error) else { return Err(error) };
            if wait >= deadline.remaining() {
                let asked_for = error.retry_after().is_some();
                return Err(if asked_for { error } else { out_of_time(what, Some(error)) });
            }
            let wait_ms = wait.as_millis() as u64;
            tracing::info!(call = what, error.r#type = error.kind().name(), wait_ms, "retrying: {error}");
            tokio::time::sleep(wait).await;
            failed.last = Some(error);
            Ok(())
        })
    }

    /// Returns the wait before the next attempt; `None` for no further attempt.
    fn wait(&self, failed: &mut Failed, error: &RotationError) -> Option<Duration> {
        let (used, allowed) = match error.retryability() {
            Retryability::Transient => (&mut failed.transient, self.transient_retries),
            Retryability::MaySettle => (&mut failed.settling, self.settling_retries),
            Retryability::Permanent => return None,
        };
        if *used == allowed {
            return None;
        }
        let bound = self.first_wait.saturating_mul(2_u32.saturating_pow(*used)).min(self.longest_wait);
        *used += 1;
        let wait = bound.mul_f64((self.jitter)());
        let asked_for = error.retry_after().unwrap_or_default();
        let least = if error.kind() == ErrorKind::RateLimited { RATE_LIMIT_WAIT } else { Duration::ZERO };
        Some(wait.max(asked_for).max(least))
    }
}

type Attempt<'a, T> = dyn FnMut() -> BoxFuture<'a, Result<T>> + Send + 'a;

/// The failed attempts so far: the retries used, and the last error.
#[derive(Default)]
struct Failed {
    transient: u32,
    settling: u32,
    last: Option<RotationError>,
}

fn out_of_time(what: &str, last: Option<RotationError>) -> RotationError {
    let message = format!("the time limit was reached while trying to {what}");
    match last {
        None => RotationError::new(ErrorKind::DeadlineExceeded, message),
        Some(last) => {
            RotationError::new(ErrorKind::DeadlineExceeded, format!("{message}; last error: {}", last.chain()))
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

    async fn fails(deadline: Duration, error: impl Fn() -> RotationError + Sync) -> (RotationError, u32) {
        let calls = AtomicU32::new(0);
        let call = || {
            calls.fetch_add(1, Ordering::Relaxed);
            let error = error();
            async move { Err::<(), _>(error) }
        };
        let error = policy().run("do it", Deadline::after(deadline), call).await.expect_err("the call always fails");
        (error, calls.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn retries_depend_on_the_kind_of_failure() {
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
    async fn a_retry_waits_as_long_as_the_peer_asks() {
        let began = Instant::now();
        let asked = || RotationError::new(ErrorKind::RateLimited, "no").with_retry_after(Some(Duration::from_secs(42)));
        fails(Duration::from_secs(3600), asked).await;
        assert!(began.elapsed() >= Duration::from_secs(8 * 42));
        let began = Instant::now();
        let (error, made) = fails(Duration::from_secs(30), asked).await;
        assert_eq!((error.kind(), made), (ErrorKind::RateLimited, 1), "no retry fits before the deadline");
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_reserves_time_for_cleanup_and_for_the_answer() {
        let seconds = Duration::from_secs;
        let margins = |deadline: Deadline| (deadline.remaining(), deadline.for_cleanup().remaining());
        assert_eq!(margins(Deadline::after(seconds(60))), (seconds(58), Duration::from_millis(59_500)));
        let short = Deadline::after(seconds(8));
        assert_eq!(margins(short), (Duration::from_millis(7_200), Duration::from_millis(7_800)));
        assert!(short.allows(Duration::from_millis(7_199)) && !short.allows(Duration::from_millis(7_200)));
        let half = short.for_half_the_cleanup();
        assert_eq!(margins(half), (Duration::from_millis(3_900), Duration::from_millis(7_800)));
        assert_eq!(margins(short.earlier_by(seconds(5))), (Duration::from_millis(2_200), Duration::from_millis(7_800)));
        tokio::time::advance(seconds(10)).await;
        assert_eq!(margins(short), (Duration::ZERO, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shortened_deadline_ends_a_call_and_keeps_the_time_for_cleanup() {
        let (began, second) = (Instant::now(), Duration::from_secs(1));
        let hour = Deadline::after(3600 * second);
        let never = || std::future::pending::<Result<()>>();
        policy().run("wait", hour.at_most(second), never).await.expect_err("the call never ends");
        assert_eq!(began.elapsed(), second);
        assert!(hour.at_most(second).for_cleanup().allows(3000 * second));
        assert!(hour.at_most(second).work_by.is_some(), "a suspension of the machine counts");
        assert!(!Deadline::after(second).at_most(3600 * second).allows(second), "the earlier of the two");
    }

    #[tokio::test(start_paused = true)]
    async fn the_waits_between_retries_double_up_to_a_bound() {
        let (mut failed, policy) = (Failed::default(), policy());
        let unavailable = RotationError::new(ErrorKind::PlatformUnavailable, "no");
        let waits = std::iter::from_fn(|| policy.wait(&mut failed, &unavailable)).map(|wait| wait.as_millis());
        assert_eq!(waits.collect::<Vec<_>>(), [50, 100, 200, 400, 800, 1600, 2500, 2500]);
        let limited = RotationError::new(ErrorKind::RateLimited, "no");
        let wait = |error: RotationError| policy.wait(&mut Failed::default(), &error);
        assert_eq!(wait(limited.clone()), Some(RATE_LIMIT_WAIT));
        assert_eq!(wait(limited.with_retry_after(Some(Duration::from_secs(7)))), Some(Duration::from_secs(7)));
        assert_eq!(wait(RotationError::new(ErrorKind::TokenRejected, "no")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_after_a_suspension_that_outlasts_the_deadline() {
        let hour = Duration::from_secs(3600);
        let resumed = Deadline { work_by: Some(time_of_day()), ..Deadline::after(hour).at_most(hour) };
        let call = || async { panic!("the call is not made") };
        let error = policy().run::<(), _, _>("promote the version", resumed, call).await.expect_err("no time is left");
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_error_contains_the_last_error() {
        let (error, _) =
            fails(Duration::from_secs(1), || RotationError::new(ErrorKind::StoreUnavailable, "the store is down"))
                .await;
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        assert!(error.to_string().contains("the store is down"), "{error}");
        let never = || std::future::pending::<Result<()>>();
        let error = policy()
            .run("wait", Deadline::after(Duration::from_secs(30)), never)
            .await
            .expect_err("the call never ends");
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    }
}
