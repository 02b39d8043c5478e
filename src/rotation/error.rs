//! The core's error type: a stable name per kind, a message, and a hint.

use std::error::Error as StdError;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use thiserror::Error;

/// The result of an operation of the core.
pub type Result<T> = std::result::Result<T, RotationError>;

/// The kind of a failure. The names are stable: they are the function's `errorType`, the `type` in JSON output, and the
/// dimension of the metrics.
#[derive(Clone, Copy, Debug, Display, EnumString, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The platform rejected the client credentials.
    CredentialsRejected,
    /// The organization's allow-list does not contain this address.
    IpNotAuthorized,
    /// The token is valid, but a permission or scope is missing.
    PermissionMissing,
    /// The platform or the store limits the rate of calls.
    RateLimited,
    /// The platform is unreachable, or did not answer as documented.
    PlatformUnavailable,
    /// The platform rejected the token.
    TokenRejected,
    /// The token belongs to another OAuth client.
    TokenOwnerMismatch,
    /// A probe of the document did not answer 2xx.
    ProbeFailed,
    /// The stored document is not usable.
    DocumentInvalid,
    /// The region is unknown.
    UnknownRegion,
    /// Rotation is disabled for this secret.
    RotationDisabled,
    /// The version is not staged for rotation.
    VersionNotStaged,
    /// The secret has no AWSCURRENT value to read credentials from.
    NoCurrentVersion,
    /// The secret does not exist.
    SecretNotFound,
    /// The store denied access.
    StoreDenied,
    /// The store is unreachable, or did not answer as documented.
    StoreUnavailable,
    /// Another writer changed the secret.
    StoreConflict,
    /// The time limit was reached.
    DeadlineExceeded,
    /// The rotation event is malformed.
    EventInvalid,
    /// The operator's configuration is not usable.
    ConfigurationInvalid,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns whether a retry can succeed.
    pub const fn retryability(self) -> Retryability {
        match self {
            Self::RateLimited | Self::PlatformUnavailable | Self::StoreUnavailable => Retryability::Transient,
            // A read may be stale for a moment after a write.
            Self::VersionNotStaged | Self::StoreConflict => Retryability::MaySettle,
            _ => Retryability::Permanent,
        }
    }

    /// Returns the hint for an error that has none of its own.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::CredentialsRejected => {
                "check client_id, client_secret and region: a client of another region, a disabled client and a secret with extra whitespace all give this answer, and an address outside of the client's allow-list may"
            }
            Self::IpNotAuthorized => {
                "add this machine's outgoing address to the allow-lists of the OAuth client (Admin > Integrations > OAuth) and of the organization (Admin > Organization Settings > Authorized IPs), or rotate from a fixed address"
            }
            Self::PermissionMissing => {
                "grant the OAuth client a role with this permission (the platform checks roles before scopes); a change can take 15 minutes to propagate"
            }
            Self::RateLimited => {
                "wait and try again; if the error persists, look for another caller that requests tokens in a loop"
            }
            Self::PlatformUnavailable => {
                "try again; if the error persists, check outgoing access (NAT, proxy, DNS, firewall) and the platform's status page"
            }
            Self::TokenRejected => {
                "rotate again for a new token; if the error persists, check that the OAuth client is active and was not just deleted or disabled"
            }
            Self::TokenOwnerMismatch => {
                "if the client was changed during the rotation, rotate again; otherwise a server between this machine and the platform returns another client's token: check ROTATOR_LOGIN_URL, ROTATOR_API_URL and any proxy"
            }
            Self::ProbeFailed => {
                "call the probe's path with the same client and compare: readers of this token depend on it"
            }
            Self::DocumentInvalid => {
                r#"store a JSON object such as {"region":"mypurecloud.ie","client_id":"…","client_secret":"…"}"#
            }
            Self::UnknownRegion => {
                "use an AWS region name such as eu-west-1, or a Genesys Cloud domain such as mypurecloud.ie"
            }
            Self::RotationDisabled => {
                "enable rotation (RotateSecret with the function's ARN), or rotate with --local --even-if-disabled"
            }
            Self::VersionNotStaged => {
                "start the rotation from Secrets Manager (RotateSecret): it stages the version for the steps"
            }
            Self::NoCurrentVersion => {
                "store the client credentials in the secret: rotation starts from the current value"
            }
            Self::SecretNotFound => "check the secret's name, the AWS region and the account",
            Self::StoreDenied => "grant the missing permission to this program's role",
            Self::StoreUnavailable => {
                "try again; if the error persists, check access to the store (VPC endpoint, DNS, credentials) and its status page"
            }
            Self::StoreConflict => {
                "another rotation or a person changed the secret at the same time: wait until a running rotation ends, then check the secret again"
            }
            Self::DeadlineExceeded => {
                "increase the function's timeout (60 s is enough), and check why the platform or the store is slow"
            }
            Self::EventInvalid => {
                "only Secrets Manager should invoke this function; its events contain Step, SecretId and ClientRequestToken"
            }
            Self::ConfigurationInvalid => "correct the environment of this program; the document cannot override it",
        }
    }
}

