//! What this node may do in its cluster, and the lease times of the mount.

use std::time::Duration;

use openbao_plugin::{Failure, SystemView};

/// The node that serves the mount. Clones share one connection to the host.
#[derive(Clone)]
pub(crate) struct Node {
    system: SystemView,
}

impl Node {
    pub(crate) fn new(system: SystemView) -> Self {
        Self { system }
    }

    /// Whether the node may write to the mount's storage: false on a standby, and on a secondary cluster unless the
    /// mount is local.
    ///
    /// # Errors
    /// The host did not answer.
    pub(crate) async fn may_write(&self) -> Result<bool, Failure> {
        let state = self.system.replication_state().await?;
        if state.is_secondary() && !state.is_standby() {
            return Ok(self.system.is_local_mount().await?);
        }
        Ok(!state.is_standby())
    }

    /// Fails on a standby, whose leases the active node would not know. A secondary cluster issues leases of its own.
    ///
    /// # Errors
    /// The read-only failure that makes the host forward the request, or the host did not answer.
    pub(crate) async fn require_active(&self) -> Result<(), Failure> {
        match self.system.replication_state().await?.is_standby() {
            false => Ok(()),
            true => Err(Failure::read_only()),
        }
    }

    /// Fails on a node that may not write, so that the host forwards the request before a token is created that could
    /// not be stored.
    ///
    /// # Errors
    /// The read-only failure that makes the host forward the request, or the host did not answer.
    pub(crate) async fn require_writable(&self) -> Result<(), Failure> {
        match self.may_write().await? {
            true => Ok(()),
            false => Err(Failure::read_only()),
        }
    }

    /// The mount's default and maximum lease time.
    ///
    /// # Errors
    /// The host did not answer.
    pub(crate) async fn lease_ttls(&self) -> Result<(Duration, Duration), Failure> {
        Ok(tokio::try_join!(self.system.default_lease_ttl(), self.system.max_lease_ttl())?)
    }

    /// The mount's maximum lease time.
    ///
    /// # Errors
    /// The host did not answer.
    pub(crate) async fn max_lease_ttl(&self) -> Result<Duration, Failure> {
        Ok(self.system.max_lease_ttl().await?)
    }
}
