//! One secret, from the first look at it to the end of its former token.

use jiff::Timestamp;

use super::arguments::RotateArgs;
use super::decide::{Decision, Reason, Rules};
use super::follow::Following;
use super::progress::Progress;
use super::report::{Ended, Rotation, Skipped};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::selection::Chosen;
use crate::cli::target::session::Session;
use crate::cli::target::store::AnyStore;
use crate::cli::terminal::human_time::{AgeLimit, to_the_second};
use crate::platform::Platforms;
use crate::rotation::{
    Deadline, ErrorKind, Former, RateLimiter, Revocation, RotationError, RotationReport, Rotator, SystemClock,
    VersionId,
};

/// What all rotations of one run share.
pub(super) struct Rotating<'a> {
    pub(super) arguments: &'a RotateArgs,
    pub(super) session: &'a Session,
    pub(super) progress: &'a Progress<'a>,
    /// When the run began, to the second.
    pub(super) began: Timestamp,
    platforms: Platforms,
    limiter: RateLimiter,
    rules: Rules,
}

type Looked = Result<Former, RotationError>;
type LocalRotator = Rotator<AnyStore, Platforms, SystemClock>;

impl<'a> Rotating<'a> {
    pub(super) fn new(
        arguments: &'a RotateArgs,
        session: &'a Session,
        platforms: Platforms,
        progress: &'a Progress<'a>,
        began: Timestamp,
    ) -> Self {
        let is_vouched = arguments.selection.rotation_function.is_some();
        let cutoff = arguments.older_than.as_ref().map(|age: &AgeLimit| age.before(began));
        let (limiter, rules) = (RateLimiter::default(), Rules { is_vouched, cutoff });
        Self { arguments, session, progress, began: to_the_second(began), platforms, limiter, rules }
    }

    /// Rotates a secret, unless it is to be left alone.
    pub(super) async fn carry_out(&self, chosen: Chosen) -> Ended {
        self.progress.begun(&chosen.secret.typed);
        let ended = self.rotate(&chosen).await;
        self.progress.ended(&chosen.secret.typed);
        ended
    }

    /// What would be done with a secret.
    pub(super) async fn decide(&self, chosen: &Chosen) -> (Decision, Option<Looked>) {
        let rotator = match self.rotator(&chosen.secret).await {
            Ok(rotator) => rotator,
            Err(error) => return (Decision::Fail(error), None),
        };
        let looked = match self.must_look(chosen) {
            true => Some(rotator.former(&chosen.secret.id, self.deadline()).await),
            false => None,
        };
        (self.rules.decide(chosen, looked.as_ref()), looked)
    }

    async fn rotate(&self, chosen: &Chosen) -> Ended {
        let secret = &chosen.secret;
        let typed = secret.typed.clone();
        let (decision, looked) = self.decide(chosen).await;
        match decision {
            Decision::Rotate => {
                let report = self.report(secret).await;
                let revocation = if report.promoted() { self.end_former(secret, looked).await } else { None };
                Ended::Rotated(Box::new(Rotation { typed, report, revocation }))
            }
            Decision::Fail(error) => {
                let report = not_begun(secret, error);
                Ended::Rotated(Box::new(Rotation { typed, report, revocation: None }))
            }
            Decision::Skip(reason) => {
                let is_ours = matches!(reason, Reason::Fresh(_));
                let revocation = if is_ours { self.end_previous(secret, looked).await } else { None };
                Ended::Skipped(Skipped { typed, reason, revocation })
            }
        }
    }

    /// Whether what a secret holds decides anything.
    fn must_look(&self, chosen: &Chosen) -> bool {
        let is_guess = chosen.listed.is_some() && !self.rules.is_vouched;
        is_guess || self.rules.cutoff.is_some() || self.arguments.revoke_previous
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.arguments.timeout)
    }

    pub(super) fn is_driven_here(&self, secret: &SecretReference) -> bool {
        self.arguments.local || secret.store.is_driven_here()
    }

    async fn rotator(&self, secret: &SecretReference) -> Result<LocalRotator, RotationError> {
        let rotator = self.session.rotator(secret.store, self.platforms.clone()).await?;
        Ok(rotator.with_limiter(self.limiter.clone()))
    }

    async fn report(&self, secret: &SecretReference) -> RotationReport {
        let watch = |step| self.progress.step(&secret.typed, step);
        let fresh = VersionId::random();
        if !self.is_driven_here(secret) {
            let rotator = Rotator::new(self.session.aws().await, self.platforms.clone(), self.session.clock)
                .with_limiter(self.limiter.clone());
            return Following::begin(&rotator, &secret.id, self.arguments.timeout).rotate(fresh, watch).await;
        }
        match self.rotator(secret).await {
            Ok(rotator) => with_more_time(rotator.rotate(&secret.id, fresh, self.deadline(), watch).await),
            Err(error) => not_begun(secret, error),
        }
    }

    /// Ends what readers had, where that was asked for.
    async fn end_former(
        &self,
        secret: &SecretReference,
        looked: Option<Looked>,
    ) -> Option<Result<Revocation, RotationError>> {
        let looked = looked.filter(|_| self.arguments.revoke_previous)?;
        let end = async {
            let former = looked?;
            self.rotator(secret).await?.revoke_former(&secret.id, &former, self.deadline()).await
        };
        Some(end.await)
    }

    /// An earlier run may have ended between the promotion and this.
    async fn end_previous(
        &self,
        secret: &SecretReference,
        looked: Option<Looked>,
    ) -> Option<Result<Revocation, RotationError>> {
        let looked = looked.filter(|_| self.arguments.revoke_previous)?;
        let end = async { self.rotator(secret).await?.revoke_previous(&looked?, self.deadline()).await };
        Some(end.await)
    }
}

fn not_begun(secret: &SecretReference, error: RotationError) -> RotationReport {
    let secret = secret.id.clone();
    RotationReport { secret, version: None, steps: Vec::new(), token_life: None, error: Some(error) }
}

/// What a function is advised when its time runs out does not help here.
fn with_more_time(mut report: RotationReport) -> RotationReport {
    report.error = report.error.map(|error| match error.kind() {
        ErrorKind::DeadlineExceeded => {
            error.with_hint("give it more time with --timeout, and look at why the platform or the store is slow")
        }
        _ => error,
    });
    report
}
