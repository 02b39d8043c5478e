//! A whole rotation in this process, where no secrets service calls for the steps.

use std::time::Duration;

use tokio::time::Instant;

use super::document::token_life::TokenLife;
use super::error::{ErrorKind, Result, Retryability, RotationError};
use super::ports::clock::Clock;
use super::ports::{RotationPlatform, RotationStore};
use super::rotator::Rotator;
use super::step::{StagedBy, Step, StepOutcome, StepRequest};
use super::tokens::exchange::SpareToken;
use super::tokens::retry::Deadline;
use super::version::labels::{CURRENT, PENDING, SecretId, VersionId};

/// How often somebody else's rotation is joined before this one is given up.
const JOINS: u32 = 5;

/// One step of a rotation that was run.
#[derive(Clone, Copy, Debug)]
pub struct StepRecord {
    /// The step.
    pub step: Step,
    /// How it ended; `None` where it failed.
    pub outcome: Option<StepOutcome>,
    /// How long it took.
    pub took: Duration,
}

/// How a rotation went.
#[derive(Debug)]
pub struct RotationReport {
    /// The secret.
    pub secret: SecretId,
    /// The version that it made, or tried to; `None` where it did not get that far.
    pub version: Option<VersionId>,
    /// The steps that were begun, in order. The last one failed if there is an error.
    pub steps: Vec<StepRecord>,
    /// The new token's life, once it was validated.
    pub token_life: Option<TokenLife>,
    /// Why it failed; nothing was promoted then.
    pub error: Option<RotationError>,
}

impl RotationReport {
    /// Whether readers now get the new token.
    pub fn promoted(&self) -> bool {
        self.error.is_none()
    }

    fn begin(secret: &SecretId) -> Self {
        Self { secret: secret.clone(), version: None, steps: Vec::new(), token_life: None, error: None }
    }
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Runs the four steps. A rotation that was interrupted before is finished;
    /// where its token is dead, it is dropped for a new one, which `fresh` becomes the version of.
    ///
    /// `watch` is told of each step as it begins.
    pub async fn rotate(
        &self,
        secret: &SecretId,
        fresh: VersionId,
        deadline: Deadline,
        mut watch: impl FnMut(Step) + Send,
    ) -> RotationReport {
        let left_over = match self.left_over(secret, deadline).await {
            Ok(version) => version,
            Err(error) => return RotationReport { error: Some(error), ..RotationReport::begin(secret) },
        };
        let Some(version) = left_over else {
            return self.run_or_join(secret, fresh, deadline, &mut watch).await;
        };
        let report = self.run_steps(secret, version.clone(), deadline, &mut watch).await;
        if !report.error.as_ref().is_some_and(is_beyond_repair) {
            return report;
        }
        match self.drop_staged(secret, &version, deadline).await {
            Ok(()) => self.run_steps(secret, fresh, deadline, &mut watch).await,
            Err(error) => RotationReport { error: Some(error), ..report },
        }
    }

    /// Runs the four steps. Where somebody else began a moment earlier, that rotation is joined: both carry it
    /// out, and a step that was done by the other is done.
    async fn run_or_join(
        &self,
        secret: &SecretId,
        fresh: VersionId,
        deadline: Deadline,
        watch: &mut (impl FnMut(Step) + Send),
    ) -> RotationReport {
        let mut report = self.run_steps(secret, fresh.clone(), deadline, watch).await;
        for _ in 0..JOINS {
            let joined = report.version.as_ref() != Some(&fresh);
            if !was_outrun(&report, joined) {
                break;
            }
            let Ok(other) = self.left_over(secret, deadline).await else { break };
            let version = other.unwrap_or_else(|| fresh.clone());
            report = self.run_steps(secret, version, deadline, watch).await;
        }
        report
    }

