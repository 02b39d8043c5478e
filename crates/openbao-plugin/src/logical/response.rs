//! The answer to a request.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::auth::Auth;
use super::lease::Lease;

/// An answer. `Debug` omits its contents.
///
/// ```
/// use openbao_plugin::Response;
/// use serde_json::Map;
///
/// let data = Map::from_iter([("text".to_owned(), "hello".into())]);
/// let answer = Response::with_data(data).warning("the note is old").header("X-Age", "9");
/// assert_eq!(answer.warnings.len(), 1);
/// assert!(Response::with_keys(Vec::new()).data.is_some_and(|data| data.is_empty()), "the host answers 404");
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Response {
    /// The fields. `None` is 404 for a read or a list, and 204 otherwise.
    pub data: Option<Map<String, Value>>,
    /// The lease: of the new secret, or as renewed in the answer to a renewal.
    pub lease: Option<Lease>,
    /// The token that the host is to create, in an auth method's answer to a login, or has renewed.
    pub auth: Option<Auth>,
    /// Warnings that the caller sees beside the answer.
    pub warnings: Vec<String>,
    /// The address to which an auth method redirects the caller. Empty: none.
    pub redirect: String,
    /// Makes the host wrap the answer in a token that lives so long.
    pub wrap_ttl: Option<Duration>,
    /// HTTP headers of the answer. The host passes on those that the mount is tuned to allow.
    pub headers: BTreeMap<String, Vec<String>>,
}

impl Response {
    /// An empty answer: 404 for a read or a list, and 204 otherwise.
    pub fn empty() -> Self {
        Self::default()
    }

    /// An answer with fields.
    pub fn with_data(data: Map<String, Value>) -> Self {
        Self { data: Some(data), ..Self::default() }
    }

    /// An answer to a list. The host answers an empty list with 404.
    pub fn with_keys(keys: Vec<String>) -> Self {
        let mut data = Map::new();
        if !keys.is_empty() {
            data.insert("keys".to_owned(), Value::from(keys));
        }
        Self::with_data(data)
    }

    /// Adds a lease.
    #[must_use]
    pub fn leased(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Adds the token that the host is to create, or has renewed.
    #[must_use]
    pub fn authenticated(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// Makes the host wrap the answer in a token that lives so long.
    #[must_use]
    pub fn wrapped(mut self, ttl: Duration) -> Self {
        self.wrap_ttl = Some(ttl);
        self
    }

    /// Adds an HTTP header. The host passes on those that the mount is tuned to allow (`allowed_response_headers`).
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.entry(name.into()).or_default().push(value.into());
        self
    }

    /// Adds a warning that the caller sees beside the answer.
    #[must_use]
    pub fn warning(mut self, text: impl Into<String>) -> Self {
        self.warnings.push(text.into());
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = formatter.debug_struct("Response");
        parts.field("warnings", &self.warnings.len()).finish_non_exhaustive()
    }
}
