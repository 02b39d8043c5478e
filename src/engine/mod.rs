//! The secrets engine: tokens of Genesys Cloud for whoever the host lets ask.
//!
//! One file per path under `paths`. What they have in common is here: the stored entries, the platforms, and the host.

mod failure;
mod paths;
mod root;
mod static_roles;
mod storage;
mod token;
mod tokens;

pub use self::static_roles::store::StaticStore;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use self::paths::ROUTER;
use self::static_roles::scheduler::Scheduler;
use self::storage::config::Config;
use self::storage::entries::{Entries, SEAL_WRAPPED};
use self::storage::locks::Locks;
use self::storage::role::Role;
use self::token::Token;
use self::tokens::shared_token::{Refusals, SharedToken};
use self::tokens::single_flight::SingleFlight;
use crate::platform::Platforms;
use crate::rotation::{
    Clock, Deadline, ErrorKind, Place, RateLimiter, RetryPolicy, RotationError, SystemClock, Tokens,
};
use crate::secret::SecretString;
use openbao_plugin::{Backend, Engine, Failure, Mount, Operation, Request, Response, SpecialPaths, SystemView};

/// How long a reader may wait for a token's api_url, where the platform has to be asked for it.
const DISCOVERY: Duration = Duration::from_secs(3);

/// The engine as one process serves it.
pub struct GenesysEngine {
    platforms: Result<Platforms, RotationError>,
    version: &'static str,
}

impl GenesysEngine {
    /// The engine in a version such as `v1.2.3`. Where the operator's settings cannot be used, every mount is
    /// refused with their error, which the host shows.
    pub fn new(platforms: Result<Platforms, RotationError>, version: &'static str) -> Self {
        Self { platforms, version }
    }
}

impl Engine for GenesysEngine {
    type Backend = GenesysMount;

    fn version(&self) -> String {
        self.version.to_owned()
    }

    fn mount(&self, mount: Mount) -> Result<GenesysMount, Failure> {
        let platforms = self.platforms.clone().map_err(|error| failure::failure(&error))?;
        let entries = Entries::new(mount.storage);
        Ok(GenesysMount {
            static_store: StaticStore::over(entries.clone()),
            entries,
            system: mount.system,
            platforms,
            limiter: RateLimiter::default(),
            refusals: Arc::default(),
            shared: Arc::default(),
            writes: Arc::default(),
            configs: Locks::default(),
            rotations: Locks::default(),
            scheduler: Arc::default(),
        })
    }
}

/// One mount. Clones are the same mount.
#[derive(Clone)]
pub struct GenesysMount {
    entries: Entries,
    system: SystemView,
    platforms: Platforms,
    limiter: RateLimiter,
    refusals: Arc<Refusals>,
    shared: Arc<SingleFlight<Result<SharedToken, Failure>>>,
    /// Writes of roles merge with what is there, so they go one after the other.
    writes: Arc<Mutex<()>>,
    /// So do the writes of one config.
    configs: Locks,
    static_store: StaticStore,
    /// A static role is written, rotated or deleted by one at a time.
    rotations: Locks,
    scheduler: Arc<Scheduler>,
}

impl Backend for GenesysMount {
    async fn handle_request(&self, request: Request) -> Result<Response, Failure> {
        match request.operation {
            Operation::Renew => self.renew(&request).await,
            Operation::Revoke => self.revoke(&request).await,
            Operation::Rollback => {
                // It has started, unless the host left out to initialize the mount after a crash of this process.
                self.scheduler.start(self);
                Ok(Response::empty())
            }
            _ => ROUTER.handle(self, request).await,
        }
    }

    async fn exists(&self, request: Request) -> Result<Option<bool>, Failure> {
        ROUTER.exists(self, request).await
    }

    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths {
            root: ROUTER.sudo_paths(),
            seal_wrap_storage: SEAL_WRAPPED.map(str::to_owned).into(),
            ..SpecialPaths::default()
        }
    }

    async fn initialize(&self) -> Result<(), Failure> {
        self.scheduler.start(self);
        Ok(())
    }

    async fn cleanup(&self) {
        self.scheduler.stop().await;
    }

    async fn invalidate(&self, key: &str) {
        self.entries.forget(key);
    }

    async fn undelivered(&self, answer: Response) {
        self.take_back(answer).await;
    }
}

impl GenesysMount {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// The address of the API that a token is good for; `None` where the platform has to be asked and cannot be,
    /// which takes nothing from the token.
    async fn api_url(&self, place: &Place, token: &SecretString) -> Option<String> {
        let asked = tokio::time::timeout(DISCOVERY, self.platforms.api_url(place, token)).await;
        let told = asked.ok()?;
        told.inspect_err(|error| tracing::warn!("a token is handed out without its api_url: {}", error.chain())).ok()
    }

    fn tokens(&self) -> Tokens<'_, Platforms, SystemClock> {
        let (issuer, retries) = (&self.platforms, RetryPolicy::default());
        Tokens { issuer, clock: &SystemClock, retries, limiter: Some(&self.limiter) }
    }

    /// A new token of a config: validated, and alive.
    async fn mint(&self, config: &Config, role: &Role, deadline: Deadline) -> Result<Token, Failure> {
        let credentials = config.credentials();
        let minted = self.tokens().mint(&credentials, &role.token.kind()?, &role.probes()?, deadline).await;
        let (token, asked_at) = minted.map_err(|error| failure::failure(&error))?;
        let token = Token::issued(token, asked_at);
        if token.is_alive(self.now()) {
            return Ok(token);
        }
        self.tokens().discard(&credentials, &token.access_token, deadline).await;
        let error = RotationError::new(ErrorKind::PlatformUnavailable, "the new token expired while it was validated")
            .with_hint("give the OAuth client a longer token duration (Admin > Integrations > OAuth)");
        Err(failure::failure(&error))
    }

    /// Where this node may not write, the host sends the request on to one that may; and it should do so before a token
    /// is made that can never be stored.
    async fn refuse_on_standby(&self) -> Result<(), Failure> {
        match self.may_write().await? {
            true => Ok(()),
            false => Err(Failure::read_only()),
        }
    }

    /// Not on a standby; on a secondary cluster where the mount is its own alone.
    async fn may_write(&self) -> Result<bool, Failure> {
        let state = self.system.replication_state().await?;
        if state.is_secondary() && !state.is_standby() {
            return Ok(self.system.is_local_mount().await?);
        }
        Ok(!state.is_standby())
    }
}
