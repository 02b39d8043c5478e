//! The one error type of the core: a stable name, a sentence, and what to do.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The result of anything in the core.
pub type Result<T> = std::result::Result<T, RotationError>;

/// What kind of failure it was. The names are stable: they are the Lambda's
/// `errorType`, the `type` in JSON output and the dimension of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The platform refused the client credentials.
    CredentialsRejected,
    /// The organisation's allow-list does not have this address.
    IpNotAuthorized,
    /// The token authenticated, but a permission or scope is missing.
    PermissionMissing,
    /// The platform or the store asked for fewer calls.
    RateLimited,
    /// The platform could not be reached, or did not answer as documented.
    PlatformUnavailable,
    /// The platform does not accept the token.
    TokenRejected,
    /// The token belongs to another OAuth client.
    TokenOwnerMismatch,
    /// A probe that the document lists did not answer 2xx.
    ProbeFailed,
    /// The stored document cannot be used as it is.
    DocumentInvalid,
    /// The region is none of the known ones.
    UnknownRegion,
    /// Rotation is switched off for this secret.
    RotationDisabled,
    /// The version is not the one that is staged for rotation.
    VersionNotStaged,
    /// The secret has no AWSCURRENT value to take credentials from.
    NoCurrentVersion,
    /// There is no such secret.
    SecretNotFound,
    /// The store refused access.
    StoreDenied,
    /// The store could not be reached, or did not answer as documented.
    StoreUnavailable,
    /// Another writer got there first.
    StoreConflict,
    /// The time that was given ran out.
    DeadlineExceeded,
    /// The rotation event is malformed.
    EventInvalid,
    /// The operator's own settings cannot be used as they are.
    ConfigurationInvalid,
}

