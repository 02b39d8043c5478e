//! A journal of the calls that reached the simulators, for counting them and
//! for measuring how many had to wait for one another.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use tokio::time::Instant;

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation's name.
    pub operation: String,
    /// When the request had been read.
    pub began: Instant,
    /// When the answer was ready; `None` while it is under way.
    pub ended: Option<Instant>,
    /// The answer's status; `None` while under way or where the connection was dropped.
    pub status: Option<StatusCode>,
}

/// The calls in the order of their arrival.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Call>>>);

impl Journal {
    /// A copy of all calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls of an operation there were.
    pub fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| call.operation == operation).count()
    }

    /// Forgets all calls.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The longest chain of calls in which each began after the one before it had ended:
    /// the number of network round trips that had to wait for one another.
    pub fn longest_chain(&self) -> usize {
        let calls = self.calls();
        let mut longest: Vec<usize> = Vec::with_capacity(calls.len());
        for call in &calls {
            let before =
                calls.iter().zip(&longest).filter(|(earlier, _)| earlier.ended.is_some_and(|end| end <= call.began));
            let chain = before.map(|(_, chain)| *chain).max().unwrap_or(0) + 1;
            longest.push(chain);
        }
        longest.into_iter().max().unwrap_or(0)
    }

    pub(super) fn begin(&self, operation: &str) -> OpenCall {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(Call { operation: operation.to_owned(), began: Instant::now(), ended: None, status: None });
        OpenCall { journal: self.clone(), index: calls.len() - 1 }
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct OpenCall {
    journal: Journal,
    index: usize,
}

impl OpenCall {
    pub(super) fn end(self, status: Option<StatusCode>) {
        let mut calls = self.journal.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The journal may have been cleared meanwhile.
        if let Some(call) = calls.get_mut(self.index) {
            call.ended = Some(Instant::now());
            call.status = status;
        }
    }
}
