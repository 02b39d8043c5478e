//! The engine and its mounts, as the host calls them.

use super::failure::logged_failure;
use super::minting::Minting;
use super::mount::GenesysMount;
use super::paths::router::ROUTER;
use super::platform::EnginePlatform;
use super::storage::entries::SEAL_WRAPPED;
use crate::rotation::{Clock, RotationError};
use openbao_plugin::{Backend, Engine, Failure, Mount, Operation, Request, Response, SpecialPaths};

/// The secrets engine of one process.
pub struct GenesysEngine {
    minting: Result<Minting, RotationError>,
    version: &'static str,
}

impl GenesysEngine {
    /// The engine in a version such as `v1.2.3`. With an error in place of `platforms`, for example for invalid
    /// settings in the environment, every mount fails with that error.
    pub fn new<P: EnginePlatform>(
        platforms: Result<P, RotationError>,
        clock: impl Clock + 'static,
        version: &'static str,
    ) -> Self {
        Self { minting: platforms.map(|platforms| Minting::new(platforms, clock)), version }
    }
}

impl Engine for GenesysEngine {
    type Backend = GenesysMount;

    fn version(&self) -> String {
        self.version.to_owned()
    }

    fn mount(&self, mount: Mount) -> Result<GenesysMount, Failure> {
        let minting = self.minting.as_ref().map_err(logged_failure)?;
        Ok(GenesysMount::new(mount, minting.for_another_mount()))
    }
}

impl Backend for GenesysMount {
    async fn handle_request(&self, request: Request) -> Result<Response, Failure> {
        match request.operation {
            Operation::Renew => self.leases.renew(&request).await,
            Operation::Revoke => self.leases.revoke(&request).await,
            Operation::Rollback => {
                // The task runs already, unless the host did not initialize the mount after a crash of this process.
                self.background.start();
                Ok(Response::empty())
            }
            _ => ROUTER.handle(self, request).await,
        }
    }

    async fn exists(&self, request: Request) -> Result<Option<bool>, Failure> {
        ROUTER.exists(self, request).await
    }

    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths::new().root(ROUTER.sudo_paths()).seal_wrap_storage(SEAL_WRAPPED)
    }

    async fn initialize(&self) -> Result<(), Failure> {
        self.background.start();
        Ok(())
    }

    async fn cleanup(&self) {
        self.background.stop().await;
    }

    async fn invalidate(&self, key: &str) {
        self.entries.invalidate(key);
    }

    async fn undelivered(&self, answer: Response) {
        self.leases.revoke_undelivered(answer).await;
    }
}
