//! Shared tokens: one token per role for all of its callers, without a lease.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::single_flight::SingleFlight;
use super::token_request::{MinimumLife, RecentFailures, TokenRequest};
use crate::engine::counters::TokenUse;
use crate::engine::minting::Minting;
use crate::engine::node::Node;
use crate::engine::revocation::entry::{OwedRevocation, warn_of_delay};
use crate::engine::storage::entries::Entries;
use crate::engine::storage::locks::Locks;
use crate::engine::storage::role::{PREFIX, Role};
use crate::engine::storage::token_kind::TokenKindFields;
use crate::engine::token::Token;
use crate::rotation::{Deadline, Place, Rollback};
use crate::secret::{SecretString, same};
use openbao_plugin::Failure;
use openbao_plugin::framework::refuse;

/// How long a new token may take.
const MINTING: Duration = Duration::from_secs(30);
/// How long the revocation of a deleted role's token may take.
const REVOCATION: Duration = Duration::from_secs(10);
/// Attempts of a caller that joined another caller's request and got an unsuitable token.
const MOST_FLIGHTS: usize = 3;

/// The prefix of the storage keys.
pub(crate) const SHARED: &str = "shared/";

/// A role's token, and the client, probes and kind it was minted for.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct SharedToken {
    pub(crate) token: Token,
    #[serde(flatten)]
    pub(crate) place: Place,
    /// Empty in entries of earlier versions.
    #[serde(default)]
    config: String,
    client_id: String,
    probes: Vec<String>,
    #[serde(default)]
    kind: TokenKindFields,
}

impl SharedToken {
    /// The storage key of a role's token.
    pub(crate) fn key(role: &str) -> String {
        format!("{SHARED}{role}")
    }

    /// The revocation of the token.
    pub(crate) fn revocation(&self, asked_by: &str) -> OwedRevocation {
        let (place, token) = (self.place.clone(), self.token.access_token.clone());
        OwedRevocation::new((asked_by, &self.config), place, token, Some(self.token.expires_at))
    }

    fn is_for(&self, request: &TokenRequest) -> bool {
        let TokenRequest { config, role, .. } = request;
        (&self.place, &self.client_id, &self.probes, &self.kind)
            == (&config.place(), &config.client_id(), &role.probes, &role.token)
    }

    /// Whether the token has the required life left.
    ///
    /// # Errors
    /// 400 for more than nine tenths of its whole life: nearly every call would mint a token.
    fn has(&self, minimum: MinimumLife, now: Timestamp) -> Result<bool, Failure> {
        let lifetime = self.token.lifetime();
        let minimum = minimum.of(lifetime);
        let most = lifetime - lifetime / 10;
        if minimum > most {
            let (requested, lifetime, most) = (minimum.as_secs(), lifetime.as_secs(), most.as_secs());
            let sentence = format!("minimum_seconds is {requested}, but tokens of this OAuth client live {lifetime} s");
            let hint = format!(
                "request at most {most}, or increase the OAuth client's token duration (Admin > Integrations > OAuth)"
            );
            return Err(refuse(sentence, hint));
        }
        Ok(self.token.is_alive(now) && self.token.left(now) >= minimum)
    }
}

/// Returns, mints and deletes shared tokens. Clones share the requests in progress.
#[derive(Clone)]
pub(crate) struct SharedTokens {
    entries: Entries,
    node: Node,
    minting: Minting,
    failures: Arc<RecentFailures>,
    /// One task at a time stores a role's new token.
    pub(crate) locks: Locks,
    flights: Arc<SingleFlight<Result<SharedToken, Failure>>>,
}

impl SharedTokens {
    pub(crate) fn new(entries: Entries, node: Node, minting: Minting) -> Self {
        Self { entries, node, minting, failures: Arc::default(), locks: Locks::default(), flights: Arc::default() }
    }