impl ErrorKind {
    /// Every kind, for documentation and for tests that must not miss one.
    pub const ALL: [Self; 20] = [
        Self::CredentialsRejected,
        Self::IpNotAuthorized,
        Self::PermissionMissing,
        Self::RateLimited,
        Self::PlatformUnavailable,
        Self::TokenRejected,
        Self::TokenOwnerMismatch,
        Self::ProbeFailed,
        Self::DocumentInvalid,
        Self::UnknownRegion,
        Self::RotationDisabled,
        Self::VersionNotStaged,
        Self::NoCurrentVersion,
        Self::SecretNotFound,
        Self::StoreDenied,
        Self::StoreUnavailable,
        Self::StoreConflict,
        Self::DeadlineExceeded,
        Self::EventInvalid,
        Self::ConfigurationInvalid,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialsRejected => "CredentialsRejected",
            Self::IpNotAuthorized => "IpNotAuthorized",
            Self::PermissionMissing => "PermissionMissing",
            Self::RateLimited => "RateLimited",
            Self::PlatformUnavailable => "PlatformUnavailable",
            Self::TokenRejected => "TokenRejected",
            Self::TokenOwnerMismatch => "TokenOwnerMismatch",
            Self::ProbeFailed => "ProbeFailed",
            Self::DocumentInvalid => "DocumentInvalid",
            Self::UnknownRegion => "UnknownRegion",
            Self::RotationDisabled => "RotationDisabled",
            Self::VersionNotStaged => "VersionNotStaged",
            Self::NoCurrentVersion => "NoCurrentVersion",
            Self::SecretNotFound => "SecretNotFound",
            Self::StoreDenied => "StoreDenied",
            Self::StoreUnavailable => "StoreUnavailable",
            Self::StoreConflict => "StoreConflict",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::EventInvalid => "EventInvalid",
            Self::ConfigurationInvalid => "ConfigurationInvalid",
        }
    }

    /// How a retry can help.
    pub const fn retryability(self) -> Retryability {
        match self {
            Self::RateLimited | Self::PlatformUnavailable | Self::StoreUnavailable => Retryability::Transient,
            // A read may be stale for a moment after a write, so these may settle by themselves.
            Self::VersionNotStaged | Self::StoreConflict => Retryability::MaySettle,
            _ => Retryability::Permanent,
        }
    }

    /// What to do, where the failure itself knows nothing better.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::CredentialsRejected => {
                "check client_id and client_secret, and the region as often as the secret: a client of another region gives the same answer, and so do a disabled client and a blank copied along with the secret"
            }
            Self::IpNotAuthorized => {
                "the credentials are fine: add this machine's outgoing address to the organisation's allow-list (Admin > Organization Settings > Authorized IPs), or give the function a fixed address"
            }
            Self::PermissionMissing => {
                "give a role with this permission to the OAuth client (roles are looked at before scopes); a change can take 15 minutes to arrive"
            }
            Self::RateLimited => {
                "wait and try again; if it stays, look for another caller that asks for tokens in a loop"
            }
            Self::PlatformUnavailable => {
                "try again; if it stays, check the way out (NAT, proxy, DNS, firewall) and the platform's status page"
            }
            Self::TokenRejected => {
                "rotate again for a fresh token; if it stays, check that the OAuth client is active and was not just deleted or disabled"
            }
            Self::TokenOwnerMismatch => {
                "something between here and the platform answers with somebody else's token: check ROTATOR_LOGIN_URL, ROTATOR_API_URL and any proxy"
            }
            Self::ProbeFailed => {
                "call the probe's path yourself with the same client: it names what the readers of this token need"
            }
            Self::DocumentInvalid => {
                r#"store a JSON object such as {"region":"mypurecloud.ie","client_id":"…","client_secret":"…"}"#
            }
            Self::UnknownRegion => {
                "use an AWS region name such as eu-west-1, or a Genesys Cloud domain such as mypurecloud.ie"
            }
            Self::RotationDisabled => {
                "switch rotation on again (RotateSecret with the function's ARN), or leave this secret alone"
            }
            Self::VersionNotStaged => {
                "let Secrets Manager start the rotation (RotateSecret): it stages the version that the steps work on"
            }
            Self::NoCurrentVersion => {
                "store the client credentials in the secret first: rotation starts from the current value"
            }
            Self::SecretNotFound => "check the secret's name, the AWS region and the account",
            Self::StoreDenied => "grant the missing permission to the role that this runs as",
            Self::StoreUnavailable => {
                "try again; if it stays, check the way to the store (VPC endpoint, DNS, credentials) and its status page"
            }
            Self::StoreConflict => "another rotation is at work on this secret: let it end, then look again",
            Self::DeadlineExceeded => {
                "give the function a longer timeout (60 s is plenty), and look at why the platform or the store is slow"
            }
            Self::EventInvalid => {
                "only Secrets Manager should call this function; its events hold Step, SecretId and ClientRequestToken"
            }
            Self::ConfigurationInvalid => "correct the environment that this runs in; the document cannot override it",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How a retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retryability {
    /// It is likely to pass: try again, with backoff.
    Transient,
    /// It passes quickly or not at all: try again a few times.
    MaySettle,
    /// It stays until somebody changes something.
    Permanent,
}

/// Why a rotation, or a step of it, failed.
///
/// `Display` prints the sentence alone; the cause is its `source`, the advice
/// its [`hint`](Self::hint). No part of it ever holds a secret value.
#[derive(Clone, Debug)]
pub struct RotationError {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    retry_after: Option<Duration>,
    correlation_id: Option<String>,
    is_final: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl RotationError {
    /// An error of a kind, with a sentence that says what happened.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            retry_after: None,
            correlation_id: None,
            is_final: false,
            source: None,
        }
    }

    /// Says what to do, where more is known than the kind's own hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says how long the other side asked to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Adds the id under which the other side's support can find the call.
    #[must_use]
    pub fn with_correlation_id(mut self, correlation_id: Option<String>) -> Self {
        self.correlation_id = correlation_id;
        self
    }

    /// Adds the cause, which must not hold a secret value either.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Says that no retry can help, although one can with most failures of this kind.
    #[must_use]
    pub fn for_good(mut self) -> Self {
        self.is_final = true;
        self
    }

    /// How a retry can help.
    pub fn retryability(&self) -> Retryability {
        if self.is_final { Retryability::Permanent } else { self.kind.retryability() }
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        self.hint.as_deref().unwrap_or(self.kind.hint())
    }

    /// How long the other side asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The id under which the other side's support can find the call.
    pub fn correlation_id(&self) -> Option<&str> {
        self.correlation_id.as_deref()
    }

    /// The sentence and all its causes, for a log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for RotationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match &self.correlation_id {
            Some(id) => write!(formatter, " (correlation id {id})"),
            None => Ok(()),
        }
    }
}

impl StdError for RotationError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
