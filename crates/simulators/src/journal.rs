//! The journal: the calls that reached the simulators, to count them and to measure sequential round trips.

use std::collections::VecDeque;
use std::sync::Arc;

use hyper::StatusCode;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

/// How many calls are kept. The oldest are dropped, which bounds the memory of a long-running simulator.
pub const CALLS_KEPT: usize = 100_000;

/// One call.
#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// The operation's name.
    pub operation: String,
    /// When the request was read.
    pub began: Instant,
    /// When the answer was ready; `None` while the call is in progress.
    pub ended: Option<Instant>,
    /// The answer's status; `None` while the call is in progress, or if the connection was dropped.
    pub status: Option<StatusCode>,
}

/// The newest [`CALLS_KEPT`] calls, in the order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    calls: VecDeque<RecordedCall>,
    /// How many calls were dropped, which is the serial number of the first one kept.
    dropped: u64,
}

impl Journal {
    /// Returns all kept calls.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.entries().calls.iter().cloned().collect()
    }

    /// Returns the number of kept calls of an operation.
    pub fn count(&self, operation: &str) -> usize {
        self.entries().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// Drops all calls, also those in progress.
    pub fn clear(&self) {
        let mut entries = self.entries();
        entries.dropped += entries.calls.len() as u64;
        entries.calls.clear();
    }

    /// Returns the length of the longest chain of calls in which each began after the previous one had ended: the number of
    /// sequential network round trips.
    pub fn longest_chain(&self) -> usize {
        let mut calls: Vec<_> = self.entries().calls.iter().map(|call| (call.ended, call.began)).collect();
        // Greedy: of the calls that may follow, the one that ends first. A call in progress sorts last, and nothing
        // follows it.
        calls.sort_by_key(|&(ended, began)| (ended.is_none(), ended, began));
        let mut length = 0;
        let mut last_end = None;
        for (ended, began) in calls {
            if last_end.is_some_and(|end| began < end) {
                continue;
            }
            length += 1;
            let Some(end) = ended else { break };
            last_end = Some(end);
        }
        length
    }

    pub(super) fn begin(&self, operation: &str) -> OpenCall {
        let mut entries = self.entries();
        if entries.calls.len() >= CALLS_KEPT {
            entries.calls.pop_front();
            entries.dropped += 1;
        }
        let serial = entries.dropped + entries.calls.len() as u64;
        let call = RecordedCall { operation: operation.to_owned(), began: Instant::now(), ended: None, status: None };
        entries.calls.push_back(call);
        OpenCall { journal: self.clone(), serial }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock()
    }
}

/// A call in progress.
#[derive(Debug)]
pub(super) struct OpenCall {
    journal: Journal,
    serial: u64,
}

impl OpenCall {
    pub(super) fn end(self, status: Option<StatusCode>) {
        let mut entries = self.journal.entries();
        // The call may have been dropped in the meantime.
        let Some(index) = self.serial.checked_sub(entries.dropped) else { return };
        if let Some(call) = usize::try_from(index).ok().and_then(|index| entries.calls.get_mut(index)) {
            call.ended = Some(Instant::now());
            call.status = status;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_ends_after_a_clear_changes_no_other_call() {
        let journal = Journal::default();
        let dropped = journal.begin("first");
        journal.clear();
        let open = journal.begin("second");
        dropped.end(Some(StatusCode::OK));
        assert!(journal.calls()[0].ended.is_none(), "the second call is in progress");
        open.end(Some(StatusCode::ACCEPTED));
        assert_eq!(journal.calls()[0].status, Some(StatusCode::ACCEPTED));
    }

    #[test]
    fn the_oldest_calls_are_dropped() {
        let journal = Journal::default();
        let oldest = journal.begin("oldest");
        for _ in 0..CALLS_KEPT {
            journal.begin("later").end(None);
        }
        oldest.end(Some(StatusCode::OK));
        assert_eq!(journal.calls().len(), CALLS_KEPT);
        assert_eq!(journal.count("oldest"), 0);
        assert!(journal.calls()[0].status.is_none(), "the dropped call changed no other call");
    }

    #[test]
    fn concurrent_calls_count_once_in_the_longest_chain() {
        let journal = Journal::default();
        journal.begin("alone").end(None);
        let (left, right) = (journal.begin("left"), journal.begin("right"));
        left.end(None);
        right.end(None);
        let _under_way = journal.begin("last");
        assert_eq!(journal.longest_chain(), 3);
    }
}