    /// The role's token with enough life left: the stored one, or a new one. Concurrent callers share one new token.
    ///
    /// # Errors
    /// 400 for a minimum that no token can have, the token could not be minted, or the host's error.
    pub(crate) async fn get(&self, request: &TokenRequest) -> Result<SharedToken, Failure> {
        let began = self.minting.now().as_second();
        // The request in progress may be for a shorter life, or for the role before a change.
        for _ in 0..MOST_FLIGHTS {
            if let Some(stored) = self.sufficient(request).await? {
                return Ok(stored);
            }
            let (tokens, own) = (self.clone(), request.clone());
            let shared = self.flights.run(&request.role_name, async move { tokens.mint(&own).await }).await?;
            let is_new = shared.token.issued_at.as_second() >= began;
            if shared.is_for(request) && (shared.has(request.minimum, self.minting.now())? || is_new) {
                return Ok(shared);
            }
        }
        Err(Failure::internal("the role is being changed\nhint: retry the request"))
    }

    /// The stored token with any life left, for when the platform is down.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn unexpired(&self, request: &TokenRequest) -> Result<Option<SharedToken>, Failure> {
        Ok(self.stored(request).await?.filter(|stored| stored.token.is_alive(self.minting.now())))
    }

    /// The stored token of a role and its place, whatever it was minted for.
    ///
    /// # Errors
    /// The host's error, or that the entry is damaged.
    pub(crate) async fn held(&self, role: &str) -> Result<Option<(Token, Place)>, Failure> {
        let stored = self.entries.get::<SharedToken>(&SharedToken::key(role)).await?;
        Ok(stored.map(|stored| (stored.token, stored.place)))
    }

    /// Replaces the role's token by a new one, unless it was replaced since the caller read `former`. Concurrent requests
    /// share an attempt that began after them. The caller holds the role's lock.
    ///
    /// # Errors
    /// The token could not be minted, or the host's error. The former token stays stored.
    pub(crate) async fn replace(
        &self,
        request: &TokenRequest,
        former: Option<&Token>,
        requested_at: Instant,
    ) -> Result<SharedToken, Failure> {
        let stored = self.stored(request).await?.filter(|stored| {
            stored.token.is_alive(self.minting.now())
                && former.is_none_or(|former| !same(&stored.token.access_token, &former.access_token))
        });
        match (stored, self.failures.since(request, requested_at)) {
            (Some(stored), _) => Ok(stored),
            (None, Some(failure)) => Err(failure),
            (None, None) => self.mint_new(request).await,
        }
    }

    /// Deletes a role's token if it still is this one. The next reader gets a new one. The caller holds the role's lock.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn forget(&self, role: &str, token: &SecretString) -> Result<(), Failure> {
        match self.held(role).await? {
            Some((held, _)) if same(&held.access_token, token) => self.entries.delete(&SharedToken::key(role)).await,
            _ => Ok(()),
        }
    }

    /// Deletes the token of a deleted role and revokes it. Returns a warning if it could not be revoked.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn delete(&self, role: &str) -> Result<Option<String>, Failure> {
        let (key, what) = (SharedToken::key(role), "the role's shared token");
        let stored = match self.entries.get::<SharedToken>(&key).await {
            Ok(None) => return Ok(None),
            Err(failure @ Failure::Host(_)) => return Err(failure),
            Ok(Some(stored)) => stored,
            Err(damaged) => {
                self.entries.delete(&key).await?;
                return Ok(Some(format!("{what} could not be revoked and stays valid until it expires: {damaged}")));
            }
        };
        let owed = stored.revocation(&format!("the deletion of {PREFIX}{role}"));
        let error = owed.end_copy(&key, (&self.entries, &self.minting), Deadline::after(REVOCATION)).await?;
        Ok(error.map(|error| warn_of_delay(what, &error)))
    }

    async fn sufficient(&self, request: &TokenRequest) -> Result<Option<SharedToken>, Failure> {
        match self.stored(request).await? {
            Some(stored) if stored.has(request.minimum, self.minting.now())? => Ok(Some(stored)),
            _ => Ok(None),
        }
    }

    /// The stored token, expired or not. A damaged entry is replaced by a new token, because callers cannot write it.
    async fn stored(&self, request: &TokenRequest) -> Result<Option<SharedToken>, Failure> {
        match self.entries.get::<SharedToken>(&SharedToken::key(&request.role_name)).await {
            Ok(stored) => Ok(stored.filter(|stored| stored.is_for(request))),
            Err(Failure::Internal(why)) => {
                tracing::warn!(role.name = request.role_name, "the shared token is lost: {why}");
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn mint(&self, request: &TokenRequest) -> Result<SharedToken, Failure> {
        let _lock = self.locks.lock(&request.role_name).await;
        // Another caller may have stored one since the last look.
        if let Some(stored) = self.sufficient(request).await? {
            return Ok(stored);
        }
        if let Some(failure) = self.failures.of(request) {
            return Err(failure);
        }
        self.mint_new(request).await
    }

    async fn mint_new(&self, request: &TokenRequest) -> Result<SharedToken, Failure> {
        self.node.require_writable().await?;
        let TokenRequest { config, role, role_name, .. } = request;
        let (began, deadline) = (Instant::now(), Deadline::after(MINTING));
        let minted = self.minting.mint(config, role, TokenUse::Shared, deadline).await;
        let (token, rollback) = minted.inspect_err(|failure| self.failures.add(request, began, failure))?;
        let (place, client_id) = (config.place(), config.client_id());
        let shared = SharedToken {
            token,
            place,
            config: role.config.clone(),
            client_id,
            probes: role.probes.clone(),
            kind: role.token.clone(),
        };
        let stored = self.store(role_name, &shared, rollback);
        self.minting.tokens().settle(deadline, stored).await?;
        tracing::info!(
            role.name = role_name,
            request.id = request.requester.request_id,
            requester.display_name = request.requester.display_name,
            expires_at = %shared.token.expires_at,
            "a shared token was created"
        );
        Ok(shared)
    }

    /// Stores a role's new token. It is revoked unless it may be stored.
    async fn store(&self, role: &str, shared: &SharedToken, rollback: Rollback) -> Result<(), Failure> {
        let key = SharedToken::key(role);
        let put = self.entries.put(&key, shared).await;
        let is_not_stored = put.as_ref().is_err_and(Failure::is_read_only);
        let stored = match put {
            // Deleting a role revokes its stored token: this one may have been stored after that.
            Ok(()) => Role::named(&self.entries, role).await.map(drop),
            Err(failure) => Err(failure),
        };
        let Err(failure) = stored else {
            rollback.commit();
            return Ok(());
        };
        // A failed write may have been carried out. A token that may be stored may be returned, and must work.
        if !is_not_stored && self.entries.delete(&key).await.is_err() {
            rollback.commit();
            tracing::warn!(role.name = role, "a token may or may not be stored; it stays valid until it expires");
        }
        Err(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_life_that_a_caller_needs_up_to_nine_tenths_of_it() {
        let issued_at = Timestamp::UNIX_EPOCH;
        let after = |seconds: u64| issued_at + Duration::from_secs(seconds);
        let shared = |lifetime: u64| SharedToken {
            token: Token {
                access_token: "hush".into(),
                token_type: "bearer".to_owned(),
                issued_at,
                expires_at: after(lifetime),
                tenant_id: None,
            },
            place: Place::GenesysCloud { region: "mypurecloud.ie".to_owned() },
            config: "main".to_owned(),
            client_id: "client".to_owned(),
            probes: Vec::new(),
            kind: TokenKindFields::default(),
        };
        let requested = |seconds| MinimumLife::Requested(Duration::from_secs(seconds));
        for (lifetime, minimum, age, expected) in [
            (1000, requested(900), 100, Some(true)),
            (1000, requested(900), 101, Some(false)),
            (1000, requested(901), 0, None),
            (1000, requested(0), 999, Some(true)),
            (1000, requested(0), 1000, Some(false)),
            (1000, MinimumLife::Default, 900, Some(true)),
            (1000, MinimumLife::Default, 901, Some(false)),
            (86_400, MinimumLife::Default, 86_100, Some(true)),
            (86_400, MinimumLife::Default, 86_101, Some(false)),
        ] {
            assert_eq!(shared(lifetime).has(minimum, after(age)).ok(), expected, "{lifetime} {age}");
        }
    }
}
