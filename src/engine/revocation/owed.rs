//! Revocations that the engine owes: they are stored before anything else happens, so that neither a crash nor a refusal
//! loses them, and carried out once no reader gets the token.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::readers::TokenReaders;
use crate::engine::failure::BAD_GATEWAY;
use crate::engine::minting::Minting;
use crate::engine::storage::entries::Entries;
use crate::engine::storage::stored_secret;
use crate::rotation::{Deadline, Place, PlatformName, RotationError, VersionId};
use crate::secret::{SecretString, same};
use openbao_plugin::Failure;
use openbao_plugin::framework::refuse;

/// The prefix of the storage keys.
pub(crate) const PREFIX: &str = "revocation/";
/// How long a revocation with its check may take.
const REVOCATION: Duration = Duration::from_secs(10);
/// The shortest time between two attempts of the background task.
const PAUSE: Duration = Duration::from_secs(10);
/// A token counts as expired this long after its expiry.
const CLOCK_SKEW: Duration = Duration::from_secs(120);
/// How many tokens are revoked at once.
const AT_ONCE: usize = 8;

/// A token that must be revoked, as it is stored.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct OwedRevocation {
    /// The path whose request asks for it, such as `rotate-role/ci`.
    pub(crate) asked_by: String,
    /// The config whose client issued the token.
    pub(crate) config: String,
    #[serde(flatten)]
    place: Place,
    #[serde(with = "stored_secret")]
    token: SecretString,
    /// `None` where the engine did not issue the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// Stores, carries out and lists the revocations that are owed. Clones share the time of the last attempt.
#[derive(Clone)]
pub(crate) struct Revocations {
    entries: Entries,
    minting: Minting,
    readers: TokenReaders,
    attempted: Arc<Mutex<Option<Instant>>>,
}

/// The result of carrying out revocations.
#[derive(Default)]
pub(crate) struct Settlement {
    /// The number of tokens that the platform was seen to reject.
    pub(crate) revoked: usize,
    /// Why the others are still owed.
    pub(crate) failures: Vec<Failure>,
}

impl Revocations {
    pub(crate) fn new(entries: Entries, minting: Minting, readers: TokenReaders) -> Self {
        Self { entries, minting, readers, attempted: Arc::default() }
    }

    /// Records that a token is to be revoked once no reader gets it: the path of the request, and the config of the token.
    ///
    /// # Errors
    /// 400 for a token of NICE CXone, which revokes none; the host's error.
    pub(crate) async fn owe(
        &self,
        (asked_by, config): (&str, &str),
        place: Place,
        token: &SecretString,
        expires_at: Option<Timestamp>,
    ) -> Result<(), Failure> {
        if place.platform() != PlatformName::GenesysCloud {
            let hint = "use revoke_previous=false: a token lives one hour at most";
            return Err(refuse("the token is of nice-cxone, which has no call to revoke it; nothing was done", hint));
        }
        let is_same = |owed: &OwedRevocation| owed.asked_by == asked_by && same(&owed.token, token);
        if self.owed().await?.iter().any(|(_, owed)| is_same(owed)) {
            return Ok(());
        }
        let owed = OwedRevocation {
            asked_by: asked_by.to_owned(),
            config: config.to_owned(),
            place,
            token: token.clone(),
            expires_at,
        };
        self.entries.put(&format!("{PREFIX}{}", VersionId::random().as_str()), &owed).await
    }

    /// Revokes the tokens that requests of this path asked for, or only one of them. Returns how many the platform was seen
    /// to reject.
    ///
    /// # Errors
    /// 5xx: a token is not revoked, and the engine retries.
    pub(crate) async fn settle(&self, asked_by: &str, only: Option<&SecretString>) -> Result<usize, Failure> {
        let is_asked =
            |owed: &OwedRevocation| owed.asked_by == asked_by && only.is_none_or(|token| same(&owed.token, token));
        let owed = self.owed().await?.into_iter().filter(|(_, owed)| is_asked(owed)).collect();
        let Settlement { revoked, failures } = self.settle_each(owed).await;
        failures.into_iter().next().map_or(Ok(revoked), Err)
    }

