//! The traits that an engine implements, and their types.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::auth::{Auth, HeldAuth};
use super::caller::{Connection, WrapRequest};
use super::cancellation::Cancellation;
use super::failure::Failure;
use super::storage::Storage;
use super::system_view::SystemView;

/// The type of a plugin, under which it is registered (sdk/logical, `BackendType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PluginKind {
    /// `secret`: answers below its mount, and leases secrets.
    SecretsEngine = 1,
    /// `auth`: answers below `auth/`, and requests tokens with [`Response::authenticated`]. Its login paths are
    /// [unauthenticated](SpecialPaths::unauthenticated), and `Renew` brings a token in [`Request::auth`].
    AuthMethod = 2,
}

/// A secrets engine or an auth method, which creates a [`Backend`] for each mount. One process serves any number of mounts.
pub trait Engine: Send + Sync + 'static {
    /// The backend of one mount.
    type Backend: Backend;

    /// The plugin's version, such as `v1.2.3`.
    ///
    /// A host refuses to start a plugin that was registered with a different version.
    fn version(&self) -> String;

    /// Whether the plugin is a secrets engine or an auth method.
    fn kind(&self) -> PluginKind {
        PluginKind::SecretsEngine
    }

    /// Creates the backend of a mount.
    ///
    /// The host also calls this for every probe of the binary, so it must use neither the storage nor the network:
    /// [`Backend::initialize`] may.
    ///
    /// # Errors
    ///
    /// The host refuses the mount, and shows the error text.
    fn mount(&self, mount: Mount) -> Result<Self::Backend, Failure>;
}

/// One mount: its requests and its events.
///
/// Each call runs to completion, even after the host stopped waiting for the answer, so the backend must set its own
/// deadlines, or look at the request's [`cancellation`](Request::cancellation). A panic fails only the call that panicked.
pub trait Backend: Send + Sync + 'static {
    /// Answers a request.
    ///
    /// # Errors
    ///
    /// [`Failure`] decides the HTTP status that the caller gets.
    fn handle_request(&self, request: Request) -> impl Future<Output = Result<Response, Failure>> + Send;

    /// Returns whether the target of a write exists, which makes the write an update, and otherwise a create. `None` for
    /// a path without this distinction.
    ///
    /// # Errors
    ///
    /// The write fails with this error.
    fn exists(&self, _request: Request) -> impl Future<Output = Result<Option<bool>, Failure>> + Send {
        async { Ok(None) }
    }

    /// Returns the paths that the host treats specially.
    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths::default()
    }

    /// Runs after mounting and after every unseal, and is the first call that may use the storage. It may run on a standby
    /// before it runs on the active node.
    ///
    /// # Errors
    ///
    /// The host logs the error.
    fn initialize(&self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Runs when the host canceled a request whose answer has a new lease. The host does not know the lease, so the backend
    /// must revoke it.
    fn undelivered(&self, _answer: Response) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Runs when another node wrote this storage key: cached values of it are stale.
    fn invalidate(&self, _key: &str) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Runs when the mount is removed or the process shuts down. Stop the mount's background tasks here.
    fn cleanup(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What a mount gets from its host. In tests, `testing::mount` creates one.
#[non_exhaustive]
pub struct Mount {
    /// The mount's storage, usable from [`Backend::initialize`] on.
    pub storage: Storage,
    /// The host's lease times and replication state.
    pub system: SystemView,
    /// The mount's configuration, such as `plugin_name`.
    pub config: BTreeMap<String, String>,
    /// Identifies the mount. It does not change while the mount exists.
    pub uuid: String,
}

/// Paths that the host treats specially. A `*` at the end makes a path a prefix.
///
/// ```
/// use openbao_plugin::SpecialPaths;
///
/// let paths = SpecialPaths::new().root(["rotate-root/*"]).seal_wrap_storage(["config/"]);
/// assert_eq!(paths.root, ["rotate-root/*"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpecialPaths {
    /// Request paths that require the `sudo` capability.
    pub root: Vec<String>,
    /// Request paths that require no token.
    pub unauthenticated: Vec<String>,
    /// Storage prefixes that are not replicated to other clusters.
    pub local_storage: Vec<String>,
    /// Storage prefixes that are seal-wrapped.
    pub seal_wrap_storage: Vec<String>,
}

impl SpecialPaths {
    /// No special paths.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds request paths that require the `sudo` capability.
    #[must_use]
    pub fn root(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.root.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds request paths that require no token.
    #[must_use]
    pub fn unauthenticated(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.unauthenticated.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds storage prefixes that are not replicated to other clusters.
    #[must_use]
    pub fn local_storage(mut self, prefixes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.local_storage.extend(prefixes.into_iter().map(Into::into));
        self
    }

    /// Adds storage prefixes that are seal-wrapped.
    #[must_use]
    pub fn seal_wrap_storage(mut self, prefixes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.seal_wrap_storage.extend(prefixes.into_iter().map(Into::into));
        self
    }
}

/// The operation of a request. It parses from its name on the wire, such as `create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
#[non_exhaustive]
pub enum Operation {
    /// Write a new entry.
    Create,
    /// Read.
    Read,
    /// Write to an existing entry, or to a path without [`Backend::exists`].
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

/// An answer. `Debug` omits its contents.
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

/// A lease of an answer. `Debug` omits its internal data.
///
/// ```
/// use std::time::Duration;
///
/// use openbao_plugin::{Lease, Response};
/// use serde_json::Map;
///
/// let lease = Lease::new(Duration::from_secs(60)).max_ttl(Duration::from_secs(600)).renewable();
/// let answer = Response::with_data(Map::new()).leased(lease);
/// assert!(answer.lease.is_some());
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Lease {
    /// The time until it expires.
    pub ttl: Duration,
    /// The longest time from issue to expiry, renewals included. Zero means the mount's own limit.
    pub max_ttl: Duration,
    /// Whether it may be renewed.
    pub renewable: bool,
    /// What the backend needs to renew or revoke. The host stores it, and never shows it to callers.
    pub internal_data: Map<String, Value>,
}

impl Lease {
    /// A lease that is not renewable and has no internal data.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, max_ttl: Duration::ZERO, renewable: false, internal_data: Map::new() }
    }

    /// Sets the longest time from issue to expiry, renewals included. Zero means the mount's own limit.
    #[must_use]
    pub fn max_ttl(mut self, max_ttl: Duration) -> Self {
        self.max_ttl = max_ttl;
        self
    }

    /// Makes it renewable.
    #[must_use]
    pub fn renewable(mut self) -> Self {
        self.renewable = true;
        self
    }

    /// Sets what the backend needs to renew or revoke it. The host stores it, and never shows it to callers.
    #[must_use]
    pub fn internal_data(mut self, data: Map<String, Value>) -> Self {
        self.internal_data = data;
        self
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = formatter.debug_struct("Lease");
        parts.field("ttl", &self.ttl).field("max_ttl", &self.max_ttl).field("renewable", &self.renewable);
        parts.finish_non_exhaustive()
    }
}

/// An issued lease, in a renewal or revocation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeldLease {
    /// The lease as issued, with the `ttl` of the last renewal.
    pub lease: Lease,
    /// The lease id. Hosts usually leave it empty.
    pub id: String,
    /// The extension that the caller requested. Zero leaves it to the backend.
    pub increment: Duration,
    /// When it was issued.
    pub issued_at: Option<SystemTime>,
}

impl HeldLease {
    /// A lease as its renewal or revocation gets it, for tests of an engine.
    pub fn new(lease: Lease) -> Self {
        Self { lease, id: String::new(), increment: Duration::ZERO, issued_at: None }
    }
}
