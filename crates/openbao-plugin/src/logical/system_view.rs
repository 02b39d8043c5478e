//! The host's lease times and replication state.

use std::fmt;
use std::time::Duration;

use super::host_service::HostService;
use super::wire_time::duration;
use crate::go_plugin::host_error::HostError;
use crate::proto::pb;

/// The host's settings for a mount: lease times and replication. Clones share one connection.
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
