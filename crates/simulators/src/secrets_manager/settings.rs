//! The simulator's knobs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

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
    /// Which writes must carry the RotationToken of a rotation in progress.
    pub rotation_token_required: RotationTokenScope,
    /// Whether the RotationToken is accepted in a write to another version than the rotation's.
    pub rotation_token_elsewhere: bool,
    /// The error code of a refused RotationToken.
    pub rotation_token_refusal: &'static str,
    /// The `AutomaticallyAfterDays` that an answer has beside an hourly rate; `None` if it has none.
    pub hourly_rate_days: Option<i64>,
    /// Whether RotateSecret without RotateImmediately waits for the test of the configuration, and answers with its error.
    pub synchronous_tests: bool,
    /// The age up to which ListSecrets returns an earlier state (API reference, `ListSecrets`: five minutes).
    pub list_lag: Duration,
    /// Whether secrets are rotated automatically in their rotation windows.
    pub scheduler: bool,
    /// The seed of the instants at which scheduled rotations happen.
    pub seed: u64,
}

/// Which PutSecretValue calls with an assumed role's credentials must carry the RotationToken of a rotation in progress
/// (API reference, `PutSecretValue`, `RotationToken`). A wrong token is refused in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RotationTokenScope {
    /// None.
    Nothing,
    /// Those to the rotation's version.
    RotationVersion,
    /// Those to any version of the secret.
    EveryVersion,
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
            rotation_token_required: RotationTokenScope::RotationVersion,
            rotation_token_elsewhere: true,
            rotation_token_refusal: "AccessDeniedException",
            hourly_rate_days: Some(1),
            synchronous_tests: false,
            list_lag: Duration::ZERO,
            scheduler: false,
            seed: 0,
        }
    }
}
