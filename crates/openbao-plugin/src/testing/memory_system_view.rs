//! A host's system view, with answers that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use tonic::{Request, Response, Status};

use crate::proto::pb;

/// A host's answers about leases and replication. Clones share them.
///
/// Both lease times are 32 days, the default of Vault and OpenBao.
#[derive(Clone, Default)]
pub struct MemorySystemView {
    replication_state: Arc<AtomicI32>,
    is_local: Arc<AtomicBool>,
    times_asked: Arc<AtomicUsize>,
}

impl MemorySystemView {
    /// Sets the replication state, as flags of `sdk/helper/consts/replication.go`.
    pub fn set_replication_state(&self, state: i32) {
        self.replication_state.store(state, Ordering::Relaxed);
    }

    /// Sets whether the mount is local to this cluster.
    pub fn set_local_mount(&self, is_local: bool) {
        self.is_local.store(is_local, Ordering::Relaxed);
    }

    /// Returns how many times the plugin read the replication state.
    pub fn times_asked(&self) -> usize {
        self.times_asked.load(Ordering::Relaxed)
    }
}

#[tonic::async_trait]
impl pb::system_view_server::SystemView for MemorySystemView {
    async fn default_lease_ttl(&self, _: Request<pb::Empty>) -> Result<Response<pb::TtlReply>, Status> {
        Ok(Response::new(pb::TtlReply { ttl: 2_764_800_000_000_000 }))
    }

    async fn max_lease_ttl(&self, _: Request<pb::Empty>) -> Result<Response<pb::TtlReply>, Status> {
        Ok(Response::new(pb::TtlReply { ttl: 2_764_800_000_000_000 }))
    }

    async fn replication_state(&self, _: Request<pb::Empty>) -> Result<Response<pb::ReplicationStateReply>, Status> {
        self.times_asked.fetch_add(1, Ordering::Relaxed);
        let state = self.replication_state.load(Ordering::Relaxed);
        Ok(Response::new(pb::ReplicationStateReply { state }))
    }

    async fn local_mount(&self, _: Request<pb::Empty>) -> Result<Response<pb::LocalMountReply>, Status> {
        Ok(Response::new(pb::LocalMountReply { local: self.is_local.load(Ordering::Relaxed) }))
    }
}
