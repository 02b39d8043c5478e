//! The rotation of one secret, from the decision to the revocation of its previous tokens.

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::arguments::RotateArgs;
use super::decide::{Decision, Found, Reason, Rules};
use super::ended::{Ended, Skipped};
use super::follow::Following;
use super::progress::Progress;
use super::run_state::{Done, RunState};
use crate::cli::report::Rotation;
use crate::cli::report::previous::{OlderLeft, PreviousEnd};
use crate::cli::target::interruption::{Interrupted, run_until};
use crate::cli::target::secret_reference::{SecretReference, StoreKind};
use crate::cli::target::session::Session;
use crate::cli::target::source::Chosen;
use crate::cli::target::store::AnyStore;
use crate::cli::terminal::human_time::{AgeLimit, to_the_second};
use crate::platform::Platforms;
use crate::rotation::{
    CURRENT, Clock, Deadline, Document, ErrorKind, OlderTokens, RateLimiter, RetryPolicy, Revocation, RotationError,
    RotationReport, Rotator, SecretStore, SystemClock, VersionId, VersionSelector,
};

/// The state that all rotations of one run share.
pub(super) struct Rotating<'a> {
    pub(super) arguments: &'a RotateArgs,
    pub(super) session: &'a Session,
    pub(super) progress: &'a Progress<'a>,
    /// When the run started, to the second.
    pub(super) started: Timestamp,
    pub(super) state: Option<RunState>,
    platforms: Platforms,
    limiter: RateLimiter,
    interruption: watch::Sender<bool>,
    rules: Rules,
}

type LocalRotator = Rotator<AnyStore, Platforms, SystemClock>;

impl<'a> Rotating<'a> {
    pub(super) fn new(
        arguments: &'a RotateArgs,
        session: &'a Session,
        platforms: Platforms,
        progress: &'a Progress<'a>,
        started: Timestamp,
        state: Option<RunState>,
    ) -> Self {
        let includes_new = arguments.include_new;
        let cutoff = arguments.older_than.as_ref().map(|age: &AgeLimit| age.before(started));
        let (limiter, rules) = (RateLimiter::default(), Rules { includes_new, cutoff });
        let (started, interruption) = (to_the_second(started), watch::Sender::new(false));
        Self { arguments, session, progress, started, state, platforms, limiter, interruption, rules }
    }

    /// Rotates a secret, or skips it.
    pub(super) async fn run(&self, chosen: Chosen) -> Ended {
        self.progress.started(&chosen.secret.typed);
        let ended = self.rotate(&chosen).await;
        self.progress.ended(&chosen.secret.typed);
        ended
    }

    /// Decides what to do with a secret.
    pub(super) async fn decide(&self, chosen: &Chosen, deadline: Deadline) -> (Decision, Option<Found>) {
        let rotator = match self.rotator(&chosen.secret).await {
            Ok(rotator) => rotator,
            Err(error) => return (Decision::Fail(error), None),
        };
        let found = match self.must_read(chosen) {
            true => Some(rotator.previous_tokens(&chosen.secret.id, deadline).await),
            false => None,
        };
        match self.rules.decide(chosen, found.as_ref(), self.session.clock.now()) {
            Decision::Skip(reason) => (Decision::Skip(reason), found),
            _ if self.is_done(&chosen.secret, found.as_ref(), deadline).await => (Decision::Skip(Reason::Done), found),
            Decision::RotateFirst if !self.is_attached(chosen) => {
                let why = "no rotation has written its token, and its rotation is not enabled".to_owned();
                (Decision::Skip(Reason::Unrelated(why)), found)
            }
            Decision::Rotate if self.arguments.keep_alive => (self.keep_alive(&rotator, chosen, deadline).await, found),
            decision => (decision, found),
        }
    }

    /// What the interrupted run has done with the secret.
    fn earlier(&self, secret: &SecretReference) -> Option<&Done> {
        self.state.as_ref()?.done(&secret.key())
    }

    /// Whether the interrupted run has rotated the secret, and readers still get that version, with a valid token.
    async fn is_done(&self, secret: &SecretReference, found: Option<&Found>, deadline: Deadline) -> bool {
        let Some(done) = self.earlier(secret) else { return false };
        let Some(Ok(Some(tokens))) = found else { return false };
        if tokens.expires_at().is_some_and(|end| end <= self.session.clock.now()) {
            return false;
        }
        let Ok(store) = self.session.store(secret).await else { return false };
        let describe = || store.describe(&secret.id);
        let described = RetryPolicy::default().run("describe the secret", deadline, describe).await;
        described.is_ok_and(|described| described.holder(CURRENT) == Some(&done.version))
    }

    /// Whether something can rotate the secret.
    fn is_attached(&self, chosen: &Chosen) -> bool {
        self.is_driven_here(&chosen.secret) || chosen.listed.is_none_or(|listed| listed.rotates)
    }

