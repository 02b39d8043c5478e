//! What an engine implements: plain Rust types in place of the wire's messages.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::failure::Failure;
use super::storage::Storage;
use super::system_view::SystemView;

/// A secrets engine as one process serves it: it makes a [`Backend`] for each mount.
pub trait Engine: Send + Sync + 'static {
    /// What serves one mount.
    type Backend: Backend;

    /// The version that the catalog compares with the registered one, such as `v1.2.3`.
    ///
    /// A host refuses to start a plugin that was registered with another version than it reports.
    fn version(&self) -> String;

    /// Makes the backend of a mount.
    ///
    /// The host also calls this for every probe of the binary, so it must touch neither the storage
    /// nor the network: [`Backend::initialize`] is the place for that.
    ///
    /// # Errors
    ///
    /// The host does not mount what fails here, and shows the sentence.
    fn mount(&self, mount: Mount) -> Result<Self::Backend, Failure>;
}

/// One mount: its requests, and what the host tells it.
///
/// Each call runs to its end, even where the host stopped waiting for the answer, so that nothing is
/// left half done; the backend sets its own deadlines. A panic costs that call alone.
pub trait Backend: Send + Sync + 'static {
    /// Answers a request.
    ///
    /// # Errors
    ///
    /// [`Failure`] chooses the HTTP status that the caller gets.
    fn handle_request(&self, request: Request) -> impl Future<Output = Result<Response, Failure>> + Send;

    /// Whether what a write names is there already: the host then takes it for an update, otherwise
    /// for a create. `None` where the path knows no such difference.
    ///
    /// # Errors
    ///
    /// The write fails with it.
    fn exists(&self, _request: Request) -> impl Future<Output = Result<Option<bool>, Failure>> + Send {
        async { Ok(None) }
    }

    /// The paths that the host treats in a way of their own.
    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths::default()
    }

    /// Runs once after mounting and after every unseal, and is the first call that may use the
    /// storage. A standby may get it before the active node does.
    ///
    /// # Errors
    ///
    /// The host logs it.
    fn initialize(&self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// The host gave up on a request before this answer to it was there, so nobody will ever hold or
    /// revoke what it hands out. It is only called for answers with a lease.
    fn undelivered(&self, _answer: Response) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Another node wrote this key of the storage: what was kept of it in memory is stale.
    fn invalidate(&self, _key: &str) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The mount goes away, or the process does. Ends whatever still runs for it.
    fn cleanup(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What the host hands to a mount.
pub struct Mount {
    /// The mount's own storage. It works from [`Backend::initialize`] on.
    pub storage: Storage,
    /// What the mount may ask of the host.
    pub system: SystemView,
    /// The mount's configuration, such as `plugin_name`.
    pub config: BTreeMap<String, String>,
    /// Names the mount, and stays the same for as long as it lives.
    pub uuid: String,
}

/// Paths that the host treats in a way of their own. One that ends in `*` stands for all that begin so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialPaths {
    /// Request paths for which a policy has to grant `sudo`.
    pub root: Vec<String>,
    /// Request paths that take no token.
    pub unauthenticated: Vec<String>,
    /// Storage prefixes that are not replicated to other clusters.
    pub local_storage: Vec<String>,
    /// Storage prefixes that the seal wraps once more.
    pub seal_wrap_storage: Vec<String>,
}

/// What a request wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Write what is not there yet.
    Create,
    /// Read.
    Read,
    /// Write over what is there, or write where nothing tells the two apart.
    Update,
    /// Change some of the fields.
    Patch,
    /// Delete.
    Delete,
    /// List names; the path ends in `/`.
    List,
    /// Explain a path, or at the empty path the whole engine.
    Help,
    /// Extend a lease, which is the request's [`lease`](Request::lease).
    Renew,
    /// End a lease, which is the request's [`lease`](Request::lease). A failure blocks the mount's
    /// removal and is tried again by the host: what is gone already counts as revoked.
    Revoke,
    /// The host's tick, about once a minute, at the empty path.
    Rollback,
}

