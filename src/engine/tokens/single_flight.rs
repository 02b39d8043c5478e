//! Single flight: concurrent requests for one key share one execution.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;

/// Running work by key. Requests that arrive while it runs wait for its result.
pub(crate) struct SingleFlight<T: Clone> {
    running: Arc<Flights<T>>,
}

type Flights<T> = Mutex<HashMap<String, Shared<BoxFuture<'static, T>>>>;

impl<T: Clone> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { running: Arc::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// The result of the work that runs under a key; starts `work` where none does.
    pub(crate) async fn run(&self, key: &str, work: impl Future<Output = T> + Send + 'static) -> T {
        let flight = {
            let mut running = self.running.lock();
            match running.get(key) {
                Some(flight) => flight.clone(),
                None => {
                    let removal = RemoveOnDrop { running: self.running.clone(), key: key.to_owned() };
                    let flight = async move {
                        let _removal = removal;
                        work.await
                    };
                    running.entry(key.to_owned()).or_insert(flight.boxed().shared()).clone()
                }
            }
        };
        flight.await
    }
}

/// Removes the work of a key when it ends, also by a panic.
struct RemoveOnDrop<T: Clone> {
    running: Arc<Flights<T>>,
    key: String,
}

impl<T: Clone> Drop for RemoveOnDrop<T> {
    fn drop(&mut self) {
        let flight = self.running.lock().remove(&self.key);
        drop(flight);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn concurrent_requests_share_one_result_and_the_next_request_gets_a_new_one() {
        let (flights, done) = (SingleFlight::default(), Arc::new(AtomicUsize::new(0)));
        let all_asked = Arc::new(Barrier::new(2));
        let work = || {
            let (done, all_asked) = (done.clone(), all_asked.clone());
            async move {
                all_asked.wait().await;
                done.fetch_add(1, Ordering::SeqCst) + 1
            }
        };
        let requests = join_all((0..100).map(|_| flights.run("ci", work())));
        let (results, _) = tokio::join!(requests, all_asked.wait());
        assert!(results.iter().all(|result| *result == 1), "{results:?}");
        let (next, _) = tokio::join!(flights.run("ci", work()), all_asked.wait());
        assert_eq!(next, 2);
    }

    #[tokio::test]
    async fn work_that_panics_does_not_block_the_next_request() {
        let flights = Arc::new(SingleFlight::default());
        let shared = flights.clone();
        let panicked = tokio::spawn(async move { shared.run("ci", async { panic!("the work fails") }).await });
        assert!(panicked.await.is_err_and(|error| error.is_panic()));
        assert_eq!(flights.run("ci", async { 2 }).await, 2);
    }

    #[tokio::test]
    async fn keys_do_not_wait_for_each_other() {
        let flights = SingleFlight::default();
        let meet = Arc::new(Barrier::new(2));
        let work = |name: &'static str| {
            let meet = meet.clone();
            async move {
                meet.wait().await;
                name
            }
        };
        let both = tokio::join!(flights.run("one", work("one")), flights.run("two", work("two")));
        assert_eq!(both, ("one", "two"));
    }
}