    /// Records a promoted version in the state file, and whether the tokens that it replaced are revoked.
    fn record(&self, secret: &SecretReference, version: Option<&VersionId>, revoked: Option<bool>) {
        if let (Some(state), Some(version)) = (&self.state, version) {
            state.record(&secret.key(), version, revoked, &self.session.output);
        }
    }

    /// Uses the token of a secret, or only looks at it in a dry run.
    async fn keep_alive(&self, rotator: &LocalRotator, chosen: &Chosen, deadline: Deadline) -> Decision {
        let keep_alive = async {
            let current = rotator.current_token(&chosen.secret.id, deadline).await?;
            match self.arguments.dry_run {
                true => rotator.idles_at(&current, deadline).await,
                false => rotator.keep_alive(&current, deadline).await,
            }
        };
        match keep_alive.await {
            Ok(end) => Decision::Skip(Reason::Accepted(end.map(|end| end.at))),
            Err(error) if error.kind() == ErrorKind::TokenRejected => Decision::Rotate,
            Err(error) => Decision::Fail(error),
        }
    }

    /// Checks that a secret exists and, where this process rotates it, that its value is a document.
    ///
    /// # Errors
    /// The error that its rotation would begin with.
    pub(super) async fn look(&self, secret: &SecretReference, deadline: Deadline) -> Result<(), RotationError> {
        let (store, retries) = (self.session.store(secret).await?, RetryPolicy::default());
        let described = retries.run("describe the secret", deadline, || store.describe(&secret.id)).await?;
        let is_driven_here = self.is_driven_here(secret);
        let is_enabled = match is_driven_here {
            true => described.rotation_enabled != Some(false) || self.arguments.even_if_disabled,
            false => described.rotation_enabled == Some(true),
        };
        if !is_enabled {
            let message = format!("rotation is disabled for the secret {}", described.name);
            return Err(RotationError::new(ErrorKind::RotationDisabled, message));
        }
        if !is_driven_here {
            return Ok(());
        }
        let read = || store.read(&secret.id, VersionSelector::Current);
        match retries.run("read the secret", deadline, read).await? {
            Some(value) => {
                let document = Document::parse(&value.text)?;
                document.probes()?;
                document.token_kind()?;
                document.secret_rotation().map(drop)
            }
            None => {
                let message = format!("the secret {} has no {CURRENT} value", described.name);
                Err(RotationError::new(ErrorKind::NoCurrentVersion, message))
            }
        }
    }

    async fn rotate(&self, chosen: &Chosen) -> Ended {
        let secret = &chosen.secret;
        let typed = secret.typed.clone();
        let end = Instant::now() + self.arguments.timeout;
        let (decision, found) = self.decide(chosen, until(end)).await;
        match decision {
            Decision::Rotate | Decision::RotateFirst => {
                let checked = match decision {
                    Decision::RotateFirst => self.check_first(secret, end).await,
                    _ => Ok(()),
                };
                let report = match checked {
                    Ok(()) => self.report(secret, end).await,
                    Err(report) => report,
                };
                let version = report.version.as_ref().filter(|_| report.promoted());
                self.record(secret, version, self.arguments.revoke_previous.then_some(false));
                let revocation = match version {
                    Some(_) => self.revoke(secret, found, true, until(end)).await,
                    None => None,
                };
                if revocation.as_ref().is_some_and(|revocation| revocation.result.is_ok()) {
                    self.record(secret, version, Some(true));
                }
                Ended::Rotated(Box::new(Rotation { typed, report, revocation }))
            }
            Decision::Fail(error) => {
                let report = not_started(secret, error);
                Ended::Rotated(Box::new(Rotation { typed, report, revocation: None }))
            }
            Decision::Skip(reason) => {
                let is_rotated = matches!(reason, Reason::Fresh(_) | Reason::Done);
                let mut revocation =
                    if is_rotated { self.revoke(secret, found, false, until(end)).await } else { None };
                if let (Reason::Done, Some(revocation)) = (&reason, &mut revocation) {
                    self.owe(secret, revocation);
                }
                Ended::Skipped(Skipped { typed, reason, revocation })
            }
        }
    }

    /// Drops the running rotations, which undo what they created and did not store.
    pub(super) fn interrupt(&self) {
        self.interruption.send_replace(true);
    }

    pub(super) async fn interrupted(&self) {
        // The sender lives as long as this.
        let _ = self.interruption.subscribe().wait_for(|is_interrupted| *is_interrupted).await;
    }

    /// Whether the decision depends on the secret's value.
    fn must_read(&self, chosen: &Chosen) -> bool {
        !chosen.is_confirmed()
            || self.earlier(&chosen.secret).is_some()
            || self.rules.cutoff.is_some()
            || self.arguments.revoke_previous
    }

    pub(super) fn is_driven_here(&self, secret: &SecretReference) -> bool {
        self.arguments.local || secret.store.is_driven_here()
    }

