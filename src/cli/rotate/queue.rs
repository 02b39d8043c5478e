//! The secrets whose turn has not come.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::cli::target::selection::Chosen;

/// First come, first served.
pub(super) struct Queue(RefCell<VecDeque<Chosen>>);

impl Queue {
    pub(super) fn new(chosen: Vec<Chosen>) -> Self {
        Self(RefCell::new(chosen.into()))
    }

    /// Takes out all that are left: none of them will be begun.
    pub(super) fn drain(&self) -> VecDeque<Chosen> {
        self.0.take()
    }
}

/// Hands them out one by one, for as long as there are any.
impl Iterator for &Queue {
    type Item = Chosen;

    fn next(&mut self) -> Option<Chosen> {
        self.0.borrow_mut().pop_front()
    }
}
