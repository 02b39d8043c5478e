//! Errors with their sources, in one line.

use std::error::Error;
use std::iter::successors;

/// An error and its sources, joined by colons.
pub(crate) fn chain(error: &dyn Error) -> String {
    let sources = successors(Some(error), |&error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
