//! One pace for all who ask for tokens of one OAuth client: the platform counts them together.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::error::{ErrorKind, Result, RotationError};

/// How many token requests of one client are under way at once.
const AT_ONCE: usize = 8;
/// How long a client is left alone after the platform asked for fewer requests and did not say for how long. It
/// doubles each time until requests succeed again.
const FIRST_REST: Duration = Duration::from_secs(2);
/// The longest of these.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Limits the token requests of each client. Clones share the limits.
#[derive(Clone, Default)]
pub struct RateLimiter {
    clients: Arc<Mutex<HashMap<String, Arc<Pace>>>>,
}

struct Pace {
    turns: Semaphore,
    /// After a rest one asks first: the others need not be told the same.
    scout: tokio::sync::Mutex<()>,
    rest: Mutex<Rest>,
}

/// Until when nobody asks, and for how long that was.
#[derive(Clone, Copy, Default)]
struct Rest {
    until: Option<Instant>,
    length: Duration,
    /// How many requests have to succeed, one after the other, until many are made at once again.
    caution: usize,
}

impl RateLimiter {
    /// Runs a token request when its client may make one.
    ///
    /// # Errors
    /// `RateLimited` while the client rests; otherwise the request's own error.
    pub(crate) async fn run<T>(
        &self,
        credentials: &Credentials,
        request: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let pace = self.of(credentials);
        // It is never closed.
        let _turn = pace.turns.acquire().await;
        let _scout = if pace.is_recovering() { Some(pace.scout.lock().await) } else { None };
        if let Some(left) = pace.left() {
            let message = "the platform asked for fewer token requests of this OAuth client a moment ago";
            return Err(RotationError::new(ErrorKind::RateLimited, message).with_retry_after(Some(left)));
        }
        match request.await {
            Ok(done) => {
                pace.succeeded();
                Ok(done)
            }
            Err(error) if error.kind() == ErrorKind::RateLimited => {
                let rest = pace.begin_rest(error.retry_after());
                Err(error.with_retry_after(Some(rest)))
            }
            Err(error) => Err(error),
        }
    }

    fn of(&self, credentials: &Credentials) -> Arc<Pace> {
        let name = format!("{:?} {}", credentials.place(), credentials.id());
        let mut clients = lock(&self.clients);
        // Whoever asks has a share of it. Those who wait for the end of a rest have none, and still have to find it.
        clients.retain(|_, pace| Arc::strong_count(pace) > 1 || pace.is_recovering());
        clients.entry(name).or_insert_with(|| Arc::new(Pace::new())).clone()
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RateLimiter").finish_non_exhaustive()
    }
}

impl Pace {
    fn new() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), scout: tokio::sync::Mutex::default(), rest: Mutex::default() }
    }

    /// How long nobody is to ask yet.
    fn left(&self) -> Option<Duration> {
        let left = lock(&self.rest).until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Whether too few requests have succeeded since the last rest.
    fn is_recovering(&self) -> bool {
        lock(&self.rest).caution > 0
    }

    /// The platform wants to be left alone; gives for how long it is.
    fn begin_rest(&self, asked: Option<Duration>) -> Duration {
        let mut rest = lock(&self.rest);
        // Others who asked at the same time were told the same.
        if let Some(left) = rest.until.map(|until| until.saturating_duration_since(Instant::now()))
            && !left.is_zero()
        {
            return left;
        }
        let length = asked.unwrap_or_else(|| (rest.length * 2).clamp(FIRST_REST, LONGEST_REST));
        *rest = Rest { until: Some(Instant::now() + length), length, caution: AT_ONCE };
        length
    }

    fn succeeded(&self) {
        let mut rest = lock(&self.rest);
        rest.caution = rest.caution.saturating_sub(1);
        if rest.caution == 0 {
            *rest = Rest::default();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_shared_and_doubles_until_requests_succeed_again() {
        let pace = Pace::new();
        assert!(pace.left().is_none());
        for expected in [2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(pace.begin_rest(None), Duration::from_secs(expected));
            assert_eq!(pace.begin_rest(None), Duration::from_secs(expected), "who asked at the same time");
            tokio::time::advance(Duration::from_secs(expected)).await;
            assert!(pace.left().is_none());
        }
        for _ in 0..AT_ONCE {
            assert!(pace.is_recovering());
            pace.succeeded();
        }
        assert!(!pace.is_recovering());
        assert_eq!(pace.begin_rest(Some(Duration::from_secs(7))), Duration::from_secs(7), "as the platform said");
    }
}
