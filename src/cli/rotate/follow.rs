//! A rotation that Secrets Manager runs: starts it, then polls the secret until the current label has moved, the
//! rotation was abandoned, or the reason why it is stuck is known.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::observation::{Observation, VersionState};
use super::stuck;
use crate::rotation::{
    Clock, Deadline, Diagnosis, Document, ErrorKind, IdleTimeouts, Result, RotationError, RotationPlatform,
    RotationReport, RotationStore, Rotator, SecretId, SecretRotation, SecretStore, Step, TokenDuration, TokenLife,
    VersionId, VersionSelector,
};
use crate::store::aws::AwsSecretsManager;

/// The wait before the first poll; later waits are longer.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// The longest timeout of a diagnosis.
const DIAGNOSIS: Duration = Duration::from_secs(10);

/// One rotation, and when to stop polling.
pub(super) struct Following<'a, S, I, C> {
    rotator: &'a Rotator<S, I, C>,
    secret: &'a SecretId,
    end: Instant,
    /// The time before the end in which the last diagnosis runs.
    reserve: Duration,
    /// The time without progress after which the first and the second diagnosis run.
    stillness: [Duration; 2],
}

impl<I: RotationPlatform + TokenDuration + IdleTimeouts, C: Clock> Following<'_, AwsSecretsManager, I, C> {
    /// Starts a rotation that creates the version `fresh`, and follows it. If an earlier rotation is incomplete, Secrets
    /// Manager retries that one: it is followed instead, and if the function discards its version, a new rotation starts.
    pub(super) async fn rotate(&self, fresh: VersionId, mut watch: impl FnMut(Step)) -> RotationReport {
        let error = match self.start(&fresh).await {
            Ok(version) => return self.follow(version, &mut watch).await,
            Err(error) => error,
        };
        let earlier = match error.kind() {
            ErrorKind::StoreConflict => self.rotator.left_over(self.secret, self.deadline()).await.ok().flatten(),
            _ => None,
        };
        let report = match earlier {
            Some(earlier) => {
                tracing::info!(version.id = earlier.as_str(), "Secrets Manager retries an earlier rotation");
                let report = self.follow(earlier, &mut watch).await;
                if !report.error.as_ref().is_some_and(|error| error.kind() == ErrorKind::VersionNotStaged) {
                    return report;
                }
                report
            }
            // It has ended in the meantime, like the test of a new configuration.
            None if error.kind() == ErrorKind::StoreConflict => self.not_started(error),
            None => return self.not_started(error),
        };
        match self.start(&fresh).await {
            Ok(version) => self.follow(version, &mut watch).await,
            Err(_) => report,
        }
    }

    async fn start(&self, fresh: &VersionId) -> Result<VersionId> {
        let start = || async {
            // RotateSecret would enable a rotation that an operator has disabled.
            if self.rotator.store.describe(self.secret).await?.rotation_enabled == Some(false) {
                return Err(stuck::disabled(self.secret));
            }
            self.rotator.store.start_rotation(self.secret, fresh).await
        };
        self.rotator.retries.run("start the rotation", self.deadline(), start).await
    }

    fn not_started(&self, error: RotationError) -> RotationReport {
        let secret = self.secret.clone();
        RotationReport { secret, version: None, steps: Vec::new(), token_life: None, error: Some(error) }
    }
}

impl<'a, S: RotationStore, I: RotationPlatform + TokenDuration + IdleTimeouts, C: Clock> Following<'a, S, I, C> {
    /// Follows a rotation of this secret until the timeout.
    pub(super) fn begin(rotator: &'a Rotator<S, I, C>, secret: &'a SecretId, timeout: Duration) -> Self {
        let reserve = DIAGNOSIS.min(timeout / 4);
        Self { rotator, secret, end: Instant::now() + timeout, reserve, stillness: stuck::STILLNESS }
    }

    /// Follows the rotation that creates this version.
    async fn follow(&self, version: VersionId, watch: &mut impl FnMut(Step)) -> RotationReport {
        let mut seen = Observation::begin(version);
        let mut wait = FIRST_WAIT;
        watch(Step::Create);
        loop {
            sleep(wait.min(self.remaining())).await;
            wait = (wait * 3 / 2).min(LONGEST_WAIT);
            match self.poll(&mut seen, watch).await {
                Ok(VersionState::Promoted) => return self.promoted(seen).await,
                Ok(VersionState::Staged | VersionState::Unclear) => {}
                Ok(VersionState::Dropped) => return self.failed(seen, None, stuck::dropped(self.secret)),
                Ok(VersionState::Disabled) => return self.failed(seen, None, stuck::disabled(self.secret)),
                Err(error) if error.kind() == ErrorKind::DeadlineExceeded => return self.timed_out(seen).await,
                Err(error) => return self.failed(seen, None, error),
            }
            if let Some((step, reason)) = self.diagnose_if_still(&mut seen).await {
                // The rotation may have progressed during the diagnosis.
                return match self.poll(&mut seen, watch).await {
                    Ok(VersionState::Promoted) => self.promoted(seen).await,
                    _ => self.failed(seen, Some(step), reason),
                };
            }
            if self.remaining().is_zero() {
                return self.timed_out(seen).await;
            }
        }
    }

