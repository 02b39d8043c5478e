//! A whole rotation in this process, without a secrets service that calls the steps.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::document::token_life::TokenLife;
use super::error::{ErrorKind, Result, Retryability, RotationError};
use super::ports::clock::Clock;
use super::ports::{RotationPlatform, RotationStore};
use super::rotator::Rotator;
use super::step::{StagedBy, Step, StepOutcome, StepRequest};
use super::steps::context::StepContext;
use super::tokens::retry::Deadline;
use super::tokens::rollback::Undo;
use super::version::labels::{CURRENT, PENDING, SecretId, VersionId};

/// The maximum number of versions that one rotation runs the steps on.
const ATTEMPTS: u32 = 6;

/// The wait before the steps run on another version. Reads of Secrets Manager may be stale for about a second.
const SETTLED: Duration = Duration::from_secs(2);

/// One step of a rotation.
#[derive(Clone, Copy, Debug)]
pub struct StepRecord {
    /// The step.
    pub step: Step,
    /// The outcome; `None` if it failed.
    pub outcome: Option<StepOutcome>,
    /// The duration.
    pub took: Duration,
}

/// The result of a rotation.
#[derive(Debug)]
pub struct RotationReport {
    /// The secret.
    pub secret: SecretId,
    /// The version that the rotation created; `None` if it failed before.
    pub version: Option<VersionId>,
    /// The steps that began, in order. If there is an error, the last one failed.
    pub steps: Vec<StepRecord>,
    /// The life of the new token, once it is validated.
    pub token_life: Option<TokenLife>,
    /// Why the rotation failed; nothing was promoted.
    pub error: Option<RotationError>,
}

impl RotationReport {
    /// Whether readers now get the new token.
    pub fn promoted(&self) -> bool {
        self.error.is_none()
    }

    fn new(secret: &SecretId) -> Self {
        Self { secret: secret.clone(), version: None, steps: Vec::new(), token_life: None, error: None }
    }
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Runs the four steps. Resumes an interrupted rotation; if its version cannot be promoted, drops it and creates
    /// the version `fresh`. Calls `watch` at the start of each step.
    pub async fn rotate(
        &self,
        secret: &SecretId,
        fresh: VersionId,
        deadline: Deadline,
        mut watch: impl FnMut(Step) + Send,
    ) -> RotationReport {
        // Boxed, to bound the depth of the nested futures.
        let rotate = Box::pin(rotate_or_resume(self, secret, fresh, deadline, &mut watch));
        self.tokens().settle(deadline, rotate).await
    }

    /// Returns the version that an interrupted rotation left staged.
    ///
    /// # Errors
    /// The secret cannot be described.
    pub async fn left_over(&self, secret: &SecretId, deadline: Deadline) -> Result<Option<VersionId>> {
        Ok(pending_and_current(self, secret, deadline).await?.0)
    }
}

/// The version that an interrupted rotation left staged, and the current version.
async fn pending_and_current(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    secret: &SecretId,
    deadline: Deadline,
) -> Result<(Option<VersionId>, Option<VersionId>)> {
    let describe = || rotator.store.describe(secret);
    let described = rotator.retries.run("describe the secret", deadline, describe).await?;
    let (pending, current) = (described.holder(PENDING), described.holder(CURRENT));
    Ok((pending.filter(|pending| current != Some(*pending)).cloned(), current.cloned()))
}

/// Runs the four steps on the staged version if there is one, and on `fresh` otherwise. Starts over if the version cannot
/// be promoted because it was edited or staged by another rotation, or if another rotation was faster: both then run the
/// same steps, and a step that the other one has done is done.
async fn rotate_or_resume(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    secret: &SecretId,
    fresh: VersionId,
    deadline: Deadline,
    watch: &mut (impl FnMut(Step) + Send),
) -> RotationReport {
    let (mut report, mut fresh) = (RotationReport::new(secret), Some(fresh));
    for attempt in 0..ATTEMPTS {
        if attempt > 0 && deadline.allows(SETTLED) {
            // A stale read may show that the version of this rotation lost its label.
            sleep(SETTLED).await;
        }
        let (left_over, current) = match pending_and_current(rotator, secret, deadline).await {
            Ok(found) => found,
            Err(error) => return RotationReport { error: Some(report.error.unwrap_or(error)), ..report },
        };
        let is_resumed = left_over.is_some();
        // A store may keep a version that lost its labels: its id is not used again.
        let version = left_over.or_else(|| fresh.take()).unwrap_or_else(VersionId::random);
        report = run_steps(rotator, secret, version.clone(), current.as_ref(), deadline, watch).await;
        if is_resumed && report.error.as_ref().is_some_and(is_unrecoverable) {
            if let Err(error) = unstage(rotator, secret, &version, deadline).await {
                return RotationReport { error: Some(error), ..report };
            }
        } else if !lost_to_another(&report) && !report.error.as_ref().is_some_and(is_dropped) {
            break;
        }
    }
    report
}

