//! createSecret: exchange the credentials, and stage the document with the new token.

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::{Staged, VersionSelector};
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::renew::Renewed;
use crate::rotation::rotator::Rotator;
use crate::rotation::step::{StagedBy, StepOutcome, StepReport, StepRequest};
use crate::rotation::tokens::exchange::{Made, SpareToken};
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{CURRENT, Description, PENDING, VersionId};
use crate::rotation::version::preflight::{Readiness, preflight};
use crate::secret::{SecretString, same};

/// What createSecret finds.
enum Found {
    /// The version was promoted, or holds its value.
    AlreadyDone,
    /// The current value, to be given a new token.
    Current(Description, SecretString),
    /// The version holds a value that must not be promoted any more.
    Unfit(Description, SecretString, &'static str),
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    pub(crate) async fn create(&self, request: &StepRequest, deadline: Deadline) -> Result<StepReport> {
        self.create_and_keep(request, deadline).await.map(|(report, _)| report)
    }

    /// The same; also gives the token, where this call made the one that is staged.
    pub(crate) async fn create_and_keep(
        &self,
        request: &StepRequest,
        deadline: Deadline,
    ) -> Result<(StepReport, Option<SpareToken>)> {
        let find = || self.find(request);
        let (described, current) = match self.retries.run("look at the secret", deadline, find).await? {
            Found::AlreadyDone => return Ok((StepReport::of(StepOutcome::AlreadyDone), None)),
            Found::Unfit(described, staged, why) => {
                let dropped = self.drop_unless_promoted(request, &described, &staged, why, deadline).await;
                return dropped.map(|report| (report, None));
            }
            Found::Current(described, current) => (described, current),
        };
        let document = Document::parse(&current)?;
        // A probe that cannot be read is found out before a token is made in vain.
        document.probes()?;
        let Renewed { document, credentials, made } = self.renew(request, document, &described, deadline).await?;
        let stored = match document.with_token(&made.token, made.asked_at).and_then(|next| next.to_value()) {
            Ok(value) => self.stage(request, &value, deadline).await,
            Err(error) => Err(error),
        };
        // Where it is not known whether the version is stored, its key must live on.
        if is_known_to_be_lost(&stored) {
            self.delete_unused_key(&request.secret, &document, &described, deadline).await;
        }
        let came_second = matches!(stored, Ok(Staged::HeldAnother));
        let report = self.keep_or_revoke(stored, &credentials, &made, deadline).await?;
        if came_second {
            self.prove_staged(request, &described, deadline).await?;
        }
        let own = report.outcome == StepOutcome::Done;
        Ok((report, own.then_some(SpareToken { access_token: made.token.access_token, credentials })))
    }

    /// Of two calls that made a client secret anew at the same time one was the last, and it need not be the one whose
    /// document is staged.
    async fn prove_staged(&self, request: &StepRequest, described: &Description, deadline: Deadline) -> Result<()> {
        let selector = VersionSelector::Pending(&request.version);
        let staged = self.read("look what is staged", &request.secret, selector, deadline).await?;
        let Some(staged) = staged else { return Ok(()) };
        let document = Document::parse(&staged)?;
        if matches!(document.secret_rotation()?, None | Some(SecretRotation::AccessKeys { .. })) {
            return Ok(());
        }
        let credentials = self.credentials(&document, described, deadline).await?;
        match self.tokens().make_once_known(&credentials, &TokenKind::Access, deadline).await {
            Ok(made) => {
                self.tokens().discard(&credentials, &made.token.access_token, deadline).await;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::CredentialsRejected => {
                let why = "holds a client secret that another call has made anew since";
                self.drop_unless_promoted(request, described, &staged, why, deadline).await.map(drop)
            }
            Err(error) => Err(error),
        }
    }

    /// The three reads do not depend on each other, so they go out together.
    async fn find(&self, request: &StepRequest) -> Result<Found> {
        let (described, current, staged) = tokio::join!(
            self.store.describe(&request.secret),
            self.store.read(&request.secret, VersionSelector::Current),
            self.store.read(&request.secret, VersionSelector::Pending(&request.version)),
        );
        let described = described?;
        if may_begin(&described, request)? == Readiness::AlreadyCurrent {
            return Ok(Found::AlreadyDone);
        }
        let current = current?.map(|read| seen_current(&described, read.version).map(|()| read.text)).transpose()?;
        match (staged?.map(|read| read.text), current) {
            (Some(staged), Some(current)) => Ok(match self.why_unfit(&staged, &current) {
                Some(why) => Found::Unfit(described, staged, why),
                None => Found::AlreadyDone,
            }),
            (None, Some(current)) if described.holder(CURRENT).is_some() => Ok(Found::Current(described, current)),
            _ => Err(no_current(&described)),
        }
    }

    /// A rotation may be taken up hours after it began. What it staged then is promoted only
    /// if it still is what a rotation begun now would stage, but for its token.
    fn why_unfit(&self, staged: &SecretString, current: &SecretString) -> Option<&'static str> {
        let Ok(staged) = Document::parse(staged) else { return Some("is not a document") };
        let Ok(Some(token)) = staged.access_token() else { return Some("holds no token") };
        let Ok(current) = Document::parse(current) else { return Some("does not follow from the current value") };
        if !staged.follows_from(&current) {
            return Some("was made before the current value was changed");
        }
        if current.access_token().ok().flatten().is_some_and(|current| same(&current, &token)) {
            return Some("holds the current token, and no new one");
        }
        staged.expires_at().is_some_and(|end| end <= self.clock.now()).then_some("holds a token that has expired")
    }

    /// Between the reads that found it unfit another call may have promoted it: then it is what
    /// the current value was compared with, and all is well.
    async fn drop_unless_promoted(
        &self,
        request: &StepRequest,
        described: &Description,
        staged: &SecretString,
        why: &str,
        deadline: Deadline,
    ) -> Result<StepReport> {
        let look = || self.look(&request.secret, &request.version);
        match self.retries.run("look at the secret once more", deadline, look).await?.1 {
            Readiness::AlreadyCurrent => Ok(StepReport::of(StepOutcome::AlreadyDone)),
            Readiness::Staged => Err(self.drop_unfit(request, described, staged, why, deadline).await),
        }
    }

    /// A version's value is written once, so it cannot be mended. Unless it is taken out of the way,
    /// every later rotation would be told to finish it first.
    pub(crate) async fn drop_unfit(
        &self,
        request: &StepRequest,
        described: &Description,
        staged: &SecretString,
        why: &str,
        deadline: Deadline,
    ) -> RotationError {
        let unstage = || self.store.unstage(&request.secret, &request.version);
        if let Err(error) = self.retries.run("take the label off an unfit version", deadline, unstage).await {
            return error;
        }
        self.revoke_staged(request, described, staged, deadline).await;
        let message = format!("the version {} that an earlier attempt staged {why}; it was dropped", request.version);
        let hint = "rotate again: the next rotation starts afresh from the current value";
        RotationError::new(ErrorKind::StoreConflict, message).with_hint(hint).permanent()
    }

    /// The token of a dropped version is of no use to anyone, unless it is the current one.
    async fn revoke_staged(
        &self,
        request: &StepRequest,
        described: &Description,
        staged: &SecretString,
        deadline: Deadline,
    ) {
        let Ok(staged) = Document::parse(staged) else { return };
        let Ok(Some(token)) = staged.access_token() else { return };
        if self.is_current_token(request, &token, deadline).await.unwrap_or(true) {
            return;
        }
        self.delete_unused_key(&request.secret, &staged, described, deadline).await;
        if let Ok(credentials) = self.credentials(&staged, described, deadline).await {
            self.tokens().discard(&credentials, &token, deadline).await;
        }
    }

    async fn stage(&self, request: &StepRequest, value: &SecretString, deadline: Deadline) -> Result<Staged> {
        let token = request.rotation_token.as_ref();
        let stage = || self.store.stage(&request.secret, &request.version, value, token);
        let error = match self.retries.run("stage the new version", deadline, stage).await {
            Ok(staged) => return Ok(staged),
            Err(error) => error,
        };
        // The write may have arrived although its answer did not: what is stored decides.
        let selector = VersionSelector::Pending(&request.version);
        match self.read("look what is staged", &request.secret, selector, deadline.for_half_the_cleanup()).await {
            Ok(Some(stored)) if same(&stored, value) => Ok(Staged::Stored),
            Ok(Some(_)) => Ok(Staged::HeldAnother),
            Ok(None) | Err(_) => Err(error),
        }
    }

    /// A token that did not get into the store must not live on.
    async fn keep_or_revoke(
        &self,
        stored: Result<Staged>,
        credentials: &Credentials,
        made: &Made,
        deadline: Deadline,
    ) -> Result<StepReport> {
        if let Some(first) = &made.first {
            self.tokens().discard(credentials, first, deadline).await;
        }
        if matches!(stored, Ok(Staged::Stored)) {
            return Ok(StepReport::of(StepOutcome::Done));
        }
        self.tokens().discard(credentials, &made.token.access_token, deadline).await;
        // Another call of this step was faster: its token is the one to go on with.
        stored.map(|_| StepReport::of(StepOutcome::AlreadyDone))
    }
}

/// Whether the store holds another value for the version, or refused this one; what may have arrived was looked up.
fn is_known_to_be_lost(stored: &Result<Staged>) -> bool {
    match stored {
        Ok(staged) => *staged == Staged::HeldAnother,
        Err(error) => matches!(error.kind(), ErrorKind::DocumentInvalid | ErrorKind::StoreDenied),
    }
}

/// A read may be of the former version for a moment after a promotion. Of two clients it would name the one as idle that
/// is in use by now.
fn seen_current(described: &Description, version: Option<VersionId>) -> Result<()> {
    match (version, described.holder(CURRENT)) {
        (Some(version), Some(holder)) if version != *holder => {
            let message = format!(
                "the version {version} of the secret {} was read, which is not current any more",
                described.name
            );
            Err(RotationError::new(ErrorKind::StoreConflict, message))
        }
        _ => Ok(()),
    }
}

/// Where no service stages the version beforehand, a version that is not there yet is as it should be.
fn may_begin(described: &Description, request: &StepRequest) -> Result<Readiness> {
    let nothing_staged = described.holder(PENDING).is_none_or(|holder| described.holder(CURRENT) == Some(holder));
    let is_new = described.labels(&request.version).is_none();
    match preflight(described, &request.version) {
        Err(error)
            if error.kind() == ErrorKind::VersionNotStaged
                && request.staged_by == StagedBy::Rotator
                && nothing_staged
                && is_new =>
        {
            Ok(Readiness::Staged)
        }
        checked => checked,
    }
}

fn no_current(described: &Description) -> RotationError {
    let message = format!("the secret {} has no {CURRENT} value", described.name);
    RotationError::new(ErrorKind::NoCurrentVersion, message)
}
