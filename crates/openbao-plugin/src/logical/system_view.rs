//! What the host tells about a mount and its callers, and does for it.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::event::Event;
use super::host_service::HostService;
use super::identity::{Entity, Group};
use super::wire_json::json;
use super::wire_time::{duration, nanoseconds};
use crate::go_plugin::host_error::HostError;
use crate::proto::pb;

/// What the host tells about a mount, its cluster and its callers. Clones share one connection.
///
/// ```
/// use openbao_plugin::{Failure, Request, SystemView};
///
/// async fn greeting(system: &SystemView, request: &Request) -> Result<String, Failure> {
///     if system.replication_state().await?.is_standby() {
///         return Err(Failure::read_only());
///     }
///     let entity = system.entity(&request.entity_id).await?;
///     Ok(format!("hello {}", entity.map_or_else(|| request.display_name.clone(), |entity| entity.name)))
/// }
/// ```
#[derive(Clone)]
pub struct SystemView {
    host: HostService,
}

/// This node's role in its cluster, and the cluster's role in replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicationState {
    bits: u32,
}

impl SystemView {
    pub(crate) fn new(host: HostService) -> Self {
        Self { host }
    }

    /// Returns the mount's default lease time.
    ///
    /// # Errors
    ///
    /// The host did not answer.
    pub async fn default_lease_ttl(&self) -> Result<Duration, HostError> {
        let reply: pb::TtlReply = self.host.call("/pb.SystemView/DefaultLeaseTTL", &pb::Empty {}).await?;
        Ok(duration(reply.ttl))
    }

    /// Returns the mount's maximum lease time.
    ///
    /// # Errors
    ///
    /// The host did not answer.
    pub async fn max_lease_ttl(&self) -> Result<Duration, HostError> {
        let reply: pb::TtlReply = self.host.call("/pb.SystemView/MaxLeaseTTL", &pb::Empty {}).await?;
        Ok(duration(reply.ttl))
    }

    /// Returns whether the mount is local to this cluster, and not replicated.
    ///
    /// # Errors
    ///
    /// The host did not answer. A host without this call, because it has no replication, counts as `false`.
    pub async fn is_local_mount(&self) -> Result<bool, HostError> {
        match self.host.call::<pb::LocalMountReply>("/pb.SystemView/LocalMount", &pb::Empty {}).await {
            Ok(reply) => Ok(reply.local),
            Err(status) if status.code() == tonic::Code::Unimplemented => Ok(false),
            Err(status) => Err(status.into()),
        }
    }

    /// Returns whether the mount is being removed: its leases are revoked, and its storage deleted.
    ///
    /// # Errors
    ///
    /// The host did not answer.
    pub async fn is_tainted(&self) -> Result<bool, HostError> {
        let reply: pb::TaintedReply = self.host.call("/pb.SystemView/Tainted", &pb::Empty {}).await?;
        Ok(reply.tainted)
    }

    /// Returns whether the operator disabled caches.
    ///
    /// # Errors
    ///
    /// The host did not answer.
    pub async fn is_caching_disabled(&self) -> Result<bool, HostError> {
        let reply: pb::CachingDisabledReply = self.host.call("/pb.SystemView/CachingDisabled", &pb::Empty {}).await?;
        Ok(reply.disabled)
    }

    /// Returns the host's version, such as `2.7.2`.
    ///
    /// # Errors
    ///
    /// The host's error.
    pub async fn host_version(&self) -> Result<String, HostError> {
        let reply: pb::PluginEnvReply = self.host.call("/pb.SystemView/PluginEnv", &pb::Empty {}).await?;
        HostError::check(reply.err)?;
        Ok(reply.plugin_environment.unwrap_or_default().vault_version)
    }

    /// Returns the id of the cluster.
    ///
    /// # Errors
    ///
    /// The host's error.
    pub async fn cluster_id(&self) -> Result<String, HostError> {
        let reply: pb::ClusterInfoReply = self.host.call("/pb.SystemView/ClusterInfo", &pb::Empty {}).await?;
        HostError::check(reply.err)?;
        Ok(reply.cluster_id)
    }

    /// Generates a password by one of the host's password policies (`sys/policies/password/NAME`).
    ///
    /// # Errors
    ///
    /// The policy does not exist, or the host did not answer.
    pub async fn generate_password(&self, policy: &str) -> Result<String, HostError> {
        let arguments = pb::GeneratePasswordFromPolicyRequest { policy_name: policy.to_owned() };
        let path = "/pb.SystemView/GeneratePasswordFromPolicy";
        let reply: pb::GeneratePasswordFromPolicyReply = self.host.call(path, &arguments).await?;
        Ok(reply.password)
    }

