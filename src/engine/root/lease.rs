//! The lease of a rotation to a second client: until it ends, a request of that rotation may be carried out, and would
//! invalidate the secret of the client that a later rotation made the one in use.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::in_place::SETTLED;
use crate::engine::failure::logged_failure;
use crate::engine::storage::entries::Entries;
use crate::rotation::{ErrorKind, RotationError};
use openbao_plugin::Failure;

/// The prefix of the storage keys.
pub(crate) const LEASES: &str = "root-lease/";

/// A lease, as it is stored.
#[derive(Deserialize, Serialize)]
pub(crate) struct RootLease {
    /// In Unix seconds.
    pub(crate) until: i64,
}

impl From<Timestamp> for RootLease {
    /// The lease of a rotation that begins now.
    fn from(now: Timestamp) -> Self {
        Self { until: (now + SETTLED).as_second() }
    }
}

fn key(config: &str) -> String {
    format!("{LEASES}{config}")
}

/// Takes the lease of a config. The caller holds the config's lock.
///
/// # Errors
/// Another rotation was interrupted, and holds the lease; or the host's error.
pub(super) async fn take(entries: &Entries, config: &str, now: Timestamp) -> Result<(), Failure> {
    let held: Option<RootLease> = entries.get(&key(config)).await?;
    let left = held.map_or(0, |held| held.until - now.as_second());
    if left > 0 {
        let message = "a rotation of this config was interrupted, and its last request may still be carried out";
        let error = RotationError::new(ErrorKind::StoreConflict, message);
        let error = error.with_hint(format!("retry in {left} s; the stored credentials are valid"));
        return Err(logged_failure(&error));
    }
    entries.put(&key(config), &RootLease::from(now)).await
}

/// Ends the lease, because every request was answered. A failure is logged: the lease ends with its time.
pub(super) async fn release(entries: &Entries, config: &str) {
    if let Err(failure) = entries.delete(&key(config)).await {
        tracing::warn!(config.name = config, "the next rotation of the client secret has to wait: {failure}");
    }
}
