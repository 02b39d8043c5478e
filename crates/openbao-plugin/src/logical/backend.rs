//! The traits that an engine implements, and their types.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::request::Request;
use super::response::Response;
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
