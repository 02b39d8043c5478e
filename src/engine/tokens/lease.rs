//! Leased tokens.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::counters::TokenUse;
use crate::engine::failure::{BAD_GATEWAY, logged_failure};
use crate::engine::minting::Minting;
use crate::engine::node::Node;
use crate::engine::requester::Requester;
use crate::engine::revocation::entry::OwedRevocation;
use crate::engine::storage::config::Config;
use crate::engine::storage::entries::Entries;
use crate::engine::storage::role::Role;
use crate::engine::token::{SHORTEST_LIFE, Token};
use crate::rotation::{Deadline, Place};
use openbao_plugin::framework::refuse;
use openbao_plugin::{Failure, HeldLease, Lease, Request, Response};

/// How long a new token may take.
const MINTING: Duration = Duration::from_secs(30);
/// How long a revocation may take. The host retries later.
const REVOCATION: Duration = Duration::from_secs(8);
/// Clock skew: a token counts as expired without asking the platform this long after its expiry.
const CLOCK_SKEW: Duration = Duration::from_secs(120);

/// The internal data of a lease, for renewal and revocation. The host stores it encrypted and returns it to no caller.
#[derive(Deserialize, Serialize)]
struct LeasedToken {
    role: String,
    /// Empty in leases of earlier versions.
    #[serde(default)]
    config: String,
    #[serde(flatten)]
    place: Place,
    #[serde(flatten)]
    token: Token,
}

impl LeasedToken {
    /// # Errors
    /// Unrecoverable: no attempt can read the lease, and the host gives it up.
    fn of(held: &HeldLease) -> Result<Self, Failure> {
        serde_json::from_value(Value::Object(held.lease.internal_data.clone()))
            .map_err(|_| Failure::unrecoverable("the internal data of this lease cannot be parsed"))
    }

    fn into_map(self) -> Result<Map<String, Value>, Failure> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => Ok(map),
            _ => Err(Failure::internal("the lease cannot be serialized")),
        }
    }

    /// The first lease: never longer than the token's life, and never zero, which the host would replace by its
    /// default.
    fn begin(self, limits: &LeaseLimits, now: Timestamp) -> Result<Lease, Failure> {
        let life = whole_seconds(self.token.left(now)).max(SHORTEST_LIFE);
        let (ttl, max_ttl) = (limits.ttl.min(life), limits.max_ttl.min(life));
        Ok(Lease::new(ttl).max_ttl(max_ttl).renewable().internal_data(self.into_map()?))
    }
}

/// The lease times of a role, in whole seconds.
struct LeaseLimits {
    ttl: Duration,
    /// The maximum with renewals.
    max_ttl: Duration,
}

impl LeaseLimits {
    /// The role's times, limited by the mount's.
    fn of(role: &Role, (mount_default, mount_max): (Duration, Duration)) -> Self {
        let max_ttl = role.max_ttl().unwrap_or(mount_max).min(mount_max);
        Self { ttl: role.ttl().unwrap_or(mount_default).min(max_ttl), max_ttl }
    }
}

/// Issues, renews and revokes leases.
#[derive(Clone)]
pub(crate) struct Leases {
    pub(crate) entries: Entries,
    pub(crate) node: Node,
    pub(crate) minting: Minting,
}

impl Leases {
    /// A new token with a lease.
    ///
    /// # Errors
    /// 400 for an unknown role, the token could not be minted, or the host's error.
    pub(crate) async fn issue(&self, role_name: &str, requester: &Requester) -> Result<Response, Failure> {
        let role = Role::named(&self.entries, role_name).await?;
        let config = Config::for_role(&self.entries, &role.config, role_name).await?;
        self.node.require_active().await?;
        let limits = self.limits(&role).await?;
        let (token, rollback) = self.minting.mint(&config, &role, TokenUse::Leased, Deadline::after(MINTING)).await?;
        let now = self.minting.now();
        let place = config.place();
        let api_url = self.minting.api_url(&place, &token).await;
        let answer = cut_short(Response::with_data(token.answer(api_url, now)), &role, token.lifetime());
        let leased = LeasedToken { role: role_name.to_owned(), config: role.config, place, token };
        let lease = leased.begin(&limits, now)?;
        rollback.commit();
        tracing::info!(
            role.name = role_name,
            request.id = requester.request_id,
            requester.display_name = requester.display_name,
            lease.seconds = lease.ttl.as_secs(),
            "a leased token was created"
        );
        Ok(answer.leased(lease))
    }

