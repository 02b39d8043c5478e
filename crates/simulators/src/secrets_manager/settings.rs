//! What can be set about the simulated service.

use std::collections::BTreeSet;
use std::time::Duration;

/// The simulator's knobs. The defaults are the strict service.
#[derive(Clone, Debug)]
pub struct SecretsManagerSettings {
    /// How many DescribeSecret and GetSecretValue calls on a secret still see the state
    /// before the last PutSecretValue, UpdateSecret or UpdateSecretVersionStage.
    pub stale_reads: u32,
    /// How often a failed rotation is tried again, with the same ClientRequestToken.
    pub retries: u32,
    /// How long the service waits before it tries again.
    pub retry_delay: Duration,
    /// How long one invocation of the rotation function may take.
    pub function_timeout: Duration,
    /// How many PutSecretValue, UpdateSecret and UpdateSecretVersionStage calls together are
    /// taken in any second of the simulated clock before ThrottlingException; `None` for any
    /// number (Secrets Manager user guide, "Secrets Manager quotas").
    pub writes_per_second: Option<u32>,
    /// How many entries a page of ListSecrets holds at most. A page may have fewer than were asked for, whatever
    /// `MaxResults` says, so that only `NextToken` tells whether there are more.
    pub largest_page: usize,
    /// The actions that answer AccessDeniedException, such as `PutSecretValue`.
    pub denied: BTreeSet<String>,
    /// Whether a RotationToken that a PutSecretValue carries, onto the version that a rotation
    /// in progress has staged, must be the one that the function was given.
    pub require_rotation_token: bool,
    /// Whether the function is in another account, so that such a call needs the RotationToken.
    pub cross_account: bool,
    /// Whether secrets whose NextRotationDate has passed are rotated without being asked.
    pub scheduler: bool,
}

impl Default for SecretsManagerSettings {
    fn default() -> Self {
        Self {
            stale_reads: 0,
            retries: 4,
            retry_delay: Duration::from_secs(1),
            function_timeout: Duration::from_secs(30),
            writes_per_second: Some(50),
            largest_page: 100,
            denied: BTreeSet::new(),
            require_rotation_token: true,
            cross_account: false,
            scheduler: false,
        }
    }
}
