//! Why a request fails.

use crate::go_plugin::host_error::HostError;

/// Why a request fails. It decides the HTTP status that the caller gets.
///
/// ```
/// use openbao_plugin::Failure;
/// use openbao_plugin::framework::refuse;
///
/// let wrong = refuse("ttl is 0", "set ttl to 60 or more");
/// assert_eq!(wrong, Failure::invalid_request("ttl is 0\nhint: set ttl to 60 or more"));
/// let busy = Failure::Status(503, "try again".to_owned());
/// assert_eq!(busy.to_string(), "try again");
/// assert!(Failure::read_only().is_read_only());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// 400: the request is wrong. The text says how.
    #[error("{0}")]
    InvalidRequest(String),
    /// 403, without an explanation.
    #[error("permission denied")]
    PermissionDenied,
    /// 404: the path does not exist.
    #[error("unsupported path")]
    UnsupportedPath,
    /// 405: the path does not support the operation.
    #[error("unsupported operation")]
    UnsupportedOperation,
    /// Any other status, with a text.
    #[error("{1}")]
    Status(u16, String),
    /// 500: the engine failed. The text says how.
    #[error("{0}")]
    Internal(String),
    /// 500: a retry cannot help. A lease whose revocation fails with this is irrevocable at once, where the host would
    /// otherwise retry. The text says why.
    #[error("{0}")]
    Unrecoverable(String),
    /// A failed call to the host. The host gets its own error text back unchanged.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Failure {
    /// 400, with a text that says what is wrong.
    pub fn invalid_request(text: impl Into<String>) -> Self {
        Self::InvalidRequest(text.into())
    }

    /// 500, with a text that says what failed.
    pub fn internal(text: impl Into<String>) -> Self {
        Self::Internal(text.into())
    }

    /// 500 that is final, with a text that says why. For a lease whose internal data cannot be read.
    pub fn unrecoverable(text: impl Into<String>) -> Self {
        Self::Unrecoverable(text.into())
    }

    /// Makes the host forward the request to the active node.
    ///
    /// Return it on a standby before the engine creates anything that it cannot keep there, such as a lease: the host
    /// would discard the lease, and the active node would create another one.
    pub fn read_only() -> Self {
        Self::Host(HostError::read_only())
    }

    /// Returns whether the storage refused a write because this node is a standby or its cluster a secondary.
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::Host(error) if error.is_read_only())
    }
}
