//! A request for a shared token, and the failures of recent ones.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::engine::requester::Requester;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::Role;
use openbao_plugin::Failure;

/// How long a failure is repeated without another attempt.
const FAILURE_CACHE: Duration = Duration::from_secs(2);
/// How long a failure is kept: longer than a request waits for the attempt of another one.
const FAILURES_KEPT: Duration = Duration::from_secs(60);
/// The default minimum remaining life, unless a tenth of the token's life is less.
const DEFAULT_MINIMUM: Duration = Duration::from_secs(300);

/// A request for a role's token.
#[derive(Clone)]
pub(crate) struct TokenRequest {
    pub(crate) role_name: String,
    pub(crate) role: Role,
    pub(crate) config: Config,
    pub(crate) minimum: MinimumLife,
    pub(crate) requester: Requester,
}

impl TokenRequest {
    /// Whether a token for `other` would be minted in the same way.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.role == other.role && self.config.is_same(&other.config)
    }
}

/// The remaining life that a caller needs.
#[derive(Clone, Copy)]
pub(crate) enum MinimumLife {
    /// This much.
    Requested(Duration),
    /// 300 s, or a tenth of the token's life if that is less.
    Default,
}

impl MinimumLife {
    pub(super) fn of(self, lifetime: Duration) -> Duration {
        match self {
            Self::Requested(minimum) => minimum,
            Self::Default => DEFAULT_MINIMUM.min(lifetime / 10),
        }
    }
}

/// The last failure of each role. Busy callers retry at once, and each attempt costs a token.
#[derive(Default)]
pub(super) struct RecentFailures {
    by_role: Mutex<HashMap<String, RecentFailure>>,
}

struct RecentFailure {
    began: Instant,
    at: Instant,
    request: TokenRequest,
    failure: Failure,
}

impl RecentFailures {
    /// The failure of the last two seconds.
    pub(super) fn of(&self, request: &TokenRequest) -> Option<Failure> {
        self.find(request, |recent| recent.at.elapsed() < FAILURE_CACHE)
    }

    /// The failure of an attempt that began after this time.
    pub(super) fn since(&self, request: &TokenRequest, requested_at: Instant) -> Option<Failure> {
        self.find(request, |recent| recent.began >= requested_at)
    }

    fn find(&self, request: &TokenRequest, is_wanted: impl Fn(&RecentFailure) -> bool) -> Option<Failure> {
        let by_role = self.by_role.lock();
        let recent = by_role.get(&request.role_name)?;
        (is_wanted(recent) && recent.request.is_same(request)).then(|| recent.failure.clone())
    }

    pub(super) fn add(&self, request: &TokenRequest, began: Instant, failure: &Failure) {
        let mut by_role = self.by_role.lock();
        by_role.retain(|_, recent| recent.at.elapsed() < FAILURES_KEPT);
        let recent = RecentFailure { began, at: Instant::now(), request: request.clone(), failure: failure.clone() };
        by_role.insert(request.role_name.clone(), recent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::storage::config::ConfigFields;

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_repeated_for_two_seconds_and_to_those_who_waited_for_it() {
        let config = [("region", "eu-west-1"), ("client_id", "client"), ("client_secret", "hush")];
        let config = config.map(|(name, text)| (name.to_owned(), text.to_owned().into()));
        let config = Config::try_from(ConfigFields::from(config)).expect("a valid config");
        let request = |role_name: &str, config_name: &str| {
            let role = Role { config: config_name.to_owned(), ..Role::default() };
            TokenRequest {
                role_name: role_name.to_owned(),
                role,
                config: config.clone(),
                minimum: MinimumLife::Default,
                requester: Requester::default(),
            }
        };
        let (failures, failure) = (RecentFailures::default(), Failure::internal("no"));
        let began = Instant::now();
        failures.add(&request("ci", "main"), began, &failure);
        tokio::time::advance(Duration::from_millis(1_900)).await;
        failures.add(&request("other", "main"), Instant::now(), &failure);
        assert!(failures.of(&request("ci", "main")).is_some());
        assert!(failures.of(&request("ci", "another")).is_none() && failures.of(&request("third", "main")).is_none());
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!(failures.of(&request("ci", "main")).is_none() && failures.of(&request("other", "main")).is_some());
        assert!(failures.since(&request("ci", "main"), began).is_some(), "for a request that arrived before");
        assert!(failures.since(&request("ci", "main"), Instant::now()).is_none());
        tokio::time::advance(FAILURES_KEPT).await;
        failures.add(&request("other", "main"), Instant::now(), &failure);
        assert_eq!(failures.by_role.lock().len(), 1, "an old failure is forgotten");
    }
}
