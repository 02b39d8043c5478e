//! Classifies HTTP requests that got no response: untrusted certificate, timeout, no connection, broken connection.

use std::error::Error as StdError;

use crate::rotation::{ErrorKind, RotationError, error_chain};

/// The server of a request, for the error about it.
pub(crate) struct Peer<'a> {
    /// The kind of the error.
    pub(crate) kind: ErrorKind,
    /// The server's name in messages.
    pub(crate) name: &'a str,
    /// The hint for an untrusted certificate.
    pub(crate) certificate_hint: &'static str,
    /// The hint for any other failure.
    pub(crate) hint: &'static str,
}

impl Peer<'_> {
    /// Explains a request that got no response. The causes name addresses and never contents.
    pub(crate) fn unreachable(&self, error: reqwest::Error) -> RotationError {
        let Self { kind, name, certificate_hint, hint } = self;
        let error = error.without_url();
        if is_about_certificates(&error) {
            let message = format!("the TLS certificate of {name} is not trusted");
            return RotationError::new(*kind, message).with_source(error).with_hint(*certificate_hint).permanent();
        }
        let message = match () {
            () if error.is_timeout() => format!("{name} did not answer in time"),
            () if error.is_connect() => format!("{name} is unreachable"),
            () => format!("the connection to {name} broke"),
        };
        RotationError::new(*kind, message).with_source(error).with_hint(*hint)
    }
}

/// The TLS library's error type is not part of the HTTP client's interface, but its messages are stable.
pub(crate) fn is_about_certificates(error: &(dyn StdError + 'static)) -> bool {
    error_chain(error).contains("certificate")
}
