//! The leases of answers.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

/// A lease of an answer. `Debug` omits its internal data.
///
/// ```
/// use std::time::Duration;
///
/// use openbao_plugin::{Lease, Response};
/// use serde_json::Map;
///
/// let lease = Lease::new(Duration::from_secs(60)).max_ttl(Duration::from_secs(600)).renewable();
/// let answer = Response::with_data(Map::new()).leased(lease);
/// assert!(answer.lease.is_some());
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Lease {
    /// The time until it expires.
    pub ttl: Duration,
    /// The longest time from issue to expiry, renewals included. Zero means the mount's own limit.
    pub max_ttl: Duration,
    /// Whether it may be renewed.
    pub renewable: bool,
    /// What the backend needs to renew or revoke. The host stores it, and never shows it to callers.
    pub internal_data: Map<String, Value>,
}

impl Lease {
    /// A lease that is not renewable and has no internal data.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, max_ttl: Duration::ZERO, renewable: false, internal_data: Map::new() }
    }

    /// Sets the longest time from issue to expiry, renewals included. Zero means the mount's own limit.
    #[must_use]
    pub fn max_ttl(mut self, max_ttl: Duration) -> Self {
        self.max_ttl = max_ttl;
        self
    }

    /// Makes it renewable.
    #[must_use]
    pub fn renewable(mut self) -> Self {
        self.renewable = true;
        self
    }

    /// Sets what the backend needs to renew or revoke it. The host stores it, and never shows it to callers.
    #[must_use]
    pub fn internal_data(mut self, data: Map<String, Value>) -> Self {
        self.internal_data = data;
        self
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = formatter.debug_struct("Lease");
        parts.field("ttl", &self.ttl).field("max_ttl", &self.max_ttl).field("renewable", &self.renewable);
        parts.finish_non_exhaustive()
    }
}

/// An issued lease, in a renewal or revocation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeldLease {
    /// The lease as issued, with the `ttl` of the last renewal.
    pub lease: Lease,
    /// The lease id. Hosts usually leave it empty.
    pub id: String,
    /// The extension that the caller requested. Zero leaves it to the backend.
    pub increment: Duration,
    /// When it was issued.
    pub issued_at: Option<SystemTime>,
}

impl HeldLease {
    /// A lease as its renewal or revocation gets it, for tests of an engine.
    pub fn new(lease: Lease) -> Self {
        Self { lease, id: String::new(), increment: Duration::ZERO, issued_at: None }
    }
}
