//! Uses static and shared tokens at half of their idle time-out, so that the platform does not end them.
//!
//! When a token is used next is kept in memory: after a start or a fail-over, the active node uses all of them at once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::automation::plan::later;
use super::counters::{Action, Counted};
use super::minting::Minting;
use super::revocation::readers::{TokenReader, TokenReaders};
use super::static_roles::credential::StaticCredential;
use super::static_roles::role::{ROLES, StaticRole, key};
use super::storage::entries::Entries;
use super::storage::role::Role;
use super::tokens::shared_token::{SHARED, SharedToken};
use crate::rotation::{Deadline, ErrorKind, Place, PlatformName, Result as RotationResult, RotationError};
use crate::secret::{SecretString, same};
use openbao_plugin::Failure;

/// How long the use of a token may take.
const USE: Duration = Duration::from_secs(10);
/// How many tokens of a config are used at once.
const AT_ONCE: usize = 8;
/// Tokens that are due within this time are used together: each pass with due tokens writes to the storage.
const TOGETHER: Duration = Duration::from_secs(10);
/// The wait where the platform names no end: half of the shortest idle time-out that an organization can set (Platform API,
/// `IdleTokenTimeout`).
const HALF_OF_SHORTEST: Duration = Duration::from_secs(150);
/// The shortest wait between two uses, whatever the platform names.
const SHORTEST_WAIT: Duration = Duration::from_secs(30);
/// The wait after the first failure. It doubles with each further failure.
const FIRST_RETRY: Duration = Duration::from_secs(10);
/// The longest wait after a failure.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Uses the tokens of roles with `keep_alive`. Clones share when each token is used next.
#[derive(Clone)]
pub(crate) struct KeepAlive {
    entries: Entries,
    minting: Minting,
    readers: TokenReaders,
    uses: Arc<Mutex<HashMap<TokenReader, NextUse>>>,
}

/// The tokens that are due.
pub(crate) struct DueTokens {
    /// The configs with tokens that are due.
    pub(crate) configs: BTreeSet<String>,
    /// When the next of the other tokens is due; `None` where there is none.
    pub(crate) next: Option<Timestamp>,
}

/// A token that is kept alive.
struct KeptToken {
    reader: TokenReader,
    config: String,
    place: Place,
    token: SecretString,
    at: Timestamp,
}

/// When a token is used next.
struct NextUse {
    token: SecretString,
    at: Timestamp,
    failures: u32,
}

impl KeepAlive {
    pub(crate) fn new(entries: Entries, minting: Minting, readers: TokenReaders) -> Self {
        Self { entries, minting, readers, uses: Arc::default() }
    }

