//! The one token that a role's callers share, without a lease.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::engine::GenesysMount;
use crate::engine::failure::failure;
use crate::engine::storage::config::Config;
use crate::engine::storage::role::Role;
use crate::engine::storage::token_kind::KindOfToken;
use crate::engine::token::Token;
use crate::rotation::{Credentials, Deadline, Place};
use openbao_plugin::Failure;
use openbao_plugin::framework::refuse;

/// How long a new token may take.
const MINTING: Duration = Duration::from_secs(30);
/// How long ending the token of a role that goes away may take.
const REVOCATION: Duration = Duration::from_secs(10);
/// For how long a failure is told again without another try.
const REMEMBERED: Duration = Duration::from_secs(2);
/// How often a token that others waited for may turn out not to be good enough.
const MOST_FLIGHTS: usize = 3;
/// What a token has left at least if the caller does not say, unless that is more than a tenth of its life.
const USUAL_MINIMUM: Duration = Duration::from_secs(300);

/// The token, and what it was made for: another client or other probes need another token.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct SharedToken {
    pub(crate) token: Token,
    #[serde(flatten)]
    pub(crate) place: Place,
    client_id: String,
    probes: Vec<String>,
    #[serde(default)]
    kind: KindOfToken,
}

/// Which token somebody wants.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) role_name: String,
    pub(crate) role: Role,
    pub(crate) config: Config,
    pub(crate) minimum: Minimum,
}

/// Failures that were told a moment ago. Busy callers ask again at once, and each try costs a token.
#[derive(Default)]
pub(crate) struct Refusals {
    by_role: Mutex<HashMap<String, Refusal>>,
}

struct Refusal {
    at: Instant,
    wish: Wish,
    failure: Failure,
}

impl Refusals {
    /// What the same wish failed with a moment ago.
    fn of(&self, wish: &Wish) -> Option<Failure> {
        let by_role = self.by_role.lock().unwrap_or_else(PoisonError::into_inner);
        let refusal = by_role.get(&wish.role_name)?;
        (refusal.at.elapsed() < REMEMBERED && refusal.wish.is_same(wish)).then(|| refusal.failure.clone())
    }

    fn note(&self, wish: &Wish, failure: &Failure) {
        let mut by_role = self.by_role.lock().unwrap_or_else(PoisonError::into_inner);
        by_role.retain(|_, refusal| refusal.at.elapsed() < REMEMBERED);
        let refusal = Refusal { at: Instant::now(), wish: wish.clone(), failure: failure.clone() };
        by_role.insert(wish.role_name.clone(), refusal);
    }
}

impl Wish {
    /// Whether a token would be made in the same way.
    fn is_same(&self, other: &Self) -> bool {
        self.role == other.role && self.config.is_same(&other.config)
    }
}

/// How much life a caller needs.
#[derive(Clone, Copy)]
pub(crate) enum Minimum {
    /// So much.
    Asked(Duration),
    /// A sensible part of the token's life.
    Usual,
}

impl Minimum {
    /// What a token of this whole life must have left.
    pub(crate) fn of(self, lifetime: Duration) -> Duration {
        match self {
            Self::Asked(minimum) => minimum,
            Self::Usual => USUAL_MINIMUM.min(lifetime / 10),
        }
    }
}

impl SharedToken {
    /// The key of a role's token.
    pub(crate) fn key(role: &str) -> String {
        format!("shared/{role}")
    }

    fn is_for(&self, wish: &Wish) -> bool {
        let Wish { config, role, .. } = wish;
        (&self.place, &self.client_id, &self.probes, &self.kind)
            == (&config.place(), &config.client_id(), &role.probes, &role.token)
    }

    /// Whether it has so much life left.
    ///
    /// # Errors
    /// A 400 where that is more than nine tenths of its whole life: nearly every call would make a new token.
    fn has(&self, minimum: Minimum, now: Timestamp) -> Result<bool, Failure> {
        let lifetime = self.token.lifetime();
        let minimum = minimum.of(lifetime);
        let most = lifetime - lifetime / 10;
        if minimum > most {
            let (asked, lifetime, most) = (minimum.as_secs(), lifetime.as_secs(), most.as_secs());
            let sentence = format!("minimum_seconds is {asked}, but tokens of this OAuth client live {lifetime} s");
            let hint = format!(
                "ask for at most {most}, or give the OAuth client a longer token duration (Admin > Integrations > OAuth)"
            );
            return Err(refuse(sentence, hint));
        }
        Ok(self.token.is_alive(now) && self.token.left(now) >= minimum)
    }
}

