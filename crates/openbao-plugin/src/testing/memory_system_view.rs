//! A host's system view, with answers that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tonic::{Request, Response, Status};

use crate::proto::pb;

/// The error of calls that this host does not have.
const NOT_HERE: &str = "the test host has no identity store and no policies";

/// A host's answers about leases and replication. Clones share them.
///
/// Both lease times are 32 days, the default of Vault and OpenBao.
#[derive(Clone, Default)]
pub struct MemorySystemView {
    replication_state: Arc<AtomicI32>,
    is_local: Arc<AtomicBool>,
    times_asked: Arc<AtomicUsize>,
    events: Arc<Mutex<Vec<String>>>,
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

    /// Returns the types of the events that the plugin sent.
    pub fn events(&self) -> Vec<String> {
        self.events.lock().clone()
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

    async fn tainted(&self, _: Request<pb::Empty>) -> Result<Response<pb::TaintedReply>, Status> {
        Ok(Response::new(pb::TaintedReply { tainted: false }))
    }

    async fn caching_disabled(&self, _: Request<pb::Empty>) -> Result<Response<pb::CachingDisabledReply>, Status> {
        Ok(Response::new(pb::CachingDisabledReply { disabled: false }))
    }

    async fn plugin_env(&self, _: Request<pb::Empty>) -> Result<Response<pb::PluginEnvReply>, Status> {
        let plugin_environment = Some(pb::PluginEnvironment { vault_version: "2.7.2".to_owned() });
        Ok(Response::new(pb::PluginEnvReply { plugin_environment, err: String::new() }))
    }

    async fn cluster_info(&self, _: Request<pb::Empty>) -> Result<Response<pb::ClusterInfoReply>, Status> {
        Ok(Response::new(pb::ClusterInfoReply { cluster_id: "cluster".to_owned(), ..Default::default() }))
    }

    async fn generate_password_from_policy(
        &self,
        _: Request<pb::GeneratePasswordFromPolicyRequest>,
    ) -> Result<Response<pb::GeneratePasswordFromPolicyReply>, Status> {
        Err(Status::unimplemented(NOT_HERE))
    }

    async fn entity_info(&self, _: Request<pb::EntityInfoArgs>) -> Result<Response<pb::EntityInfoReply>, Status> {
        Err(Status::unimplemented(NOT_HERE))
    }

    async fn groups_for_entity(
        &self,
        _: Request<pb::EntityInfoArgs>,
    ) -> Result<Response<pb::GroupsForEntityReply>, Status> {
        Err(Status::unimplemented(NOT_HERE))
    }

    async fn response_wrap_data(
        &self,
        _: Request<pb::ResponseWrapDataArgs>,
    ) -> Result<Response<pb::ResponseWrapDataReply>, Status> {
        Err(Status::unimplemented(NOT_HERE))
    }

    async fn generate_identity_token(
        &self,
        request: Request<pb::GenerateIdentityTokenRequest>,
    ) -> Result<Response<pb::GenerateIdentityTokenResponse>, Status> {
        let pb::GenerateIdentityTokenRequest { audience, ttl } = request.into_inner();
        Ok(Response::new(pb::GenerateIdentityTokenResponse { token: format!("token for {audience}"), ttl }))
    }
}

#[tonic::async_trait]
impl pb::events_server::Events for MemorySystemView {
    async fn send_event(&self, request: Request<pb::SendEventRequest>) -> Result<Response<pb::Empty>, Status> {
        self.events.lock().push(request.into_inner().event_type);
        Ok(Response::new(pb::Empty {}))
    }
}
