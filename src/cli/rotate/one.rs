//! The rotation of one secret, from the decision to the revocation of its previous tokens.

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

/// The state that all rotations of one run share.
pub(super) struct Rotating<'a> {
    pub(super) arguments: &'a RotateArgs,
    pub(super) session: &'a Session,
    pub(super) progress: &'a Progress<'a>,
    /// When the run started, to the second.
    pub(super) started: Timestamp,
    platforms: Platforms,
    limiter: RateLimiter,
    rules: Rules,
}

type Found = Result<Former, RotationError>;
type LocalRotator = Rotator<AnyStore, Platforms, SystemClock>;

impl<'a> Rotating<'a> {
    pub(super) fn new(
        arguments: &'a RotateArgs,
        session: &'a Session,
        platforms: Platforms,
        progress: &'a Progress<'a>,
        started: Timestamp,
    ) -> Self {
        let is_function_named = arguments.selection.rotation_function.is_some();
        let cutoff = arguments.older_than.as_ref().map(|age: &AgeLimit| age.before(started));
        let (limiter, rules) = (RateLimiter::default(), Rules { is_function_named, cutoff });
        Self { arguments, session, progress, started: to_the_second(started), platforms, limiter, rules }
    }

    /// Rotates a secret, or skips it.
    pub(super) async fn run(&self, chosen: Chosen) -> Ended {
        self.progress.started(&chosen.secret.typed);
        let ended = self.rotate(&chosen).await;
        self.progress.ended(&chosen.secret.typed);
        ended
    }

    /// Decides what to do with a secret.
    pub(super) async fn decide(&self, chosen: &Chosen) -> (Decision, Option<Found>) {
        let rotator = match self.rotator(&chosen.secret).await {
            Ok(rotator) => rotator,
            Err(error) => return (Decision::Fail(error), None),
        };
        let found = match self.must_read(chosen) {
            true => Some(rotator.former(&chosen.secret.id, self.deadline()).await),
            false => None,
        };
        (self.rules.decide(chosen, found.as_ref()), found)
    }

    async fn rotate(&self, chosen: &Chosen) -> Ended {
        let secret = &chosen.secret;
        let typed = secret.typed.clone();
        let (decision, found) = self.decide(chosen).await;
        match decision {
            Decision::Rotate => {
                let report = self.report(secret).await;
                let revocation = if report.promoted() { self.revoke_both(secret, found).await } else { None };
                Ended::Rotated(Box::new(Rotation { typed, report, revocation }))
            }
            Decision::Fail(error) => {
                let report = not_started(secret, error);
                Ended::Rotated(Box::new(Rotation { typed, report, revocation: None }))
            }
            Decision::Skip(reason) => {
                let is_rotated = matches!(reason, Reason::Fresh(_));
                let revocation = if is_rotated { self.revoke_previous(secret, found).await } else { None };
                Ended::Skipped(Skipped { typed, reason, revocation })
            }
        }
    }

    /// Whether the decision depends on the secret's value.
    fn must_read(&self, chosen: &Chosen) -> bool {
        let is_unconfirmed = chosen.listed.is_some() && !self.rules.is_function_named;
        is_unconfirmed || self.rules.cutoff.is_some() || self.arguments.revoke_previous
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
            Err(error) => not_started(secret, error),
        }
    }

    /// Revokes the tokens that readers had before, for `--revoke-previous`.
    async fn revoke_both(
        &self,
        secret: &SecretReference,
        found: Option<Found>,
    ) -> Option<Result<Revocation, RotationError>> {
        let found = found.filter(|_| self.arguments.revoke_previous)?;
        let revoke = async {
            let tokens = found?;
            self.rotator(secret).await?.revoke_former(&secret.id, &tokens, self.deadline()).await
        };
        Some(revoke.await)
    }

    /// Revokes the previous token of a skipped secret: an earlier run may have ended between promotion and revocation.
    async fn revoke_previous(
        &self,
        secret: &SecretReference,
        found: Option<Found>,
    ) -> Option<Result<Revocation, RotationError>> {
        let found = found.filter(|_| self.arguments.revoke_previous)?;
        let revoke = async { self.rotator(secret).await?.revoke_previous(&found?, self.deadline()).await };
        Some(revoke.await)
    }
}

fn not_started(secret: &SecretReference, error: RotationError) -> RotationReport {
    let secret = secret.id.clone();
    RotationReport { secret, version: None, steps: Vec::new(), token_life: None, error: Some(error) }
}

/// Replaces the hint of a timeout, which is about the rotation function.
fn with_more_time(mut report: RotationReport) -> RotationReport {
    report.error = report.error.map(|error| match error.kind() {
        ErrorKind::DeadlineExceeded => {
            error.with_hint("raise --timeout, and check why the platform or the store is slow")
        }
        _ => error,
    });
    report
}
