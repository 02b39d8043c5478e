//! Rotation, creation and deletion of a static role's credential.
//!
//! Callers hold the role's lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::credential::{StaticCredential, revocation};
use super::role::{CREDENTIALS, PENDING, ROLES, RoleSettings, StaticRole, StoredVersion, key};
use super::store::StaticStore;
use crate::engine::automation::last_error::{Cause, LastError};
use crate::engine::counters::{Action, Counted, TokenUse};
use crate::engine::minting::Minting;
use crate::engine::revocation::entry::warn_of_delay;
use crate::engine::storage::entries::Entries;
use crate::engine::storage::locks::Locks;
use crate::rotation::{
    Deadline, ErrorKind, Result as RotationResult, RotationReport, SecretId, StepOutcome, VersionId,
};
use openbao_plugin::Failure;

/// How long a rotation may take. A request that waited 25 seconds for it still ends before the clients of Vault and OpenBao
/// give up, after 60 seconds.
const ROTATION: Duration = Duration::from_secs(30);
/// How long the outcome of a rotation is kept: longer than a request waits.
const OUTCOMES_KEPT: Duration = Duration::from_secs(120);
/// How long the revocation of a removed token may take.
const REVOCATION: Duration = Duration::from_secs(10);

/// Rotates, creates and deletes the credentials of static roles. Clones share the locks.
#[derive(Clone)]
pub(crate) struct StaticRotations {
    entries: Entries,
    store: StaticStore,
    minting: Minting,
    /// One task at a time writes, rotates or deletes a role.
    pub(crate) locks: Locks,
    outcomes: Arc<Mutex<HashMap<String, RotationOutcome>>>,
}

/// How a rotation ended.
struct RotationOutcome {
    began: Instant,
    result: RotationResult<()>,
}

impl StaticRotations {
    pub(crate) fn new(entries: Entries, minting: Minting) -> Self {
        Self {
            store: StaticStore::over(entries.clone()),
            entries,
            minting,
            locks: Locks::default(),
            outcomes: Arc::default(),
        }
    }

    /// How the last rotation of a role ended; `None` if it began before this time.
    pub(crate) fn outcome_since(&self, name: &str, requested_at: Instant) -> Option<RotationResult<()>> {
        let outcomes = self.outcomes.lock();
        let outcome = outcomes.get(name).filter(|outcome| outcome.began >= requested_at)?;
        Some(outcome.result.clone())
    }

    fn record(&self, name: &str, began: Instant, result: RotationResult<()>) {
        let mut outcomes = self.outcomes.lock();
        outcomes.retain(|_, outcome| outcome.began.elapsed() < OUTCOMES_KEPT);
        outcomes.insert(name.to_owned(), RotationOutcome { began, result });
    }

    fn count(&self, settings: &RoleSettings, result: &RotationResult<()>) {
        let counted = Counted::Issued(TokenUse::Static);
        self.minting.counters.add_result(&settings.config, Action::RotateRole, counted, result);
    }

    /// Rotates a role, and stores the error in the role, or removes the former error. A requested rotation that failed is
    /// retried by the background task.
    ///
    /// # Errors
    /// Why no credential was promoted.
    pub(crate) async fn rotate(&self, name: &str, role: &StaticRole, cause: Cause) -> RotationResult<()> {
        let began = Instant::now();
        let rotated = self.run(name, self.store.clone()).await;
        self.record(name, began, rotated.clone());
        self.count(&role.settings, &rotated);
        let failed = rotated.as_ref().err();
        // A node that may not write stores no error either.
        if failed.is_some_and(|error| error.kind() == ErrorKind::StoreDenied) {
            return rotated;
        }
        let now = self.minting.now();
        let last_error = failed.map(|error| LastError::after(role.last_error.as_ref(), error, cause, now));
        if last_error != role.last_error {
            let role = StaticRole { last_error, ..role.clone() };
            if let Err(failure) = self.entries.put(&key(ROLES, name), &role).await {
                tracing::warn!(role.name = name, "last_error could not be stored: {failure}");
            }
        }
        rotated
    }

    /// Mints and stores a credential with new settings of the role. After a failure nothing of it is left.
    ///
    /// # Errors
    /// Why no credential was promoted.
    pub(crate) async fn create(&self, name: &str, settings: &RoleSettings) -> RotationResult<()> {
        let created = self.run(name, self.store.proposing(name, settings)).await;
        self.count(settings, &created);
        if created.is_err() {
            self.discard_staged(name).await;
        }
        created
    }

    /// Whether a staged version waits for its promotion, or is damaged: the rotation reports that.
    ///
    /// # Errors
    /// The host's error, or that the current version is damaged.
    pub(crate) async fn is_pending(&self, name: &str) -> Result<bool, Failure> {
        let pending = match self.entries.get::<StoredVersion>(&key(PENDING, name)).await {
            Err(Failure::Internal(_)) => return Ok(true),
            read => read?,
        };
        let current = self.entries.get::<StoredVersion>(&key(CREDENTIALS, name)).await?;
        // After a crash between the two writes of a promotion, the promoted version is still staged.
        Ok(pending.is_some_and(|pending| current.is_none_or(|current| current.version != pending.version)))
    }

