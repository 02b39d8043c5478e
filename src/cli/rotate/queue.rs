//! The secrets whose rotation has not started.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::cli::target::selection::Chosen;

/// A first-in, first-out queue.
pub(in crate::cli) struct Queue(RefCell<VecDeque<Chosen>>);

impl Queue {
    pub(in crate::cli) fn new(chosen: Vec<Chosen>) -> Self {
        Self(RefCell::new(chosen.into()))
    }

    /// Removes and returns the remaining secrets.
    pub(in crate::cli) fn drain(&self) -> VecDeque<Chosen> {
        self.0.take()
    }
}

/// Removes the secrets one by one.
impl Iterator for &Queue {
    type Item = Chosen;

    fn next(&mut self) -> Option<Chosen> {
        self.0.borrow_mut().pop_front()
    }
}
