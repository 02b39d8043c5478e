//! A request to a mount.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::auth::HeldAuth;
use super::caller::{Connection, WrapRequest};
use super::cancellation::Cancellation;
use super::lease::HeldLease;

/// The operation of a request. It parses from its name on the wire, such as `create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
#[non_exhaustive]
pub enum Operation {
    /// Write a new entry.
    Create,
    /// Read.
    Read,
    /// Write to an existing entry, or to a path without [`Backend::exists`](crate::Backend::exists).
    Update,
    /// Change some of the fields.
    Patch,
    /// Delete.
    Delete,
    /// List names. The path ends in `/`.
    List,
    /// Return the help of a path, or at the empty path of the engine.
    Help,
    /// Extend the request's [`lease`](Request::lease), or the token of its [`auth`](Request::auth).
    Renew,
    /// Revoke the request's [`lease`](Request::lease). On failure the host retries, and cannot remove the mount; revoking
    /// must therefore succeed for a credential that no longer exists.
    Revoke,
    /// The host's periodic tick, about once a minute, at the empty path.
    Rollback,
}

/// A request to one mount. `Debug` omits everything that the caller sent.
///
/// The library creates it; a test of an engine may as well:
///
/// ```
/// use openbao_plugin::{Operation, Request};
///
/// let mut request = Request::new(Operation::Update, "notes/first");
/// request.data.insert("text".to_owned(), "hello".into());
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Request {
    /// The request id in the host's audit log.
    pub id: String,
    /// The operation.
    pub operation: Operation,
    /// The path below the mount.
    pub path: String,
    /// The fields that the caller sent.
    pub data: Map<String, Value>,
    /// The lease to renew or revoke.
    pub lease: Option<HeldLease>,
    /// The headers that the mount's configuration passes on.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The display name of the caller's token.
    pub display_name: String,
    /// The caller's entity in the host's identity store. Empty for root.
    pub entity_id: String,
    /// The path of the mount, with a slash at its end.
    pub mount_point: String,
    /// The type of the mount.
    pub mount_type: String,
    /// The mount's accessor in the identity store.
    pub mount_accessor: String,
    /// The token to renew, for an auth method.
    pub auth: Option<HeldAuth>,
    /// The accessor of the caller's token.
    pub token_accessor: String,
    /// How often the caller's token may still be used, this request included. 0: any number of times.
    pub token_uses: i64,
    /// Whether the request has no token, as a login.
    pub unauthenticated: bool,
    /// The caller's connection to the host, for an auth method.
    pub connection: Option<Connection>,
    /// The caller's wish to get the answer wrapped.
    pub wrap: Option<WrapRequest>,
    /// Whether the host canceled the request.
    pub cancellation: Cancellation,
}

impl Request {
    /// A request without fields, from no one.
    pub fn new(operation: Operation, path: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            operation,
            path: path.into(),
            data: Map::new(),
            lease: None,
            headers: BTreeMap::new(),
            display_name: String::new(),
            entity_id: String::new(),
            mount_point: String::new(),
            mount_type: String::new(),
            mount_accessor: String::new(),
            auth: None,
            token_accessor: String::new(),
            token_uses: 0,
            unauthenticated: false,
            connection: None,
            wrap: None,
            cancellation: Cancellation::new(),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = formatter.debug_struct("Request");
        parts.field("id", &self.id).field("operation", &self.operation).field("path", &self.path);
        parts.finish_non_exhaustive()
    }
}