    /// What is due now.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn due(&self) -> Result<DueTokens, Failure> {
        let (kept, now) = (self.kept().await?, self.minting.now());
        let readers: HashSet<_> = kept.iter().map(|kept| &kept.reader).collect();
        self.uses.lock().retain(|reader, _| readers.contains(reader));
        let is_due = kept.iter().any(|kept| kept.at <= now);
        let until = if is_due { later(now, TOGETHER) } else { now };
        let (due, later): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| kept.at <= until);
        let next = later.iter().map(|kept| kept.at).min();
        Ok(DueTokens { configs: due.into_iter().map(|kept| kept.config).collect(), next })
    }

    /// Uses the tokens of a config that are due.
    ///
    /// # Errors
    /// The host's error. The platform's errors are logged, and the use is repeated.
    pub(crate) async fn use_tokens_of(&self, config: &str) -> Result<(), Failure> {
        let (mut due, until) = (self.kept().await?, later(self.minting.now(), TOGETHER));
        due.retain(|kept| kept.config == config && kept.at <= until);
        due.sort_unstable_by_key(|kept| kept.at);
        let uses = due.into_iter().map(|kept| async move { self.use_token(&kept).await });
        stream::iter(uses).buffer_unordered(AT_ONCE).collect::<()>().await;
        Ok(())
    }

    /// The tokens that have not expired, of roles with `keep_alive` that their configs allow.
    async fn kept(&self) -> Result<Vec<KeptToken>, Failure> {
        let mut kept = Vec::new();
        for name in self.entries.list(ROLES).await? {
            kept.extend(intact(self.kept_static(&name).await)?);
        }
        for name in self.entries.list(SHARED).await? {
            kept.extend(intact(self.kept_shared(&name).await)?);
        }
        Ok(kept)
    }

    async fn kept_static(&self, name: &str) -> Result<Option<KeptToken>, Failure> {
        let role = self.entries.parsed::<StaticRole, _>(&key(ROLES, name), Ok).await?;
        let Some(role) = role.filter(|role| role.keep_alive) else { return Ok(None) };
        let Some(credential) = StaticCredential::of_role(&self.entries, name).await? else { return Ok(None) };
        let Ok(place) = credential.place() else { return Ok(None) };
        let (reader, token) = (TokenReader::Static(name.to_owned()), &credential.token);
        self.kept_token(reader, &role.settings.config, place, (&token.access_token, token.expires_at)).await
    }

    async fn kept_shared(&self, name: &str) -> Result<Option<KeptToken>, Failure> {
        let role = self.entries.get::<Role>(&Role::key(name)).await?;
        let Some(role) = role.filter(|role| role.keep_alive) else { return Ok(None) };
        let Some(shared) = self.entries.get::<SharedToken>(&SharedToken::key(name)).await? else { return Ok(None) };
        let (reader, token) = (TokenReader::Shared(name.to_owned()), &shared.token);
        self.kept_token(reader, &role.config, shared.place, (&token.access_token, token.expires_at)).await
    }

    async fn kept_token(
        &self,
        reader: TokenReader,
        config: &str,
        place: Place,
        (token, expires_at): (&SecretString, Timestamp),
    ) -> Result<Option<KeptToken>, Failure> {
        let may_idle_out = place.platform() == PlatformName::GenesysCloud && expires_at > self.minting.now();
        if !may_idle_out || !self.readers.is_allowed(&reader).await? {
            return Ok(None);
        }
        let known = self.uses.lock().get(&reader).filter(|next| same(&next.token, token)).map(|next| next.at);
        let at = known.unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(Some(KeptToken { reader, config: config.to_owned(), place, token: token.clone(), at }))
    }

    /// Uses a token. One that the platform rejects is replaced.
    async fn use_token(&self, kept: &KeptToken) {
        let requested_at = Instant::now();
        let used = self.minting.keep_alive(&kept.place, &kept.token, Deadline::after(USE)).await;
        let failures = match &used {
            Ok(_) => 0,
            Err(_) => self.failures_of(kept).saturating_add(1),
        };
        let wait = match &used {
            Ok(end) => end.map_or(HALF_OF_SHORTEST, |end| (end.left(self.minting.now()) / 2).max(SHORTEST_WAIT)),
            Err(error) => retry(failures).max(error.retry_after().unwrap_or_default()),
        };
        let next = NextUse { token: kept.token.clone(), at: later(self.minting.now(), wait), failures };
        self.uses.lock().insert(kept.reader.clone(), next);
        match used {
            Err(error) if error.kind() == ErrorKind::TokenRejected => self.replace(kept, error, requested_at).await,
            used => {
                if let Err(error) = &used {
                    log(kept, error, "the token could not be kept alive");
                }
                self.count(kept, &used);
            }
        }
    }

    fn count<T>(&self, kept: &KeptToken, used: &RotationResult<T>) {
        self.minting.counters.add_result(&kept.config, Action::KeepAlive, Counted::KeptAlive, used);
    }

    fn failures_of(&self, kept: &KeptToken) -> u32 {
        let uses = self.uses.lock();
        uses.get(&kept.reader).filter(|next| same(&next.token, &kept.token)).map_or(0, |next| next.failures)
    }

    /// Replaces a token that has ended, unless another task changes or rotates the role: the next use decides then. A token
    /// that the role does not hold any more was revoked.
    async fn replace(&self, kept: &KeptToken, error: RotationError, requested_at: Instant) {
        let (locks, name) = self.readers.lock_of(&kept.reader);
        let Some(_lock) = locks.try_lock(name) else { return };
        if !self.readers.holds(&kept.reader, &kept.token).await.unwrap_or(true) {
            return;
        }
        log(kept, &error, "a token has ended although it was kept alive");
        self.count::<()>(kept, &Err(error));
        if self.is_retried(&kept.reader).await {
            return;
        }
        if let Err(failure) = self.readers.replace_locked(&kept.reader, &kept.token, requested_at).await {
            tracing::warn!(role.name = %kept.reader, "the token that has ended could not be replaced: {failure}");
        }
    }

    /// Whether the scheduler repeats a failed rotation of a static role.
    async fn is_retried(&self, reader: &TokenReader) -> bool {
        let TokenReader::Static(name) = reader else { return false };
        let role = self.entries.parsed::<StaticRole, _>(&key(ROLES, name), Ok).await.ok().flatten();
        role.is_some_and(|role| role.last_error.as_ref().is_some_and(|error| error.is_requested))
    }
}

/// Skips a damaged entry, which the scheduler and the readers report.
fn intact<T>(read: Result<Option<T>, Failure>) -> Result<Option<T>, Failure> {
    match read {
        Err(Failure::Internal(_)) => Ok(None),
        read => read,
    }
}

/// The wait after a number of failures in a row.
fn retry(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_RETRY.saturating_mul(doubled).min(LONGEST_RETRY)
}

fn log(kept: &KeptToken, error: &RotationError, message: &str) {
    tracing::warn!(
        role.name = %kept.reader,
        config.name = kept.config,
        error.r#type = error.kind().name(),
        error.hint = error.hint(),
        correlation.id = error.correlation_id(),
        "{message}: {}",
        error.chain()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_use_is_repeated_before_the_other_half_of_the_shortest_time_out_has_passed() {
        let waits: Vec<_> = (1..=6).map(|failures| retry(failures).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 60, 60, 60]);
        assert_eq!(retry(u32::MAX), LONGEST_RETRY);
    }
}
