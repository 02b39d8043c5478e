//! Rate limit for token requests, per OAuth client: the platform counts all requests of a client together.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::error::{ErrorKind, Result, RotationError};

/// The maximum number of concurrent token requests of one client.
const CONCURRENCY: usize = 8;
/// The first pause after the platform limits a client without a `Retry-After`. It doubles until requests succeed again.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Limits the token requests of each client. Clones share the limits.
#[derive(Clone, Default)]
pub struct RateLimiter {
    clients: Arc<Mutex<HashMap<String, Arc<ClientLimit>>>>,
}

struct ClientLimit {
    requests: Semaphore,
    /// Serializes the requests after a pause, so that one request finds out whether the limit still applies.
    recovery: tokio::sync::Mutex<()>,
    pause: Mutex<Pause>,
}

#[derive(Clone, Copy, Default)]
struct Pause {
    until: Option<Instant>,
    length: Duration,
    /// How many requests must succeed, one after the other, before requests run concurrently again.
    recovery_left: usize,
}

impl RateLimiter {
    /// Runs a token request when its client may send one.
    ///
    /// # Errors
    /// `RateLimited` while the client pauses; otherwise the request's own error.
    pub(crate) async fn run<T>(
        &self,
        credentials: &Credentials,
        request: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let limit = self.limit_of(credentials);
        // The semaphore is never closed.
        let _permit = limit.requests.acquire().await;
        let _recovery = if limit.is_recovering() { Some(limit.recovery.lock().await) } else { None };
        if let Some(left) = limit.pause_left() {
            let message = "the platform recently limited the token requests of this OAuth client";
            return Err(RotationError::new(ErrorKind::RateLimited, message).with_retry_after(Some(left)));
        }
        match request.await {
            Ok(done) => {
                limit.succeeded();
                Ok(done)
            }
            Err(error) if error.kind() == ErrorKind::RateLimited => {
                let pause = limit.start_pause(error.retry_after());
                Err(error.with_retry_after(Some(pause)))
            }
            Err(error) => Err(error),
        }
    }

    fn limit_of(&self, credentials: &Credentials) -> Arc<ClientLimit> {
        let name = format!("{:?} {}", credentials.place(), credentials.id());
        let mut clients = self.clients.lock();
        // Running requests hold a reference. Callers that wait for the end of a pause hold none, but need its entry.
        clients.retain(|_, limit| Arc::strong_count(limit) > 1 || limit.is_recovering());
        clients.entry(name).or_insert_with(|| Arc::new(ClientLimit::new())).clone()
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RateLimiter").finish_non_exhaustive()
    }
}

impl ClientLimit {
    fn new() -> Self {
        Self { requests: Semaphore::new(CONCURRENCY), recovery: tokio::sync::Mutex::default(), pause: Mutex::default() }
    }

    fn pause_left(&self) -> Option<Duration> {
        self.pause.lock().left()
    }

    fn is_recovering(&self) -> bool {
        self.pause.lock().recovery_left > 0
    }

    /// Starts a pause, and returns its remaining length.
    fn start_pause(&self, retry_after: Option<Duration>) -> Duration {
        let mut pause = self.pause.lock();
        // A concurrent request has already started it.
        if let Some(left) = pause.left() {
            return left;
        }
        let length = retry_after.unwrap_or_else(|| (pause.length * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE));
        *pause = Pause { until: Some(Instant::now() + length), length, recovery_left: CONCURRENCY };
        length
    }

    fn succeeded(&self) {
        let mut pause = self.pause.lock();
        pause.recovery_left = pause.recovery_left.saturating_sub(1);
        if pause.recovery_left == 0 {
            *pause = Pause::default();
        }
    }
}

impl Pause {
    fn left(&self) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::document::fields::Document;

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_shared_and_doubles_until_requests_succeed_again() {
        let limit = ClientLimit::new();
        assert!(limit.pause_left().is_none());
        for expected in [2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(limit.start_pause(None), Duration::from_secs(expected));
            assert_eq!(limit.start_pause(None), Duration::from_secs(expected), "a concurrent request");
            tokio::time::advance(Duration::from_secs(expected)).await;
            assert!(limit.pause_left().is_none());
        }
        for _ in 0..CONCURRENCY {
            assert!(limit.is_recovering());
            limit.succeeded();
        }
        assert!(!limit.is_recovering());
        assert_eq!(limit.start_pause(Some(Duration::from_secs(7))), Duration::from_secs(7), "the Retry-After applies");
    }

    fn client(id: &str) -> Credentials {
        let document = format!(r#"{{"region": "eu-west-1", "client_id": "{id}", "client_secret": "s"}}"#);
        Document::parse(&document.into()).and_then(|document| document.credentials()).expect("credentials")
    }

    async fn fails(limiter: &RateLimiter, client: &Credentials, kind: ErrorKind) -> RotationError {
        let request = async { Err::<(), _>(RotationError::new(kind, "no")) };
        limiter.run(client, request).await.expect_err("the request fails")
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_rate_limit_pauses_the_requests_of_its_client() {
        let (limiter, ours, other) = (RateLimiter::default(), client("ours"), client("other"));
        assert_eq!(fails(&limiter, &ours, ErrorKind::PlatformUnavailable).await.retry_after(), None);
        assert_eq!(limiter.run(&ours, async { Ok(1) }).await.expect("no pause"), 1);
        assert_eq!(fails(&limiter, &ours, ErrorKind::RateLimited).await.retry_after(), Some(FIRST_PAUSE));
        let sent = async { panic!("the request is sent during the pause") };
        let error = limiter.run::<()>(&ours, sent).await.expect_err("the client pauses");
        assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(FIRST_PAUSE)));
        assert_eq!(limiter.run(&other, async { Ok(2) }).await.expect("another client"), 2);
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(limiter.run(&ours, async { Ok(3) }).await.expect("the pause has ended"), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_limiter_keeps_a_client_only_while_it_has_requests_or_recovers() {
        let (limiter, ours, other) = (RateLimiter::default(), client("ours"), client("other"));
        let kept = || limiter.clients.lock().len();
        let nested = async {
            limiter.run(&other, async { Ok(()) }).await.expect("another client");
            assert_eq!(kept(), 2, "a request of the first client runs");
            Ok(())
        };
        limiter.run(&ours, nested).await.expect("the requests succeed");
        fails(&limiter, &ours, ErrorKind::RateLimited).await;
        assert_eq!(kept(), 1);
        fails(&limiter, &other, ErrorKind::TokenRejected).await;
        assert_eq!(kept(), 2, "the first client recovers");
    }
}
