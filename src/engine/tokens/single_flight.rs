//! Work that many ask for at once, done once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

/// Work by its key. Whoever asks while it is being done waits for the same result.
pub(crate) struct SingleFlight<T: Clone> {
    running: Arc<Mutex<HashMap<String, Flight<T>>>>,
}

type Flight<T> = Shared<BoxFuture<'static, T>>;

impl<T: Clone> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { running: Arc::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// The result of the work that is being done under a key, or else of this work.
    pub(crate) async fn run(&self, key: &str, work: impl Future<Output = T> + Send + 'static) -> T {
        let flight = {
            let mut running = self.lock();
            match running.get(key) {
                Some(flight) => flight.clone(),
                None => {
                    let end = End { running: self.running.clone(), key: key.to_owned() };
                    let ended = async move {
                        let _end = end;
                        work.await
                    };
                    running.entry(key.to_owned()).or_insert(ended.boxed().shared()).clone()
                }
            }
        };
        flight.await
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flight<T>>> {
        lock(&self.running)
    }
}

/// Makes room for the next work under a key, also where this one panics.
struct End<T: Clone> {
    running: Arc<Mutex<HashMap<String, Flight<T>>>>,
    key: String,
}

impl<T: Clone> Drop for End<T> {
    fn drop(&mut self) {
        let flight = lock(&self.running).remove(&self.key);
        drop(flight);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_get_one_result_and_the_next_one_a_new_result() {
        let (flights, done) = (SingleFlight::default(), Arc::new(AtomicUsize::new(0)));
        let all_ask = Arc::new(Barrier::new(2));
        let work = || {
            let (done, all_ask) = (done.clone(), all_ask.clone());
            async move {
                all_ask.wait().await;
                done.fetch_add(1, Ordering::SeqCst) + 1
            }
        };
        let asked = join_all((0..100).map(|_| flights.run("ci", work())));
        let (results, _) = tokio::join!(asked, all_ask.wait());
        assert!(results.iter().all(|result| *result == 1), "{results:?}");
        let (next, _) = tokio::join!(flights.run("ci", work()), all_ask.wait());
        assert_eq!(next, 2);
    }

    #[tokio::test]
    async fn work_that_panics_is_not_what_the_next_one_waits_for() {
        let flights = Arc::new(SingleFlight::default());
        let all = flights.clone();
        let panicked = tokio::spawn(async move { all.run("ci", async { panic!("it goes wrong") }).await });
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