    /// Revokes all tokens that are owed.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn settle_all(&self) -> Result<Settlement, Failure> {
        Ok(self.settle_each(self.owed().await?).await)
    }

    /// Revokes all tokens that are owed, for the background task: at most once in ten seconds, and failures are logged.
    pub(crate) async fn settle_in_background(&self) {
        let now = Instant::now();
        let is_due = {
            let mut attempted = self.attempted.lock();
            let is_due = attempted.is_none_or(|last| now.duration_since(last) >= PAUSE);
            if is_due {
                *attempted = Some(now);
            }
            is_due
        };
        if is_due && let Err(failure) = self.settle_all().await {
            tracing::warn!("the revocations that are owed could not be read: {failure}");
        }
    }

    /// Ends the pause after the last attempt: a token may have been replaced, and can be revoked now.
    pub(crate) fn resume(&self) {
        *self.attempted.lock() = None;
    }

    /// Whether a revocation is owed.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn is_owed(&self) -> Result<bool, Failure> {
        Ok(!self.entries.list(PREFIX).await?.is_empty())
    }

    /// The revocations that are owed, by key. A damaged entry is skipped; `tidy` reports it.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn owed(&self) -> Result<Vec<(String, OwedRevocation)>, Failure> {
        let mut all = Vec::new();
        for name in self.entries.list(PREFIX).await? {
            let key = format!("{PREFIX}{name}");
            match self.entries.get::<OwedRevocation>(&key).await {
                Ok(owed) => all.extend(owed.map(|owed| (key, owed))),
                Err(Failure::Internal(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(all)
    }

    async fn settle_each(&self, owed: Vec<(String, OwedRevocation)>) -> Settlement {
        let revocations = owed.into_iter().map(|(key, owed)| async move { self.settle_one(&key, &owed).await });
        let results: Vec<_> = stream::iter(revocations).buffer_unordered(AT_ONCE).collect().await;
        results.into_iter().fold(Settlement::default(), |mut settlement, result| {
            match result {
                Ok(is_revoked) => settlement.revoked += usize::from(is_revoked),
                Err(failure) => settlement.failures.push(failure),
            }
            settlement
        })
    }

    /// Returns whether the platform was seen to reject the token: false for one that expired meanwhile.
    async fn settle_one(&self, key: &str, owed: &OwedRevocation) -> Result<bool, Failure> {
        let OwedRevocation { asked_by, config, place, token, expires_at } = owed;
        if let Some(reader) = self.readers.of(token).await?.first() {
            return Err(still_read(asked_by, &reader.to_string()));
        }
        let has_expired = expires_at.is_some_and(|end| {
            Duration::try_from(self.minting.now().duration_since(end)).is_ok_and(|time| time > CLOCK_SKEW)
        });
        if !has_expired {
            let ended = self.minting.end(config, place, token, Deadline::after(REVOCATION)).await;
            ended.map_err(|error| not_revoked(asked_by, &error))?;
        }
        self.entries.delete(key).await?;
        tracing::info!(asked.by = asked_by, token.has_expired = has_expired, "a token was revoked or has expired");
        Ok(!has_expired)
    }
}

/// 5xx, so that nobody takes the request for done.
fn not_revoked(asked_by: &str, error: &RotationError) -> Failure {
    let (kind, hint) = (error.kind(), error.hint());
    tracing::warn!(error.r#type = kind.name(), asked.by = asked_by, "a token could not be revoked: {}", error.chain());
    let text = format!(
        "{kind}: the token that {asked_by} asks to revoke may still be valid: {error}\nhint: {hint}; the engine retries every minute, and `bao write -f genesys-cloud/tidy` at once"
    );
    Failure::Status(BAD_GATEWAY, text)
}

fn still_read(asked_by: &str, reader: &str) -> Failure {
    let text = format!(
        "the token that {asked_by} asks to revoke is still valid, because {reader} has no other one yet\nhint: the engine revokes it as soon as it is replaced; read {reader} for the reason"
    );
    Failure::Status(BAD_GATEWAY, text)
}