    /// Extends a lease by the requested increment, up to its limits and the token's expiry.
    ///
    /// # Errors
    /// 400 where the lease has reached its maximum or its role was deleted, or the host's error.
    pub(crate) async fn renew(&self, request: &Request) -> Result<Response, Failure> {
        let held = held(request)?;
        let leased = LeasedToken::of(held)?;
        let Some(role) = self.entries.get::<Role>(&Role::key(&leased.role)).await? else {
            return Err(refuse(
                format!("the role {:?} of this lease was deleted", leased.role),
                "read new credentials from another role; this lease keeps its present expiry",
            ));
        };
        let limits = self.limits(&role).await?;
        let now = self.minting.now();
        let began = held.issued_at.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(now);
        let (token_left, max_left) = (leased.token.left(now), time_left(began, limits.max_ttl, now));
        let longest = whole_seconds(token_left.min(max_left));
        if longest.is_zero() {
            return Err(refuse("this lease has reached its maximum lifetime", "read new credentials"));
        }
        let requested = if held.increment.is_zero() { limits.ttl } else { held.increment };
        let ttl = requested.min(longest);
        let max_ttl = limits.max_ttl.min(leased.token.left(began)).max(ttl);
        let data = held.lease.internal_data.clone();
        let renewed = Lease::new(ttl).max_ttl(max_ttl).renewable().internal_data(data);
        let answer = Response::empty().leased(renewed);
        Ok(match requested > longest {
            true => answer.warning(format!("the lease was limited to {} s from now", ttl.as_secs())),
            false => answer,
        })
    }

    /// Revokes a leased token. An expired token counts as revoked, so that no lease stays forever.
    ///
    /// # Errors
    /// 5xx: the host retries. A lease that cannot be read is irrevocable.
    pub(crate) async fn revoke(&self, request: &Request) -> Result<Response, Failure> {
        self.revoke_token(&LeasedToken::of(held(request)?)?).await?;
        Ok(Response::empty())
    }

    /// Revokes the leased token of an answer that did not reach its caller.
    pub(crate) async fn revoke_undelivered(&self, answer: Response) {
        let Some(lease) = answer.lease else { return };
        let Ok(leased) = serde_json::from_value::<LeasedToken>(Value::Object(lease.internal_data)) else { return };
        match self.revoke_token(&leased).await {
            Ok(()) => tracing::info!(role.name = leased.role, "the request was cancelled: its token was revoked"),
            Err(_) => {
                let LeasedToken { role, config, place, token } = leased;
                let asked_by = format!("a cancelled request of creds/{role}");
                let owed = OwedRevocation::new((&asked_by, &config), place, token.access_token, Some(token.expires_at));
                match owed.store(&self.entries).await {
                    Ok(_) => tracing::warn!(role.name = role, "the token of a cancelled request is revoked later"),
                    Err(failure) => tracing::warn!(
                        role.name = role,
                        "the token of a cancelled request stays valid until it expires: {failure}"
                    ),
                }
            }
        }
    }

    async fn revoke_token(&self, leased: &LeasedToken) -> Result<(), Failure> {
        if is_certainly_expired(&leased.token, self.minting.now()) {
            return Ok(());
        }
        let deadline = Deadline::after(REVOCATION);
        let revoked = self.minting.revoke(&leased.config, &leased.place, &leased.token.access_token, deadline).await;
        revoked.map_err(|error| retried(logged_failure(&error)))
    }

    async fn limits(&self, role: &Role) -> Result<LeaseLimits, Failure> {
        Ok(LeaseLimits::of(role, self.node.lease_ttls().await?))
    }
}

fn held(request: &Request) -> Result<&HeldLease, Failure> {
    request.lease.as_ref().ok_or_else(|| Failure::internal("the host's request has no lease"))
}

/// A failed revocation as 5xx. For a 4xx, hosts give the lease up (`expiration.go`, `revokeEntry`).
fn retried(failure: Failure) -> Failure {
    match failure {
        Failure::InvalidRequest(text) => Failure::Status(BAD_GATEWAY, text),
        other => other,
    }
}

/// Warns where the token expires before the role's `ttl`.
fn cut_short(answer: Response, role: &Role, lifetime: Duration) -> Response {
    let Some(ttl) = role.ttl().filter(|ttl| *ttl > lifetime) else { return answer };
    let (ttl, lifetime) = (ttl.as_secs(), lifetime.as_secs());
    answer.warning(format!(
        "ttl of the role is {ttl} s, but tokens of this OAuth client live {lifetime} s: the lease ends with the token"
    ))
}

fn is_certainly_expired(token: &Token, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(token.expires_at)).is_ok_and(|time| time > CLOCK_SKEW)
}

fn time_left(began: Timestamp, length: Duration, now: Timestamp) -> Duration {
    let elapsed = Duration::try_from(now.duration_since(began)).unwrap_or_default();
    length.saturating_sub(elapsed)
}

/// Leases are counted in seconds: a lease that is rounded up would outlive its token.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_certainly_expired_after_the_clock_skew() {
        let at = |seconds| Timestamp::from_second(seconds).expect("a time");
        let (issued_at, expires_at) = (at(0), at(1_000));
        let token_type = "bearer".to_owned();
        let token = Token { access_token: "hush".into(), token_type, issued_at, expires_at, tenant_id: None };
        for (now, expected) in [(0, false), (1_000, false), (1_120, false), (1_121, true)] {
            assert_eq!(is_certainly_expired(&token, at(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_lease_that_cannot_be_read_is_unrecoverable() {
        let lease = HeldLease::new(Lease::new(Duration::from_secs(60)));
        assert!(matches!(LeasedToken::of(&lease), Err(Failure::Unrecoverable(_))));
    }
}
