//! createSecret: exchange the credentials, and stage the document with the new token.

use super::clock::Clock;
use super::document::Document;
use super::error::{ErrorKind, Result, RotationError};
use super::issuer::{Credentials, IssuedToken, TokenIssuer};
use super::preflight::{Readiness, preflight};
use super::retry::Deadline;
use super::rotator::Rotator;
use super::step::{StagedBy, StepOutcome, StepReport, StepRequest};
use super::store::{SecretStore, Staged, Wanted};
use super::version::{CURRENT, Description, PENDING};
use crate::secret::{SecretString, same};

/// What createSecret finds.
enum Found {
    /// The version was promoted, or holds its value.
    AlreadyDone,
    /// The current value, to be given a new token.
    Current(Description, SecretString),
}

impl<S: SecretStore, I: TokenIssuer, C: Clock> Rotator<S, I, C> {
    pub(super) async fn create(&self, request: &StepRequest, deadline: Deadline) -> Result<StepReport> {
        let find = || self.find(request);
        let (described, current) = match self.retries.run("look at the secret", deadline, find).await? {
            Found::AlreadyDone => return Ok(StepReport::of(StepOutcome::AlreadyDone)),
            Found::Current(described, current) => (described, current),
        };
        let document = Document::parse(&current)?;
        // A probe that cannot be read is found out before a token is made in vain.
        document.probes()?;
        let credentials = self.credentials(&document, &described, deadline).await?;
        let (token, asked_at) = self.exchange(&credentials, deadline).await?;
        let stored = match document.with_token(&token, asked_at).and_then(|next| next.to_value()) {
            Ok(value) => self.stage(request, &value, deadline).await,
            Err(error) => Err(error),
        };
        self.keep_or_revoke(stored, &credentials, &token, deadline).await
    }

    /// The three reads do not depend on each other, so they go out together.
    async fn find(&self, request: &StepRequest) -> Result<Found> {
        let (described, current, pending) = tokio::join!(
            self.store.describe(&request.secret),
            self.store.read(&request.secret, Wanted::Current),
            self.store.read(&request.secret, Wanted::Pending(&request.version)),
        );
        let described = described?;
        if may_begin(&described, request)? == Readiness::AlreadyCurrent {
            return Ok(Found::AlreadyDone);
        }
        if let Some(value) = pending? {
            return holds_a_token(&value).map(|()| Found::AlreadyDone);
        }
        match (current?, described.holder(CURRENT)) {
            (Some(value), Some(_)) => Ok(Found::Current(described, value)),
            _ => Err(no_current(&described)),
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
        let read = || self.store.read(&request.secret, Wanted::Pending(&request.version));
        match self.retries.run("look what is staged", deadline.for_cleanup(), read).await {
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
        token: &IssuedToken,
        deadline: Deadline,
    ) -> Result<StepReport> {
        if matches!(stored, Ok(Staged::Stored)) {
            return Ok(StepReport::of(StepOutcome::Done));
        }
        self.revoke(credentials, &token.access_token, deadline).await;
        // Another call of this step was faster: its token is the one to go on with.
        stored.map(|_| StepReport::of(StepOutcome::AlreadyDone))
    }
}

/// Where no service stages the version beforehand, a version that is not there yet is as it should be.
fn may_begin(described: &Description, request: &StepRequest) -> Result<Readiness> {
    match preflight(described, &request.version) {
        Err(error)
            if error.kind() == ErrorKind::VersionNotStaged
                && request.staged_by == StagedBy::Rotator
                && described.holder(PENDING).is_none()
                && described.labels(&request.version).is_none() =>
        {
            Ok(Readiness::Staged)
        }
        checked => checked,
    }
}

/// Someone else's value without a token must never come as far as being promoted.
fn holds_a_token(pending: &SecretString) -> Result<()> {
    if Document::parse(pending)?.access_token()?.is_some() {
        return Ok(());
    }
    let message = "the staged version holds a value without a token, written by something else";
    let hint = format!("take {PENDING} off that version, then rotate again");
    Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint))
}

fn no_current(described: &Description) -> RotationError {
    let message = format!("the secret {} has no {CURRENT} value", described.name);
    RotationError::new(ErrorKind::NoCurrentVersion, message)
}
