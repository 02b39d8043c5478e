//! The simulator's knobs.

use std::collections::BTreeSet;
use std::time::Duration;

/// The knobs. The defaults are the behavior of the real service, strictly applied.
#[derive(Clone, Debug)]
pub struct SecretsManagerSettings {
    /// How many DescribeSecret and GetSecretValue calls on a secret return the state before the last PutSecretValue,
    /// UpdateSecret or UpdateSecretVersionStage.
    pub stale_reads: u32,
    /// How often a failed rotation is retried, with the same ClientRequestToken.
    pub retries: u32,
    /// The delay before a retry.
    pub retry_delay: Duration,
    /// Limits one invocation of the rotation function.
    pub function_timeout: Duration,
    /// Limits PutSecretValue, UpdateSecret and UpdateSecretVersionStage calls, together, per second of the simulated clock.
    /// Over the limit they answer ThrottlingException; `None` for no limit (Secrets Manager user guide, "Secrets Manager
    /// quotas").
    pub writes_per_second: Option<u32>,
    /// Limits a page of ListSecrets, below the request's `MaxResults`. Only `NextToken` shows whether there are more entries.
    pub largest_page: usize,
    /// The actions that answer AccessDeniedException, such as `PutSecretValue`.
    pub denied: BTreeSet<String>,
    /// Whether a RotationToken in a PutSecretValue to the version of a rotation in progress must match the one in the
    /// function's event.
    pub require_rotation_token: bool,
    /// Whether the function is in another account, so that such a call requires the RotationToken.
    pub cross_account: bool,
    /// Whether secrets are rotated automatically when their NextRotationDate has passed.
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