async fn run_steps(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    secret: &SecretId,
    version: VersionId,
    current: Option<&VersionId>,
    deadline: Deadline,
    watch: &mut (impl FnMut(Step) + Send),
) -> RotationReport {
    let mut report = RotationReport { version: Some(version.clone()), ..RotationReport::new(secret) };
    let request = StepRequest { secret: secret.clone(), version, rotation_token: None, staged_by: StagedBy::Rotator };
    let context = StepContext { rotator, request: &request, deadline };
    let mut own_token = None;
    for step in Step::ALL {
        watch(step);
        let began = Instant::now();
        let result = match step {
            Step::Create => Box::pin(context.create()).await.map(|(report, undo)| {
                own_token = undo;
                report
            }),
            _ => rotator.step(step, &request, deadline).await,
        };
        let outcome = result.as_ref().ok().map(|done| done.outcome);
        report.steps.push(StepRecord { step, outcome, took: began.elapsed() });
        match result {
            // The staged version is a copy of the current one, and must not be promoted.
            Ok(done) if done.outcome == StepOutcome::SetUpTested => {
                let message = "the staged version holds no new token";
                report.error = Some(RotationError::new(ErrorKind::StoreConflict, message).permanent());
                break;
            }
            Ok(done) => report.token_life = done.token_life.or(report.token_life),
            Err(error) => {
                report.error = Some(error);
                break;
            }
        }
    }
    match (&report.error, own_token) {
        (None, _) => remove_pending_label(rotator, &request, deadline).await,
        (Some(error), Some(token)) => revoke_if_replaced(rotator, &request, current, error, token, deadline).await,
        (Some(_), None) => {}
    }
    report
}

async fn unstage(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    secret: &SecretId,
    version: &VersionId,
    deadline: Deadline,
) -> Result<()> {
    let unstage = || async {
        // The test step may have abandoned the version.
        let described = rotator.store.describe(secret).await?;
        if described.holder(PENDING) != Some(version) {
            return Ok(());
        }
        rotator.store.unstage(secret, version).await
    };
    rotator.retries.run("remove the pending label", deadline, unstage).await
}

/// A secrets service removes the pending label from a promoted version; without one, the rotation does.
async fn remove_pending_label(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    deadline: Deadline,
) {
    if let Err(error) = unstage(rotator, &request.secret, &request.version, deadline).await {
        let kind = error.kind().name();
        tracing::debug!(error.r#type = kind, "the pending label stays on the current version, which does no harm");
    }
}

/// Of two concurrent rotations, the second one's version takes the pending label from the first one's, which never gets
/// it back: nobody uses its token. `current` is the version that was current before the steps.
async fn revoke_if_replaced(
    rotator: &Rotator<impl RotationStore, impl RotationPlatform, impl Clock>,
    request: &StepRequest,
    current: Option<&VersionId>,
    error: &RotationError,
    own_token: Undo,
    deadline: Deadline,
) {
    let Undo::RevokeToken { token, .. } = &own_token else { return };
    if error.kind() != ErrorKind::VersionNotStaged || !deadline.allows(SETTLED) {
        return;
    }
    // Stale reads may show the labels and the current value from before this version was staged or promoted.
    sleep(SETTLED).await;
    let describe = || rotator.store.describe(&request.secret);
    let described = rotator.retries.run("describe the secret", deadline.for_cleanup(), describe).await;
    let is_replaced = described.is_ok_and(|described| {
        let is_other_seen = described.holder(PENDING).is_some() || described.holder(CURRENT) != current;
        described.labels(&request.version).is_none() && is_other_seen
    });
    let is_current = rotator.is_current_token(&request.secret, token, deadline).await.unwrap_or(true);
    if is_replaced && !is_current {
        rotator.rollbacks.schedule(own_token);
    }
}

/// Whether another rotation staged its version first, or took the labels of this one's version.
fn lost_to_another(report: &RotationReport) -> bool {
    let Some(error) = &report.error else { return false };
    match error.kind() {
        ErrorKind::StoreConflict => report.steps.len() == 1 && error.retryability() != Retryability::Permanent,
        ErrorKind::VersionNotStaged => true,
        _ => false,
    }
}

/// Whether the version can never be promoted.
fn is_unrecoverable(error: &RotationError) -> bool {
    match error.kind() {
        ErrorKind::TokenRejected | ErrorKind::TokenOwnerMismatch => true,
        _ => is_dropped(error),
    }
}

/// Whether a step dropped the version. A conflict with another writer passes; a dropped version does not come back.
fn is_dropped(error: &RotationError) -> bool {
    error.kind() == ErrorKind::StoreConflict && error.retryability() == Retryability::Permanent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_starts_over_only_if_its_version_is_lost_or_dropped() {
        use ErrorKind::{StoreConflict, TokenOwnerMismatch, TokenRejected, VersionNotStaged};
        let is_lost = |error: RotationError, steps: usize| {
            let record = StepRecord { step: Step::Create, outcome: None, took: Duration::ZERO };
            let report = RotationReport { error: Some(error), ..RotationReport::new(&SecretId::new("token")) };
            lost_to_another(&RotationReport { steps: vec![record; steps], ..report })
        };
        let error = |kind| RotationError::new(kind, "no");
        let dropped = || error(StoreConflict).permanent();
        assert!(is_lost(error(StoreConflict), 1) && !is_lost(error(StoreConflict), 4) && !is_lost(dropped(), 1));
        assert!(is_lost(error(VersionNotStaged), 4) && !is_lost(error(TokenRejected), 1));
        assert!(!lost_to_another(&RotationReport::new(&SecretId::new("token"))));
        assert!(is_dropped(&dropped()) && !is_dropped(&error(StoreConflict)));
        assert!(!is_dropped(&error(TokenRejected).permanent()));
        assert!(is_unrecoverable(&dropped()) && !is_unrecoverable(&error(StoreConflict)));
        assert!(is_unrecoverable(&error(TokenRejected)) && is_unrecoverable(&error(TokenOwnerMismatch)));
    }
}
