//! One call of a step: its rotator, its request and its deadline, and the calls that several steps make.

use std::future::Future;

use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::eligibility::{check_is_current, no_current_value};
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::{StoredValue, VersionSelector};
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::lease::{self, HeldLease, makes_secret};
use crate::rotation::rotator::Rotator;
use crate::rotation::step::StepRequest;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{CURRENT, Description};
use crate::rotation::version::preflight::{Readiness, preflight};
use crate::secret::SecretString;

/// One call of a step.
pub(crate) struct StepContext<'a, S, I, C> {
    pub(crate) rotator: &'a Rotator<S, I, C>,
    pub(crate) request: &'a StepRequest,
    pub(crate) deadline: Deadline,
}

/// The staged version, as a step read it.
pub(super) struct StagedVersion {
    pub(super) described: Description,
    pub(super) value: SecretString,
}

/// A secret whose version has work left, as one read returned it.
pub(super) struct SecretState {
    pub(super) described: Description,
    pub(super) current: StoredValue,
    pub(super) staged: Option<SecretString>,
    /// The lease, if the step needs it.
    pub(super) lease: Option<HeldLease>,
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    /// Retries an operation until it succeeds, fails permanently, or no time remains. `what` names it in errors.
    pub(super) async fn retry<T, F: Future<Output = Result<T>>>(&self, what: &str, op: impl FnMut() -> F) -> Result<T> {
        self.rotator.retries.run(what, self.deadline, op).await
    }

    /// Describes the secret and runs the preflight check.
    pub(super) async fn look(&self) -> Result<(Description, Readiness)> {
        let described = self.rotator.store.describe(&self.request.secret).await?;
        let readiness = preflight(&described, &self.request.version)?;
        Ok((described, readiness))
    }

    /// Reads the staged value.
    pub(super) async fn staged_value(&self) -> Result<Option<SecretString>> {
        let StepRequest { secret, version, .. } = self.request;
        let read = self.rotator.store.read(secret, VersionSelector::Pending(version)).await?;
        Ok(read.map(|stored| stored.text))
    }

    /// Reads the description, the current value and the staged value at the same time, and takes the lease if the
    /// document needs it and `needs_lease` holds. Returns the description alone if the version is promoted.
    pub(super) async fn read(
        &self,
        preflight: fn(&Description, &StepRequest) -> Result<Readiness>,
        needs_lease: fn(&SecretState) -> bool,
    ) -> Result<std::result::Result<SecretState, Description>> {
        let Self { rotator, request, deadline } = *self;
        loop {
            let (described, current, staged) = tokio::join!(
                rotator.store.describe(&request.secret),
                rotator.store.read(&request.secret, VersionSelector::Current),
                self.staged_value(),
            );
            let described = described?;
            if preflight(&described, request)? == Readiness::AlreadyCurrent {
                return Ok(Err(described));
            }
            let current = current?.filter(|_| described.holder(CURRENT).is_some());
            let current = current.ok_or_else(|| no_current_value(&described))?;
            check_is_current(&described, current.version.as_ref())?;
            let state = SecretState { described, current, staged: staged?, lease: None };
            if !needs_lease(&state) || !makes_secret(&state.current.text) {
                return Ok(Ok(state));
            }
            if let Some(lease) = lease::take(rotator, request, &state.described, deadline).await? {
                return Ok(Ok(SecretState { lease: Some(lease), ..state }));
            }
        }
    }

    /// Waits until the new client secret or access key of a document works.
    pub(super) async fn validate_secret(&self, document: &Document, described: &Description) -> Result<()> {
        if document.secret_rotation()?.is_none() {
            return Ok(());
        }
        let credentials = self.rotator.credentials(document, described, self.deadline).await?;
        let tokens = self.rotator.tokens();
        tokens.issue_once_propagated(&credentials, &TokenKind::Access, self.deadline).await.map(drop)
    }

    /// Whether readers get this token.
    pub(super) async fn is_current_token(&self, token: &SecretString) -> Result<bool> {
        self.rotator.is_current_token(&self.request.secret, token, self.deadline).await
    }
}
