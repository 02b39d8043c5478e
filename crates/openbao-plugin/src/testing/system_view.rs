//! What the plugin may ask of the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use tonic::{Request, Response, Status};

use super::wire::pb;

/// The host's answers. Clones share them.
#[derive(Clone, Default)]
pub struct SystemView {
    replication_state: Arc<AtomicI32>,
    is_local: Arc<AtomicBool>,
    times_asked: Arc<AtomicUsize>,
}

impl SystemView {
    /// Sets the flags of `sdk/helper/consts/replication.go`.
    pub fn set_replication_state(&self, state: i32) {
        self.replication_state.store(state, Ordering::Relaxed);
    }

    /// Says whether mounts are this cluster's alone.
    pub fn set_local_mount(&self, is_local: bool) {
        self.is_local.store(is_local, Ordering::Relaxed);
    }

    /// How many times the replication state was asked for.
    pub fn times_asked(&self) -> usize {
        self.times_asked.load(Ordering::Relaxed)
    }
}

#[tonic::async_trait]
impl pb::system_view_server::SystemView for SystemView {
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
