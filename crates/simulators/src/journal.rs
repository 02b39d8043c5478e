//! A journal of the calls that reached the simulators, for counting them and
//! for measuring how many had to wait for one another.

use std::collections::VecDeque;
use std::sync::Arc;

use hyper::StatusCode;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

/// How many calls are kept; the oldest give way, so that a simulator under load for days stays small.
pub const CALLS_KEPT: usize = 100_000;

/// One call.
#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// The operation's name.
    pub operation: String,
    /// When the request had been read.
    pub began: Instant,
    /// When the answer was ready; `None` while it is under way.
    pub ended: Option<Instant>,
    /// The answer's status; `None` while under way or where the connection was dropped.
    pub status: Option<StatusCode>,
}

/// The calls in the order of their arrival: the newest [`CALLS_KEPT`] of them.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    calls: VecDeque<RecordedCall>,
    /// How many calls were forgotten, which is the serial number of the first one kept.
    forgotten: u64,
}

impl Journal {
    /// A copy of all calls that are kept.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.entries().calls.iter().cloned().collect()
    }

    /// How many calls of an operation are kept.
    pub fn count(&self, operation: &str) -> usize {
        self.entries().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// Forgets all calls, those under way too.
    pub fn clear(&self) {
        let mut entries = self.entries();
        entries.forgotten += entries.calls.len() as u64;
        entries.calls.clear();
    }

    /// The longest chain of calls in which each began after the one before it had ended:
    /// the number of network round trips that had to wait for one another.
    pub fn longest_chain(&self) -> usize {
        let mut calls: Vec<_> = self.entries().calls.iter().map(|call| (call.ended, call.began)).collect();
        // The longest chain takes, again and again, the call that ends first of those that may follow.
        // A call under way ends last, and nothing follows it.
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
            entries.forgotten += 1;
        }
        let serial = entries.forgotten + entries.calls.len() as u64;
        let call = RecordedCall { operation: operation.to_owned(), began: Instant::now(), ended: None, status: None };
        entries.calls.push_back(call);
        OpenCall { journal: self.clone(), serial }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock()
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct OpenCall {
    journal: Journal,
    serial: u64,
}

impl OpenCall {
    pub(super) fn end(self, status: Option<StatusCode>) {
        let mut entries = self.journal.entries();
        // The call may have been forgotten meanwhile; then there is nothing to write down.
        let Some(index) = self.serial.checked_sub(entries.forgotten) else { return };
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
    fn a_call_that_ends_after_a_clear_is_not_taken_for_another() {
        let journal = Journal::default();
        let forgotten = journal.begin("first");
        journal.clear();
        let open = journal.begin("second");
        forgotten.end(Some(StatusCode::OK));
        assert!(journal.calls()[0].ended.is_none(), "the second call is still under way");
        open.end(Some(StatusCode::ACCEPTED));
        assert_eq!(journal.calls()[0].status, Some(StatusCode::ACCEPTED));
    }

    #[test]
    fn the_oldest_calls_give_way() {
        let journal = Journal::default();
        let oldest = journal.begin("oldest");
        for _ in 0..CALLS_KEPT {
            journal.begin("later").end(None);
        }
        oldest.end(Some(StatusCode::OK));
        assert_eq!(journal.calls().len(), CALLS_KEPT);
        assert_eq!(journal.count("oldest"), 0);
        assert!(journal.calls()[0].status.is_none(), "the forgotten call left no trace in the next one");
    }

    #[test]
    fn calls_side_by_side_count_once_in_the_longest_chain() {
        let journal = Journal::default();
        journal.begin("alone").end(None);
        let (left, right) = (journal.begin("left"), journal.begin("right"));
        left.end(None);
        right.end(None);
        let _under_way = journal.begin("last");
        assert_eq!(journal.longest_chain(), 3);
    }
}
