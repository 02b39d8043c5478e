//! Rotating a static role, and ending it.
//!
//! Whoever calls this holds the role's lock.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::credential::{StaticCredential, revocable};
use super::role::{CREDENTIALS, LastError, PENDING, ROLES, RoleSettings, StaticRole, StoredVersion, key};
use super::schedule::{self, Timing};
use super::store::StaticStore;
use crate::engine::GenesysMount;
use crate::rotation::{
    Deadline, ErrorKind, Result, RotationError, RotationReport, Rotator, SecretId, StepOutcome, SystemClock, VersionId,
};
use openbao_plugin::Failure;

/// How long a rotation may take.
const ROTATION: Duration = Duration::from_secs(60);
/// How long ending a token that nobody is to have any more may take.
const REVOCATION: Duration = Duration::from_secs(10);

impl GenesysMount {
    /// Rotates a role, and writes down how it failed or that it does not fail any more.
    ///
    /// # Errors
    /// Why no new credential was promoted.
    pub(crate) async fn rotate_static(&self, name: &str, role: &StaticRole) -> Result<()> {
        let rotated = self.run_rotation(name, self.static_store.clone()).await;
        let failed = rotated.as_ref().err();
        // What cannot be written here is not this node's to tell.
        if failed.is_some_and(|error| error.kind() == ErrorKind::StoreDenied) {
            return rotated;
        }
        let last_error = failed.map(|error| LastError::after(role.last_error.as_ref(), error, self.now()));
        if last_error != role.last_error {
            let role = StaticRole { last_error, ..role.clone() };
            if let Err(failure) = self.entries.put(&key(ROLES, name), &role).await {
                tracing::warn!(role.name = name, "how the rotation went could not be written down: {failure}");
            }
        }
        rotated
    }

    /// Makes a credential with settings that the role is to get. Where that fails nothing is left of it.
    ///
    /// # Errors
    /// Why no credential was promoted.
    pub(crate) async fn make_static(&self, name: &str, settings: &RoleSettings) -> Result<()> {
        let made = self.run_rotation(name, self.static_store.proposing(name, settings)).await;
        if made.is_err() {
            self.drop_staged(name).await;
        }
        made
    }

    /// Whether a rotation of a role was begun and has not come to its end.
    ///
    /// # Errors
    /// What the host says, or that an entry is damaged.
    pub(crate) async fn is_begun(&self, name: &str) -> std::result::Result<bool, Failure> {
        let pending = self.entries.get::<StoredVersion>(&key(PENDING, name)).await?;
        let current = self.entries.get::<StoredVersion>(&key(CREDENTIALS, name)).await?;
        // A crash between the two writes of promoting leaves the promoted version staged as well.
        Ok(pending.is_some_and(|pending| current.is_none_or(|current| current.version != pending.version)))
    }

    /// When a role is due to be rotated, as things are.
    ///
    /// # Errors
    /// What the host says, or that an entry is damaged.
    pub(crate) async fn next_rotation(
        &self,
        name: &str,
        role: &StaticRole,
        is_begun: bool,
    ) -> std::result::Result<Timestamp, Failure> {
        let credential = StaticCredential::of_role(&self.entries, name).await?;
        let settings = self.static_store.settings_of(name).await.ok().flatten();
        let own =
            |credential: &&StaticCredential| settings.as_ref().is_none_or(|settings| credential.follows_from(settings));
        Ok(schedule::due(&Timing {
            period: role.period(),
            credential: credential.as_ref().filter(own).map(StaticCredential::age),
            is_begun,
            failed: role.last_error.as_ref().map(|error| (error.at, error.failures)),
            now: self.now(),
        }))
    }

    /// Ends what is left of a role that is not there (any more): its tokens, as far as the platform can be reached, and
    /// their entries. It gives back what was not ended.
    ///
    /// # Errors
    /// What the host says.
    pub(crate) async fn end_static(&self, name: &str) -> std::result::Result<Vec<String>, Failure> {
        let mut left = Vec::new();
        for (prefix, what) in [(CREDENTIALS, "the role's token"), (PENDING, "a token that was never handed out")] {
            let key = key(prefix, name);
            match self.revoke_stored(&key).await {
                Ok(false) => continue,
                Ok(true) => {}
                Err(why) => {
                    tracing::warn!(role.name = name, "{what} could not be revoked: {why}");
                    left.push(format!("{what} could not be revoked and lives on until it expires: {why}"));
                }
            }
            self.entries.delete(&key).await?;
        }
        Ok(left)
    }

    async fn run_rotation(&self, name: &str, store: StaticStore) -> Result<()> {
        let rotator = Rotator::new(store, self.platforms.clone(), SystemClock).with_limiter(self.limiter.clone());
        let (secret, began) = (SecretId::new(key(ROLES, name)), Instant::now());
        let report = rotator.rotate(&secret, VersionId::random(), Deadline::after(ROTATION), |_| {}).await;
        log(name, &report, began.elapsed());
        report.error.map_or(Ok(()), Err)
    }

    /// What was staged for a role that was not written must not live on.
    async fn drop_staged(&self, name: &str) {
        let staged = key(PENDING, name);
        // What was promoted is what readers have, although the answer to that was lost.
        if !self.is_begun(name).await.unwrap_or(false) {
            return;
        }
        if let Err(why) = self.revoke_stored(&staged).await {
            tracing::warn!(role.name = name, "a token that was never handed out could not be revoked: {why}");
        }
        if let Err(failure) = self.entries.delete(&staged).await {
            tracing::warn!(role.name = name, "a version that came to nothing is still staged: {failure}");
        }
    }

    /// Ends the token in an entry, if there is one: the entry.
    async fn revoke_stored(&self, key: &str) -> std::result::Result<bool, String> {
        let stored = self.entries.get::<StoredVersion>(key).await.map_err(|failure| failure.to_string())?;
        let Some(stored) = stored else { return Ok(false) };
        let document = stored.parse().map_err(|error| error.to_string())?;
        if let Some((place, token)) = revocable(&document).map_err(|error| error.to_string())? {
            let revoked = self.tokens().revoke(&place, &token, Deadline::after(REVOCATION)).await;
            revoked.map_err(|error: RotationError| error.chain())?;
        }
        Ok(true)
    }
}

/// One line for each rotation.
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
