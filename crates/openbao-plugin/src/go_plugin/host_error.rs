//! Failed calls to the host.

use std::error::Error as StdError;

use crate::error_chain::chain;

/// The error of a standby's storage for every write. The host recognizes it by this text, and forwards the request to
/// the active node.
const READ_ONLY: &str = "cannot write to readonly storage";

/// A call to the host failed: the host's own error text, or why it did not answer. It becomes a
/// [`Failure`](crate::Failure) with `?`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HostError {
    message: String,
}

impl HostError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// The host could not be reached.
    pub(crate) fn unreachable(what: &str, error: &dyn StdError) -> Self {
        Self::new(format!("{what}: {}", chain(error)))
    }

    /// The error of a standby's storage.
    pub(crate) fn read_only() -> Self {
        Self::new(READ_ONLY)
    }

    /// Turns the error text of a reply, empty on success, into a result.
    pub(crate) fn check(text: String) -> Result<(), Self> {
        if text.is_empty() { Ok(()) } else { Err(Self::new(text)) }
    }

    /// Returns whether the storage refuses writes because this node is a standby or its cluster a secondary.
    ///
    /// Return the error unchanged, and the host forwards the request to a node that may write.
    pub fn is_read_only(&self) -> bool {
        self.message.contains(READ_ONLY)
    }
}

impl From<tonic::Status> for HostError {
    fn from(status: tonic::Status) -> Self {
        match status.message() {
            "" => Self::new(format!("the host did not answer: {}", status.code().description())),
            message => Self::new(message),
        }
    }
}