    /// The time when a role is due; `None` without automated rotation.
    ///
    /// # Errors
    /// The host's error, or that an entry is damaged.
    pub(crate) async fn next_rotation(
        &self,
        name: &str,
        role: &StaticRole,
        is_pending: bool,
    ) -> Result<Option<Timestamp>, Failure> {
        let credential = StaticCredential::of_role(&self.entries, name).await?;
        let settings = self.store.settings_of(name).await.ok().flatten();
        let matches =
            |credential: &&StaticCredential| settings.as_ref().is_none_or(|settings| credential.follows_from(settings));
        Ok(role.next_rotation(credential.as_deref().filter(matches), is_pending, self.minting.now()))
    }

    /// Revokes the tokens of a deleted role and deletes their entries. Returns a warning for each token that could not
    /// be revoked.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn delete_credentials(&self, name: &str) -> Result<Vec<String>, Failure> {
        let mut warnings = Vec::new();
        for (prefix, what) in [(CREDENTIALS, "the role's token"), (PENDING, "the role's staged token")] {
            warnings.extend(self.delete_version(name, &key(prefix, name), what).await?);
        }
        Ok(warnings)
    }

    /// Deletes the credentials of a name that has no role: a crash during a write or a deletion leaves them.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn delete_orphan(&self, name: &str) -> Result<(), Failure> {
        let role: Option<serde::de::IgnoredAny> = self.entries.get(&key(ROLES, name)).await?;
        if role.is_some() {
            return Ok(());
        }
        tracing::info!(role.name = name, "credentials without a static role are deleted");
        self.delete_credentials(name).await.map(drop)
    }

    /// Runs a rotation, and another one if the config's client was changed meanwhile: the new token belongs to the former
    /// client then.
    async fn run(&self, name: &str, store: StaticStore) -> RotationResult<()> {
        // An error here is also the rotation's, which logs it.
        let settings = store.settings_of(name).await.ok().flatten();
        let result = self.run_once(name, store.clone()).await;
        let is_foreign = result.as_ref().is_err_and(|error| error.kind() == ErrorKind::TokenOwnerMismatch);
        match (settings, store.settings_of(name).await.ok().flatten()) {
            (Some(before), Some(now)) if is_foreign && !before.follows_from(&now) => self.run_once(name, store).await,
            _ => result,
        }
    }

    async fn run_once(&self, name: &str, store: StaticStore) -> RotationResult<()> {
        let rotator = self.minting.rotator(store);
        let (secret, began) = (SecretId::new(key(ROLES, name)), Instant::now());
        let report = rotator.rotate(&secret, VersionId::random(), Deadline::after(ROTATION), |_| {}).await;
        log(name, &report, began.elapsed());
        report.error.map_or(Ok(()), Err)
    }

    /// Revokes and deletes the version that a failed creation staged.
    async fn discard_staged(&self, name: &str) {
        let staged = key(PENDING, name);
        // A promoted version stays, even if the answer to the promotion was lost.
        if !self.is_pending(name).await.unwrap_or(false) {
            return;
        }
        // A token that cannot be revoked yet is logged.
        if let Err(failure) = self.delete_version(name, &staged, "the token of a failed creation").await {
            tracing::warn!(role.name = name, "the staged version of a failed creation could not be deleted: {failure}");
        }
    }

    /// Deletes a version that has no readers, and revokes its token. Returns a warning if it could not be revoked.
    async fn delete_version(&self, name: &str, key: &str, what: &str) -> Result<Option<String>, Failure> {
        let damaged = match self.entries.get::<StoredVersion>(key).await {
            Ok(None) => return Ok(None),
            Ok(Some(stored)) => match revocation(&stored, &format!("the deletion of {ROLES}{name}")) {
                Ok(Some(owed)) => {
                    let deadline = Deadline::after(REVOCATION);
                    let error = owed.end_copy(key, (&self.entries, &self.minting), deadline).await?;
                    return Ok(error.map(|error| warn_of_delay(what, &error)));
                }
                Ok(None) => None,
                Err(error) => Some(error.to_string()),
            },
            Err(Failure::Internal(why)) => Some(why),
            Err(failure) => return Err(failure),
        };
        self.entries.delete(key).await?;
        let warning = damaged.map(|why| format!("{what} could not be revoked and stays valid until it expires: {why}"));
        Ok(warning.inspect(|warning| tracing::warn!(role.name = name, "{warning}")))
    }
}

/// Logs one line for each rotation.
fn log(name: &str, report: &RotationReport, took: Duration) {
    let version = report.version.as_ref().map(VersionId::as_str);
    let duration_ms = took.as_millis() as u64;
    let Some(error) = &report.error else {
        let life_seconds = report.token_life.map(|life| life.left.as_secs());
        tracing::info!(
            role.name = name,
            version.id = version,
            rotation.outcome = StepOutcome::Done.name(),
            duration_ms,
            token.life_seconds = life_seconds,
            "the static role was rotated"
        );
        return;
    };
    tracing::error!(
        role.name = name,
        version.id = version,
        rotation.outcome = "failed",
        rotation.step = report.steps.last().map(|record| record.step.name()),
        duration_ms,
        error.r#type = error.kind().name(),
        error.hint = error.hint(),
        correlation.id = error.correlation_id(),
        "the static role was not rotated: {}",
        error.chain()
    );
}
