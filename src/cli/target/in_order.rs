//! Concurrent work with its results in order.

use std::collections::BTreeMap;

use futures_util::{FutureExt, Stream, StreamExt, stream};

/// Runs `work` on each item, at most `at_once` at a time, and yields the results in the order of the items. A result that
/// waits for an earlier one delays no other item, as it would with [`StreamExt::buffered`].
pub(in crate::cli) fn in_order<I, W: Future>(
    items: impl Stream<Item = I>,
    at_once: usize,
    work: impl Fn(I) -> W,
) -> impl Stream<Item = W::Output> {
    let numbered = items.enumerate().map(move |(number, item)| work(item).map(move |result| (number, result)));
    let (mut waiting, mut next) = (BTreeMap::new(), 0);
    let due = move |(number, result)| {
        waiting.insert(number, result);
        let mut due = Vec::new();
        while let Some(result) = waiting.remove(&next) {
            due.push(result);
            next += 1;
        }
        stream::iter(due)
    };
    numbered.buffer_unordered(at_once).map(due).flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn results_keep_their_order_and_a_slow_one_delays_no_other() {
        let began = Instant::now();
        let work = |number: u64| async move {
            sleep(Duration::from_secs(if number == 0 { 10 } else { 1 })).await;
            (number, Instant::now() - began)
        };
        let results: Vec<_> = in_order(stream::iter(0..11), 2, work).collect().await;
        assert!(results.iter().map(|(number, _)| *number).eq(0..11));
        assert!(results.iter().all(|(_, end)| *end <= Duration::from_secs(10)), "{results:?}");
    }
}