impl Operation {
    /// The operation by its name on the wire; `None` for one that no engine here has to know.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "create" => Self::Create,
            "read" => Self::Read,
            "update" => Self::Update,
            "patch" => Self::Patch,
            "delete" => Self::Delete,
            "list" => Self::List,
            "help" => Self::Help,
            "renew" => Self::Renew,
            "revoke" => Self::Revoke,
            "rollback" => Self::Rollback,
            _ => return None,
        })
    }
}

/// A request to one mount. `Debug` leaves out all that a caller sent.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// The host's own id of the request, as in its audit log.
    pub id: String,
    /// What to do.
    pub operation: Operation,
    /// Where, without the mount's own path.
    pub path: String,
    /// The fields that the caller sent.
    pub data: Map<String, Value>,
    /// The lease to renew or revoke.
    pub lease: Option<HeldLease>,
    /// The headers that the mount's configuration lets through.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Who asks, for people to read.
    pub display_name: String,
    /// Who asks, as the host's identity store knows them. Empty for root.
    pub entity_id: String,
    /// Where the mount is, with a slash at its end.
    pub mount_point: String,
    /// The type of the mount.
    pub mount_type: String,
    /// Names the mount in the identity store.
    pub mount_accessor: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = formatter.debug_struct("Request");
        parts.field("id", &self.id).field("operation", &self.operation).field("path", &self.path);
        parts.finish_non_exhaustive()
    }
}

/// An answer. `Debug` leaves out what it says.
#[derive(Clone, Default, PartialEq)]
pub struct Response {
    /// The fields; `None` where there is nothing to say, which a read or a list shows as 404.
    pub data: Option<Map<String, Value>>,
    /// Makes it a secret with a lease; in the answer to a renewal, the lease as it now is.
    pub lease: Option<Lease>,
    /// Sentences that the caller sees beside the answer.
    pub warnings: Vec<String>,
}

impl Response {
    /// Nothing to say: 204, and 404 for a read or a list.
    pub fn empty() -> Self {
        Self::default()
    }

    /// An answer with fields.
    pub fn with_data(data: Map<String, Value>) -> Self {
        Self { data: Some(data), ..Self::default() }
    }

    /// An answer to a list. The host shows an empty one as 404.
    pub fn with_keys(keys: Vec<String>) -> Self {
        let mut data = Map::new();
        if !keys.is_empty() {
            data.insert("keys".to_owned(), Value::from(keys));
        }
        Self::with_data(data)
    }

    /// Puts a lease on it.
    #[must_use]
    pub fn leased(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Adds a sentence that the caller sees beside the answer.
    #[must_use]
    pub fn warning(mut self, sentence: impl Into<String>) -> Self {
        self.warnings.push(sentence.into());
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = formatter.debug_struct("Response");
        parts.field("warnings", &self.warnings.len()).finish_non_exhaustive()
    }
}

/// A lease to put on an answer.
#[derive(Clone, PartialEq)]
pub struct Lease {
    /// How long it lasts from now on.
    pub ttl: Duration,
    /// How long renewals may stretch it from its beginning; zero leaves that to the mount.
    pub max_ttl: Duration,
    /// Whether the holder may ask for a renewal.
    pub renewable: bool,
    /// What the backend needs for a renewal or a revocation. The host stores it and shows it to nobody.
    pub internal_data: Map<String, Value>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = formatter.debug_struct("Lease");
        parts.field("ttl", &self.ttl).field("max_ttl", &self.max_ttl).field("renewable", &self.renewable);
        parts.finish_non_exhaustive()
    }
}

/// A lease that somebody holds.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldLease {
    /// The lease as it was put on the answer. Its `ttl` is that of the last renewal.
    pub lease: Lease,
    /// Its name. The host leaves it out of what it asks of an engine, as a rule.
    pub id: String,
    /// By how much the holder would have it renewed; zero leaves that to the backend.
    pub increment: Duration,
    /// When it began.
    pub issued_at: Option<SystemTime>,
}
