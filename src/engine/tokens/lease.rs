//! Leases: a token that somebody holds, until it is given back or runs out.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::GenesysMount;
use crate::engine::failure::failure;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::Role;
use crate::engine::token::{SHORTEST_LIFE, Token};
use crate::rotation::{Deadline, Place};
use openbao_plugin::framework::refuse;
use openbao_plugin::{Failure, HeldLease, Lease, Request, Response};

/// How long a revocation may take. The host tries again later.
const REVOCATION: Duration = Duration::from_secs(8);
/// Clocks differ: only a token whose end is this long past is dead without being asked about.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(120);

/// What a renewal or a revocation has to know. The host stores it with the lease, encrypted,
/// and shows it to nobody.
#[derive(Deserialize, Serialize)]
pub(crate) struct LeasedToken {
    role: String,
    #[serde(flatten)]
    place: Place,
    #[serde(flatten)]
    token: Token,
}

/// How long leases may be, in whole seconds.
pub(crate) struct Limits {
    /// What a lease lasts if nobody says otherwise.
    ttl: Duration,
    /// What renewals may stretch it to.
    max_ttl: Duration,
}

impl Limits {
    /// The role's own wishes, within what the mount allows.
    pub(crate) fn of(role: &Role, mount_default: Duration, mount_longest: Duration) -> Self {
        let max_ttl = role.max_ttl().unwrap_or(mount_longest).min(mount_longest);
        Self { ttl: role.ttl().unwrap_or(mount_default).min(max_ttl), max_ttl }
    }
}

impl LeasedToken {
    pub(crate) fn new(role: &str, config: &Config, token: Token) -> Self {
        Self { role: role.to_owned(), place: config.place(), token }
    }

    /// The lease to begin with: never longer than the token lives, and never none, which the host takes for its default.
    pub(crate) fn begin(self, limits: &Limits, now: Timestamp) -> Result<Lease, Failure> {
        let life = whole_seconds(self.token.left(now)).max(SHORTEST_LIFE);
        let (ttl, max_ttl) = (limits.ttl.min(life), limits.max_ttl.min(life));
        Ok(Lease { ttl, max_ttl, renewable: true, internal_data: self.into_map()? })
    }

    fn of(held: &HeldLease) -> Result<Self, Failure> {
        serde_json::from_value(Value::Object(held.lease.internal_data.clone()))
            .map_err(|_| Failure::internal("what the host stores with this lease cannot be read"))
    }

    fn into_map(self) -> Result<Map<String, Value>, Failure> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => Ok(map),
            _ => Err(Failure::internal("the lease cannot be written down")),
        }
    }
}

impl GenesysMount {
    /// Extends a lease by what the holder asks for, as far as its limits and the token's life go.
    pub(crate) async fn renew(&self, request: &Request) -> Result<Response, Failure> {
        let held = held(request)?;
        let leased = LeasedToken::of(held)?;
        let Some(role) = self.entries.get::<Role>(&Role::key(&leased.role)).await? else {
            return Err(refuse(
                format!("the role {:?} of this lease is gone", leased.role),
                "read new credentials from another role; this lease lasts as long as it was given",
            ));
        };
        let limits = self.limits(&role).await?;
        let now = self.now();
        let began = held.issued_at.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(now);
        let (token_left, max_left) = (leased.token.left(now), time_left(began, limits.max_ttl, now));
        let longest = whole_seconds(token_left.min(max_left));
        if longest.is_zero() {
            return Err(refuse("this lease has lasted as long as it may", "read new credentials"));
        }
        let wanted = if held.increment.is_zero() { limits.ttl } else { held.increment };
        let ttl = wanted.min(longest);
        let max_ttl = limits.max_ttl.min(leased.token.left(began)).max(ttl);
        let renewed = Lease { ttl, max_ttl, renewable: true, internal_data: held.lease.internal_data.clone() };
        let answer = Response::empty().leased(renewed);
        Ok(match wanted > longest {
            true => answer.warning(format!("the lease cannot last longer than {} s from now", ttl.as_secs())),
            false => answer,
        })
    }

    /// Ends a leased token. A token that is dead already counts as revoked, so that no lease
    /// stays for ever; a platform that cannot be asked is a failure, so that the host asks again.
    pub(crate) async fn revoke(&self, request: &Request) -> Result<Response, Failure> {
        let leased = LeasedToken::of(held(request)?)?;
        self.end(&leased).await?;
        Ok(Response::empty())
    }

    /// Ends a leased token that never reached whoever asked for it.
    pub(crate) async fn take_back(&self, answer: Response) {
        let Some(lease) = answer.lease else { return };
        let Ok(leased) = serde_json::from_value::<LeasedToken>(Value::Object(lease.internal_data)) else { return };
        match self.end(&leased).await {
            Ok(()) => tracing::info!(role.name = leased.role, "nobody waited for the token any more: it was revoked"),
            Err(_) => tracing::warn!(role.name = leased.role, "a token that nobody got lives on until it expires"),
        }
    }

    async fn end(&self, leased: &LeasedToken) -> Result<(), Failure> {
        let dead_since = self.now().duration_since(leased.token.expires_at);
        if Duration::try_from(dead_since).is_ok_and(|since| since > CLOCK_DIFFERENCE) {
            return Ok(());
        }
        let deadline = Deadline::after(REVOCATION);
        let ended = self.tokens().revoke(&leased.place, &leased.token.access_token, deadline).await;
        ended.map_err(|error| failure(&error))
    }

    /// How long leases of a role may be.
    pub(crate) async fn limits(&self, role: &Role) -> Result<Limits, Failure> {
        let (default, longest) = tokio::try_join!(self.system.default_lease_ttl(), self.system.max_lease_ttl())?;
        Ok(Limits::of(role, default, longest))
    }
}

fn held(request: &Request) -> Result<&HeldLease, Failure> {
    request.lease.as_ref().ok_or_else(|| Failure::internal("the host names no lease"))
}

/// What is left of a time that began then.
fn time_left(began: Timestamp, length: Duration, now: Timestamp) -> Duration {
    let gone = Duration::try_from(now.duration_since(began)).unwrap_or_default();
    length.saturating_sub(gone)
}

/// Leases are counted in seconds, and one that is rounded up outlives its token.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}
