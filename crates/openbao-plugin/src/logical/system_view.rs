//! What a mount may ask of its host.

use std::fmt;
use std::time::Duration;

use tonic::transport::Channel;

use super::failure::HostError;
use super::message::duration;
use crate::proto::pb;
use crate::proto::pb::system_view_client::SystemViewClient;

/// What a mount may ask of its host. Clones share one connection.
#[derive(Clone)]
pub struct SystemView {
    client: SystemViewClient<Channel>,
}

/// The part that this node plays among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicationState {
    bits: u32,
}

impl SystemView {
    pub(crate) fn new(channel: Channel) -> Self {
        Self { client: SystemViewClient::new(channel) }
    }

    /// The mount's default lease time.
    ///
    /// # Errors
    ///
    /// The host did not answer.
    pub async fn default_lease_ttl(&self) -> Result<Duration, HostError> {
        let reply = self.client.clone().default_lease_ttl(pb::Empty {}).await?.into_inner();
        Ok(duration(reply.ttl))
    }

    /// The mount's longest lease time.
    ///
    /// # Errors
    ///
    /// The host did not answer.
    pub async fn max_lease_ttl(&self) -> Result<Duration, HostError> {
        let reply = self.client.clone().max_lease_ttl(pb::Empty {}).await?.into_inner();
        Ok(duration(reply.ttl))
    }

    /// Whether the mount belongs to this cluster alone, and is not copied from a primary one.
    ///
    /// # Errors
    ///
    /// The host did not answer. One that knows no replication may not know the question either, and then it is not.
    pub async fn is_local_mount(&self) -> Result<bool, HostError> {
        match self.client.clone().local_mount(pb::Empty {}).await {
            Ok(reply) => Ok(reply.into_inner().local),
            Err(status) if status.code() == tonic::Code::Unimplemented => Ok(false),
            Err(status) => Err(status.into()),
        }
    }

    /// The part that this node plays now.
    ///
    /// # Errors
    ///
    /// The host did not answer.
    pub async fn replication_state(&self) -> Result<ReplicationState, HostError> {
        let reply = self.client.clone().replication_state(pb::Empty {}).await?.into_inner();
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
        // The flags only look like a number.
        Self { bits: state.cast_unsigned() }
    }

    /// Whether this node is a standby: it answers reads, and another one writes.
    pub fn is_standby(self) -> bool {
        self.bits & PERFORMANCE_STANDBY != 0
    }

    /// Whether its cluster copies another one, which alone may write.
    pub fn is_secondary(self) -> bool {
        self.bits & (PERFORMANCE_SECONDARY | DISASTER_RECOVERY_SECONDARY) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_whether_it_may_write() {
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