/// Whether a retry can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retryability {
    /// Probably: retry with backoff.
    Transient,
    /// Soon or never: retry a few times.
    MaySettle,
    /// Not before something is changed.
    Permanent,
}

/// Why a rotation, or a step of it, failed.
///
/// `Display` prints the message without its causes, which are the [`source`](StdError::source). No part of the error holds
/// a secret value.
#[derive(Clone, Debug, Error)]
#[error(transparent)]
pub struct RotationError(Box<Details>);

/// The content of an error. It is boxed, because each `?` moves the error.
#[derive(Clone, Debug, Error)]
#[error("{message}{}", self.correlation_suffix())]
struct Details {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    retry_after: Option<Duration>,
    correlation_id: Option<String>,
    is_permanent: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl RotationError {
    /// Creates an error with a message that states what is wrong.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
            hint: None,
            retry_after: None,
            correlation_id: None,
            is_permanent: false,
            source: None,
        }))
    }

    /// Replaces the kind's hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Sets the wait that the peer asked for.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.0.retry_after = retry_after;
        self
    }

    /// Sets the id by which the peer's support can find the call.
    #[must_use]
    pub fn with_correlation_id(mut self, correlation_id: Option<String>) -> Self {
        self.0.correlation_id = correlation_id;
        self
    }

    /// Sets the cause, which must not hold a secret value either.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Marks this error permanent.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.0.is_permanent = true;
        self
    }

    /// Returns whether a retry can succeed.
    pub fn retryability(&self) -> Retryability {
        if self.0.is_permanent { Retryability::Permanent } else { self.0.kind.retryability() }
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the hint: what to change.
    pub fn hint(&self) -> &str {
        self.0.hint.as_deref().unwrap_or(self.0.kind.hint())
    }

    /// Returns the wait that the peer asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the id by which the peer's support can find the call.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id.as_deref()
    }

    /// Returns the message with all its causes.
    pub fn chain(&self) -> String {
        error_chain(self)
    }
}

impl Details {
    fn correlation_suffix(&self) -> String {
        self.correlation_id.as_ref().map(|id| format!(" (correlation id {id})")).unwrap_or_default()
    }
}

/// Returns the messages of an error and all its causes, separated by colons.
pub fn error_chain(error: &(dyn StdError + 'static)) -> String {
    let messages = successors(Some(error), |error| (**error).source()).map(ToString::to_string);
    messages.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_correlation_id_if_it_has_one() {
        let error = RotationError::new(ErrorKind::PlatformUnavailable, "the platform failed");
        assert_eq!((error.correlation_id(), error.to_string().as_str()), (None, "the platform failed"));
        let error = error.with_correlation_id(Some("c-1".to_owned()));
        assert_eq!(error.correlation_id(), Some("c-1"));
        assert_eq!(error.to_string(), "the platform failed (correlation id c-1)");
    }
}