impl GenesysMount {
    /// The token of a role that has enough life left: the one that is there, or a new one.
    /// However many ask at once, one new one is made.
    pub(crate) async fn shared_token(&self, wish: &Wish) -> Result<SharedToken, Failure> {
        let began = self.now().as_second();
        // What others are waiting for may have been made for less, or for the role as it was before.
        for _ in 0..MOST_FLIGHTS {
            if let Some(kept) = self.kept(wish).await? {
                return Ok(kept);
            }
            let (mount, own) = (self.clone(), wish.clone());
            let made = self.shared.run(&wish.role_name, async move { mount.make_shared(&own).await }).await?;
            let is_new = made.token.issued_at.as_second() >= began;
            if made.is_for(wish) && (made.has(wish.minimum, self.now())? || is_new) {
                return Ok(made);
            }
        }
        Err(Failure::internal("the role is being changed at this moment\nhint: ask again"))
    }

    /// The token that is there, as long as it lives at all: better than none where the platform is down.
    ///
    /// # Errors
    /// What the host says.
    pub(crate) async fn living_token(&self, wish: &Wish) -> Result<Option<SharedToken>, Failure> {
        Ok(self.stored(wish).await?.filter(|kept| kept.token.is_alive(self.now())))
    }

    /// The token that is there, if it is good enough.
    async fn kept(&self, wish: &Wish) -> Result<Option<SharedToken>, Failure> {
        match self.stored(wish).await? {
            Some(kept) if kept.has(wish.minimum, self.now())? => Ok(Some(kept)),
            _ => Ok(None),
        }
    }

    /// The token that is there, dead or alive. One that cannot be read makes way for another: nobody can write it by hand.
    async fn stored(&self, wish: &Wish) -> Result<Option<SharedToken>, Failure> {
        match self.entries.get::<SharedToken>(&SharedToken::key(&wish.role_name)).await {
            Ok(stored) => Ok(stored.filter(|stored| stored.is_for(wish))),
            Err(Failure::Internal(why)) => {
                tracing::warn!(role.name = wish.role_name, "the shared token is lost: {why}");
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn make_shared(&self, wish: &Wish) -> Result<SharedToken, Failure> {
        // Somebody may have made it between the look and now.
        if let Some(kept) = self.kept(wish).await? {
            return Ok(kept);
        }
        if let Some(failure) = self.refusals.of(wish) {
            return Err(failure);
        }
        self.refuse_on_standby().await?;
        let (credentials, deadline) = (wish.config.credentials(), Deadline::after(MINTING));
        let minted = self.mint(&wish.config, &wish.role, deadline).await;
        let token = minted.inspect_err(|failure| self.refusals.note(wish, failure))?;
        let (place, client_id) = (wish.config.place(), wish.config.client_id());
        let made =
            SharedToken { token, place, client_id, probes: wish.role.probes.clone(), kind: wish.role.token.clone() };
        self.keep(&wish.role_name, &credentials, &made, deadline).await?;
        tracing::info!(role.name = wish.role_name, expires_at = %made.token.expires_at, "a new shared token");
        Ok(made)
    }

    /// Stores a new token for a role, or ends it.
    async fn keep(
        &self,
        role: &str,
        credentials: &Credentials,
        made: &SharedToken,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        let key = SharedToken::key(role);
        let put = self.entries.put(&key, made).await;
        let is_nowhere = matches!(&put, Err(Failure::Host(error)) if error.is_read_only());
        let kept = match put {
            // Whoever deletes a role ends the token that is there: this one may have come too late for that.
            Ok(()) => Role::asked_for(&self.entries, role).await.map(drop),
            Err(failure) => Err(failure),
        };
        let Err(failure) = kept else { return Ok(()) };
        // A write whose answer was an error may have arrived. As long as it may be there the token may be handed out, and
        // has to work then.
        if is_nowhere || self.entries.delete(&key).await.is_ok() {
            self.tokens().discard(credentials, &made.token.access_token, deadline).await;
        } else {
            tracing::warn!(role.name = role, "a token may be stored or not, and lives on until it expires");
        }
        Err(failure)
    }

    /// Ends a role's shared token together with the role, as far as the platform can be reached.
    ///
    /// # Errors
    /// What the host says.
    pub(crate) async fn end_shared_token(&self, role: &str) -> Result<Option<Failure>, Failure> {
        let key = SharedToken::key(role);
        let kept = match self.entries.get::<SharedToken>(&key).await {
            Ok(None) => return Ok(None),
            Err(failure @ Failure::Host(_)) => return Err(failure),
            Ok(Some(kept)) => Ok(kept),
            Err(damaged) => Err(damaged),
        };
        self.entries.delete(&key).await?;
        let SharedToken { token, place, .. } = match kept {
            Ok(kept) => kept,
            Err(damaged) => return Ok(Some(damaged)),
        };
        let revoked = self.tokens().revoke(&place, &token.access_token, Deadline::after(REVOCATION)).await;
        Ok(revoked.err().map(|error| failure(&error)))
    }
}
