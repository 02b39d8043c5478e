//! How a call fails, seen from either side of the plugin.

use std::error::Error as StdError;
use std::fmt;

/// What a standby says to every write; the host knows it again by this text and asks the active node.
const READ_ONLY: &str = "cannot write to readonly storage";

/// Why a request fails. It chooses the HTTP status that the caller gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 400: the request is wrong, and the sentence says how.
    InvalidRequest(String),
    /// 403: the host says no more than that.
    PermissionDenied,
    /// 404: there is no such path.
    UnsupportedPath,
    /// 405: the path does not know the operation.
    UnsupportedOperation,
    /// Any other status, with a sentence.
    Status(u16, String),
    /// 500: something went wrong here.
    Internal(String),
    /// What the host itself said to a call of ours, passed back to it word for word.
    Host(HostError),
}

impl Failure {
    /// 400, with a sentence that says what is wrong.
    pub fn invalid_request(sentence: impl Into<String>) -> Self {
        Self::InvalidRequest(sentence.into())
    }

    /// 500, with a sentence that says what went wrong.
    pub fn internal(sentence: impl Into<String>) -> Self {
        Self::Internal(sentence.into())
    }

    /// Not here: the host has the active node answer the request. A standby says so before it makes anything that it
    /// cannot keep, a lease above all: the host would throw it away, and have another one made.
    pub fn read_only() -> Self {
        Self::Host(HostError::new(READ_ONLY))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InvalidRequest(sentence) | Self::Status(_, sentence) | Self::Internal(sentence) => sentence,
            // The words of the host's own errors.
            Self::PermissionDenied => "permission denied",
            Self::UnsupportedPath => "unsupported path",
            Self::UnsupportedOperation => "unsupported operation",
            Self::Host(error) => &error.message,
        })
    }
}

impl StdError for Failure {}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// What the host said to a call of ours, or why it could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    message: String,
}

impl HostError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// Replies carry the host's error as a text, which is empty where all went well.
    pub(crate) fn check(text: String) -> Result<(), Self> {
        if text.is_empty() { Ok(()) } else { Err(Self::new(text)) }
    }

    /// Whether the storage takes no writes here, because this node is a standby or its cluster a
    /// secondary. Pass the error back as it is, and the host sends the request to a node that may write.
    pub fn is_read_only(&self) -> bool {
        self.message.contains(READ_ONLY)
    }
}

impl From<tonic::Status> for HostError {
    fn from(status: tonic::Status) -> Self {
        // A status without words would say nothing at all.
        match status.message() {
            "" => Self::new(format!("the host did not answer: {}", status.code().description())),
            message => Self::new(message),
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for HostError {}