    pub(super) async fn rotator(&self, secret: &SecretReference) -> Result<LocalRotator, RotationError> {
        let store = match self.session.store(secret).await? {
            AnyStore::Aws(store) if self.arguments.even_if_disabled => AnyStore::Aws(store.even_if_disabled()),
            store => store,
        };
        let rotator = Rotator::new(store, self.platforms.clone(), self.session.clock);
        Ok(rotator.with_limiter(self.limiter.clone()))
    }

    async fn report(&self, secret: &SecretReference, end: Instant) -> RotationReport {
        let watch = |step| self.progress.step(&secret.typed, step);
        let fresh = VersionId::random();
        if !self.is_driven_here(secret) {
            let rotator =
                Rotator::new(self.session.aws(&secret.access).await, self.platforms.clone(), self.session.clock)
                    .with_limiter(self.limiter.clone());
            let following = Following::begin(&rotator, &secret.id, end.saturating_duration_since(Instant::now()));
            let report = run_until(self.interrupted(), &rotator, following.rotate(fresh, watch)).await;
            return report.unwrap_or_else(|interrupted| self.interrupted_report(secret, interrupted));
        }
        let rotator = match self.rotator(secret).await {
            Ok(rotator) => rotator,
            Err(error) => return not_started(secret, error),
        };
        let rotate = rotator.rotate(&secret.id, fresh, until(end), watch);
        let report = run_until(self.interrupted(), &rotator, rotate).await;
        report.map_or_else(|interrupted| self.interrupted_report(secret, interrupted), with_more_time)
    }

    /// Warns of a token or access key that the interrupted rotation left on the platform.
    pub(super) fn interrupted_report(&self, secret: &SecretReference, interrupted: Interrupted) -> RotationReport {
        if let Some(error) = interrupted.left {
            let what = "a token or access key that is not stored could not be revoked";
            self.session.output.warning(&format!("{}: {what}: {}", secret.typed, error.chain()), error.hint());
        }
        not_started(secret, RotationError::new(ErrorKind::DeadlineExceeded, "the rotation was interrupted"))
    }

    /// Revokes the tokens that readers had before, for `--revoke-previous`: after a rotation, or the previous token of a
    /// skipped secret, because an earlier run may have ended between promotion and revocation.
    async fn revoke(
        &self,
        secret: &SecretReference,
        found: Option<Found>,
        was_rotated: bool,
        deadline: Deadline,
    ) -> Option<PreviousEnd> {
        let tokens = match found.filter(|_| self.arguments.revoke_previous)? {
            Ok(Some(tokens)) => tokens,
            Ok(None) => return Some(PreviousEnd { result: Ok(Revocation::NothingToRevoke), older: None }),
            Err(error) => return Some(PreviousEnd { result: Err(error), older: None }),
        };
        let revoke = async {
            let rotator = self.rotator(secret).await?;
            match was_rotated {
                true => rotator.revoke_replaced(&secret.id, &tokens, deadline).await,
                false => rotator.revoke_previous(&tokens, deadline).await,
            }
        };
        let result = revoke.await;
        let older = match tokens.older(self.session.clock.now()) {
            Some(older) => self.count_older(secret, older, was_rotated, deadline).await,
            None => None,
        };
        Some(PreviousEnd { result, older })
    }

    /// Fails a revocation that the interrupted run left undone: the tokens that it replaced may be in no version that is
    /// known.
    fn owe(&self, secret: &SecretReference, revocation: &mut PreviousEnd) {
        if revocation.result.is_ok() && self.earlier(secret).is_some_and(|done| done.owes_revocation) {
            let message =
                "the interrupted run did not revoke all tokens that it replaced, and this one cannot find them";
            let hint = "to end them before they expire, disable their OAuth client and enable it again: `genesys-rotator revoke --client ID --admin SECRET`";
            revocation.result = Err(RotationError::new(ErrorKind::StoreConflict, message).with_hint(hint));
        }
    }

    /// Counts the versions that may hold older tokens; `None` if there are none.
    async fn count_older(
        &self,
        secret: &SecretReference,
        tokens: OlderTokens,
        was_rotated: bool,
        deadline: Deadline,
    ) -> Option<OlderLeft> {
        let at_most = match secret.store {
            StoreKind::Aws => {
                let aws = self.session.aws(&secret.access).await;
                let count = || aws.replaced_since(&secret.id, tokens.since);
                let counted = RetryPolicy::default().run("count the versions", deadline, count).await;
                let counted = counted.inspect_err(|error| tracing::debug!("versions are not counted: {error}")).ok();
                // The rotation took the label of the former previous version, whose token is revoked.
                counted.map(|count| count.saturating_sub(usize::from(was_rotated && tokens.is_previous_known)))
            }
            StoreKind::File | StoreKind::Vault => None,
        };
        (at_most != Some(0)).then_some(OlderLeft { tokens, at_most })
    }
}

/// A deadline with its own reserve for cleanup: each phase may have to revoke a token.
pub(super) fn until(end: Instant) -> Deadline {
    Deadline::after(end.saturating_duration_since(Instant::now()))
}

pub(super) fn not_started(secret: &SecretReference, error: RotationError) -> RotationReport {
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