    async fn poll(&self, seen: &mut Observation, watch: &mut impl FnMut(Step)) -> Result<VersionState> {
        let store = &self.rotator.store;
        let version = seen.version.clone();
        let describe = || store.describe(self.secret);
        let describe = self.rotator.retries.run("poll the rotation", self.deadline(), describe);
        if seen.has_value() || seen.is_unreadable {
            return Ok(seen.note_description(describe.await?));
        }
        let (described, value) = tokio::join!(describe, store.read(self.secret, VersionSelector::Pending(&version)));
        let view = seen.note_description(described?);
        match value {
            Ok(Some(value)) if view != VersionState::Dropped => {
                let document = Document::parse(&value.text).ok();
                seen.note_value(document.filter(|document| document.expires_at().is_some()));
                watch(Step::Test);
            }
            Err(error) => seen.is_unreadable = error.kind() == ErrorKind::StoreDenied,
            Ok(_) => {}
        }
        Ok(view)
    }

    async fn promoted(&self, mut seen: Observation) -> RotationReport {
        seen.note_promotion();
        let document = match seen.document.take() {
            Some(document) => Some(document),
            None => self.current_document(self.diagnosis_deadline()).await,
        };
        let now = self.rotator.clock.now();
        let rules = seen.described.as_ref().and_then(|described| described.rotation_rules.as_ref());
        let needed = rules.and_then(|rules| rules.longest_gap(now));
        let token_life = document.and_then(|document| TokenLife::of(&document, now, needed));
        RotationReport { token_life, ..self.report(seen, None) }
    }

    /// The current document; `None` if it cannot be read, which does not affect the result.
    async fn current_document(&self, deadline: Deadline) -> Option<Document> {
        let read = || self.rotator.store.read(self.secret, VersionSelector::Current);
        let value = self.rotator.retries.run("read the promoted version", deadline, read).await.ok().flatten()?;
        Document::parse(&value.text).ok()
    }

    /// The step and the reason, if there was no progress for long enough and the reason is conclusive.
    async fn diagnose_if_still(&self, seen: &mut Observation) -> Option<(Step, RotationError)> {
        let patience = self.stillness.get(seen.diagnoses)?;
        if seen.still_for() < *patience {
            return None;
        }
        let is_last = seen.diagnoses + 1 == self.stillness.len();
        seen.diagnoses += 1;
        let Diagnosis { step, reason } = self.diagnose(seen).await;
        Some((step, reason.filter(|reason| stuck::is_conclusive(reason, is_last))?))
    }

    /// An in-place rotation makes the stored secret and its tokens invalid before the promotion: their rejection says
    /// nothing about the rotation.
    async fn diagnose(&self, seen: &Observation) -> Diagnosis {
        let deadline = self.diagnosis_deadline();
        let diagnosis = self.rotator.diagnose(self.secret, &seen.version, deadline).await;
        let is_rejection =
            |reason: &RotationError| matches!(reason.kind(), ErrorKind::CredentialsRejected | ErrorKind::TokenRejected);
        if !diagnosis.reason.as_ref().is_some_and(is_rejection) {
            return diagnosis;
        }
        let document = self.current_document(deadline).await;
        let is_in_place =
            document.is_none_or(|document| matches!(document.secret_rotation(), Ok(Some(SecretRotation::InPlace))));
        Diagnosis { reason: diagnosis.reason.filter(|_| !is_in_place), ..diagnosis }
    }

    async fn timed_out(&self, seen: Observation) -> RotationReport {
        let Diagnosis { step, reason } = self.diagnose(&seen).await;
        // A diagnosis without read permission knows less than the earlier polls.
        let step = if seen.has_value() && step == Step::Create { Step::Test } else { step };
        let function = seen.described.as_ref().and_then(|described| described.rotation_function.clone());
        let error = match reason.filter(stuck::is_about_the_rotation) {
            Some(reason) => reason,
            None => stuck::out_of_time(self.secret, step, function.as_deref()),
        };
        self.failed(seen, Some(step), error)
    }

    fn failed(&self, mut seen: Observation, step: Option<Step>, error: RotationError) -> RotationReport {
        seen.note_failure(step);
        self.report(seen, Some(error))
    }

    fn report(&self, seen: Observation, error: Option<RotationError>) -> RotationReport {
        let (secret, version) = (self.secret.clone(), Some(seen.version));
        RotationReport { secret, version, steps: seen.steps, token_life: None, error }
    }

    /// The time for polling.
    fn remaining(&self) -> Duration {
        (self.end - self.reserve).saturating_duration_since(Instant::now())
    }

    fn diagnosis_deadline(&self) -> Deadline {
        Deadline::after(DIAGNOSIS.min(self.end.saturating_duration_since(Instant::now())))
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.remaining())
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