    /// The version that an interrupted rotation left staged.
    ///
    /// # Errors
    /// The secret could not be looked at.
    pub async fn left_over(&self, secret: &SecretId, deadline: Deadline) -> Result<Option<VersionId>> {
        let describe = || self.store.describe(secret);
        let described = self.retries.run("look at the secret", deadline, describe).await?;
        let pending = described.holder(PENDING).filter(|version| described.holder(CURRENT) != Some(*version));
        Ok(pending.cloned())
    }

    async fn drop_staged(&self, secret: &SecretId, version: &VersionId, deadline: Deadline) -> Result<()> {
        let drop = || async {
            // The test step may have dropped it itself.
            let described = self.store.describe(secret).await?;
            if described.holder(PENDING) != Some(version) {
                return Ok(());
            }
            self.store.unstage(secret, version).await
        };
        self.retries.run("drop a dead version", deadline, drop).await
    }

    /// A secrets service takes the pending label off what it promoted; here nobody else does.
    async fn tidy_up(&self, request: &StepRequest, report: &RotationReport, deadline: Deadline) {
        if report.error.is_some() {
            return;
        }
        if let Err(error) = self.drop_staged(&request.secret, &request.version, deadline).await {
            tracing::debug!(
                error.r#type = error.kind().name(),
                "the label stays beside the current one, which does no harm"
            );
        }
    }

    async fn run_steps(
        &self,
        secret: &SecretId,
        version: VersionId,
        deadline: Deadline,
        watch: &mut (impl FnMut(Step) + Send),
    ) -> RotationReport {
        let mut report = RotationReport { version: Some(version.clone()), ..RotationReport::begin(secret) };
        let request =
            StepRequest { secret: secret.clone(), version, rotation_token: None, staged_by: StagedBy::Rotator };
        let mut own = None;
        for step in Step::ALL {
            watch(step);
            let began = Instant::now();
            let result = match step {
                Step::Create => Box::pin(self.create_and_keep(&request, deadline)).await.map(|(done, token)| {
                    own = token;
                    done
                }),
                _ => self.step(step, &request, deadline).await,
            };
            let outcome = result.as_ref().ok().map(|done| done.outcome);
            report.steps.push(StepRecord { step, outcome, took: began.elapsed() });
            match result {
                // What was staged holds no token of its own, and must never come as far as being promoted.
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
        self.tidy_up(&request, &report, deadline).await;
        if let (Some(error), Some(own)) = (&report.error, own) {
            self.discard_if_replaced(&request, error, &own, deadline).await;
        }
        report
    }

    /// Where two rotate at once without a service between them, the second one's version takes the label from the
    /// first one's. That version never gets it back, so its token is of no use to anyone.
    async fn discard_if_replaced(
        &self,
        request: &StepRequest,
        error: &RotationError,
        own: &SpareToken,
        deadline: Deadline,
    ) {
        if error.kind() != ErrorKind::VersionNotStaged {
            return;
        }
        let described = self.store.describe(&request.secret).await;
        let is_replaced = described.is_ok_and(|described| described.labels(&request.version).is_none());
        let is_current = self.is_current_token(request, &own.access_token, deadline).await.unwrap_or(true);
        if is_replaced && !is_current {
            self.discard_spare(own, deadline).await;
        }
    }
}

/// Whether somebody else had staged a version when this was to be, or has replaced the one that was joined.
fn was_outrun(report: &RotationReport, joined: bool) -> bool {
    let Some(error) = &report.error else { return false };
    match error.kind() {
        ErrorKind::StoreConflict => report.steps.len() == 1 && error.retryability() != Retryability::Permanent,
        ErrorKind::VersionNotStaged => joined,
        _ => false,
    }
}

/// A version whose token cannot be promoted is given up for a fresh one.
fn is_beyond_repair(error: &RotationError) -> bool {
    match error.kind() {
        ErrorKind::TokenRejected | ErrorKind::TokenOwnerMismatch => true,
        // Another writer at work passes; a version that was dropped as unfit does not come back.
        ErrorKind::StoreConflict => error.retryability() == Retryability::Permanent,
        _ => false,
    }
}
