//! Revocations that the engine owes: they are stored before anything else happens, so that neither a crash nor a refusal
//! loses them, and carried out once no reader gets the token.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::entry::{OwedRevocation, PREFIX};
use super::readers::TokenReaders;
use crate::engine::failure::BAD_GATEWAY;
use crate::engine::minting::Minting;
use crate::engine::storage::entries::Entries;
use crate::rotation::{Deadline, Place, PlatformName, RotationError};
use crate::secret::{SecretString, same};
use openbao_plugin::Failure;
use openbao_plugin::framework::refuse;

/// How long a revocation with its check may take.
const REVOCATION: Duration = Duration::from_secs(10);
/// The shortest time between two attempts of the background task.
const PAUSE: Duration = Duration::from_secs(10);
/// A token counts as expired this long after its expiry.
const CLOCK_SKEW: Duration = Duration::from_secs(120);
/// How long a request counts as the same one.
const REPEATED: Duration = Duration::from_secs(60);
/// How many tokens are revoked at once.
const AT_ONCE: usize = 8;

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
        let owed = OwedRevocation {
            asked_at: Some(self.minting.now()),
            ..OwedRevocation::new((asked_by, config), place, token.clone(), expires_at)
        };
        owed.store(&self.entries).await.map(drop)
    }

    /// Records the tokens that failed requests issued and could not revoke.
    ///
    /// # Errors
    /// The host's error. The next call records the others.
    pub(crate) async fn owe_unrevoked(&self) -> Result<(), Failure> {
        while let Some((place, token)) = self.minting.unrevoked().take() {
            let owed = OwedRevocation::new(("a failed request", ""), place.clone(), token.clone(), None);
            if owed.is_possible()
                && let Err(failure) = owed.store(&self.entries).await
            {
                self.minting.unrevoked().add(&place, &token);
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Whether a request of this path replaced its token less than a minute ago, and the token is still not revoked. The
    /// clients of Vault and OpenBao repeat requests that are answered with 5xx, each twice.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn is_repeated(&self, asked_by: &str, current: Option<&SecretString>) -> Result<bool, Failure> {
        let now = self.minting.now();
        let is_recent =
            |asked: Timestamp| Duration::try_from(now.duration_since(asked)).is_ok_and(|age| age < REPEATED);
        Ok(self.owed().await?.iter().any(|(_, owed)| {
            owed.asked_by == asked_by
                && owed.asked_at.is_some_and(is_recent)
                && current.is_some_and(|current| !same(current, &owed.token))
        }))
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
        OwedRevocation::all(&self.entries).await
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
        let OwedRevocation { asked_by, config, place, token, expires_at, .. } = owed;
        let holders = self.readers.holders(token).await?;
        if let Some(reader) = holders.readers.first() {
            return Err(still_read(asked_by, &reader.to_string()));
        }
        for holder in &holders.unread {
            self.readers.drop_token(holder, token).await?;
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