    /// Returns an entity of the identity store; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// The host's error.
    pub async fn entity(&self, id: &str) -> Result<Option<Entity>, HostError> {
        let arguments = pb::EntityInfoArgs { entity_id: id.to_owned() };
        let reply: pb::EntityInfoReply = self.host.call("/pb.SystemView/EntityInfo", &arguments).await?;
        HostError::check(reply.err)?;
        Ok(reply.entity.filter(|entity| !entity.id.is_empty()).map(Entity::from_wire))
    }

    /// Returns the groups of an entity.
    ///
    /// # Errors
    ///
    /// The host's error.
    pub async fn groups_of(&self, entity_id: &str) -> Result<Vec<Group>, HostError> {
        let arguments = pb::EntityInfoArgs { entity_id: entity_id.to_owned() };
        let reply: pb::GroupsForEntityReply = self.host.call("/pb.SystemView/GroupsForEntity", &arguments).await?;
        HostError::check(reply.err)?;
        Ok(reply.groups.into_iter().map(Group::from_wire).collect())
    }

    /// Wraps data in a new token, which unwraps it once, and returns the token. To wrap a whole answer, use
    /// [`Response::wrapped`](crate::Response::wrapped).
    ///
    /// # Errors
    ///
    /// The host's error. OpenBao 2.7.2 refuses this to external plugins, with "no namespace".
    pub async fn wrap(&self, data: Map<String, Value>, ttl: Duration) -> Result<String, HostError> {
        let arguments = pb::ResponseWrapDataArgs { data: json(Some(data)), ttl: nanoseconds(ttl), jwt: false };
        let reply: pb::ResponseWrapDataReply = self.host.call("/pb.SystemView/ResponseWrapData", &arguments).await?;
        HostError::check(reply.err)?;
        Ok(reply.wrap_info.unwrap_or_default().token)
    }

    /// Requests a token that identifies the plugin to others (workload identity), and returns it with its lifetime. Vault
    /// Enterprise only.
    ///
    /// # Errors
    ///
    /// The host has no such call, or did not answer.
    pub async fn identity_token(&self, audience: &str, ttl: Duration) -> Result<(String, Duration), HostError> {
        let seconds = ttl.as_secs().try_into().unwrap_or(i64::MAX);
        let arguments = pb::GenerateIdentityTokenRequest { audience: audience.to_owned(), ttl: seconds };
        let path = "/pb.SystemView/GenerateIdentityToken";
        let reply: pb::GenerateIdentityTokenResponse = self.host.call(path, &arguments).await?;
        Ok((reply.token, Duration::from_secs(reply.ttl.try_into().unwrap_or(0))))
    }

    /// Sends an event to the host's subscribers, and returns whether the host has events: OpenBao has none.
    ///
    /// `event_type` is such as `notes/write`.
    ///
    /// # Errors
    ///
    /// The host refused it, or did not answer.
    pub async fn send_event(&self, event_type: &str, event: Event) -> Result<bool, HostError> {
        let arguments = pb::SendEventRequest { event_type: event_type.to_owned(), event: Some(event.into_wire()) };
        match self.host.call::<pb::Empty>("/pb.Events/SendEvent", &arguments).await {
            Ok(pb::Empty {}) => Ok(true),
            Err(status) if status.code() == tonic::Code::Unimplemented => Ok(false),
            Err(status) => Err(status.into()),
        }
    }

    /// Returns this node's current replication state.
    ///
    /// # Errors
    ///
    /// The host did not answer.
    pub async fn replication_state(&self) -> Result<ReplicationState, HostError> {
        let reply: pb::ReplicationStateReply = self.host.call("/pb.SystemView/ReplicationState", &pb::Empty {}).await?;
        Ok(ReplicationState::from_wire(reply.state))
    }
}

impl fmt::Debug for SystemView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SystemView")
    }
}

// The flags of sdk/helper/consts/replication.go.
const PERFORMANCE_SECONDARY: u32 = 1 << 6;
const DISASTER_RECOVERY_SECONDARY: u32 = 1 << 9;
const PERFORMANCE_STANDBY: u32 = 1 << 14;

impl ReplicationState {
    fn from_wire(state: i32) -> Self {
        // The value is a set of flags.
        Self { bits: state.cast_unsigned() }
    }

    /// Returns whether this node is a standby, which answers reads and cannot write.
    pub fn is_standby(self) -> bool {
        self.bits & PERFORMANCE_STANDBY != 0
    }

    /// Returns whether the cluster is a secondary, which replicates a primary and cannot write.
    pub fn is_secondary(self) -> bool {
        self.bits & (PERFORMANCE_SECONDARY | DISASTER_RECOVERY_SECONDARY) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replication_flags_are_decoded() {
        for (bits, standby, secondary) in [
            (0, false, false),
            (32 | 256, false, false),
            (4096 | 8192, false, false),
            (16384, true, false),
            (64, false, true),
            (512, false, true),
            (64 | 16384, true, true),
        ] {
            let state = ReplicationState::from_wire(bits);
            assert_eq!((state.is_standby(), state.is_secondary()), (standby, secondary), "{bits}");
        }
    }
}
