//! Where a request comes from, and how its answer is wrapped.

use std::time::Duration;

use super::wire_time::duration;
use crate::proto::pb;

/// The caller's connection to the host. Hosts send it to auth methods only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The caller's address, as the host's listener sees it.
    pub remote_address: String,
    /// The caller's port.
    pub remote_port: u16,
    /// The caller's certificates, DER, its own first. Empty without mutual TLS.
    pub certificates: Vec<Vec<u8>>,
}

impl Connection {
    pub(super) fn from_wire(connection: pb::Connection) -> Self {
        let state = connection.connection_state.unwrap_or_default();
        let certificates = state.peer_certificates.unwrap_or_default().certificates.into_iter();
        Self {
            remote_address: connection.remote_addr,
            remote_port: connection.remote_port.try_into().unwrap_or(0),
            certificates: certificates.map(|certificate| certificate.asn1_data).collect(),
        }
    }
}

/// The caller's wish to get the answer wrapped. The host wraps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrapRequest {
    /// How long the wrapping token is to live.
    pub ttl: Duration,
    /// `jwt`, or empty.
    pub format: String,
}

impl WrapRequest {
    pub(super) fn from_wire(wrap: pb::RequestWrapInfo) -> Self {
        Self { ttl: duration(wrap.ttl), format: wrap.format }
    }
}
