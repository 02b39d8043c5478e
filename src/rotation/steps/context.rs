//! One call of a step: its rotator, its request and its deadline, and the calls that several steps make.

use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::error::Result;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::lease::staged_value;
use crate::rotation::rotator::Rotator;
use crate::rotation::step::StepRequest;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::Description;
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

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    /// Retries an operation until it succeeds, fails permanently, or no time remains. `what` names it in errors.
    pub(super) async fn retry<T: Send, F: Future<Output = Result<T>> + Send>(
        &self,
        what: &str,
        op: impl FnMut() -> F + Send,
    ) -> Result<T> {
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
        staged_value(self.rotator, self.request).await
    }

    /// Waits until the client secret or access key of a staged version works, if it is new.
    pub(super) async fn validate_secret(&self, staged: &StagedVersion, is_new: bool) -> Result<()> {
        if !is_new {
            return Ok(());
        }
        let document = Document::parse(&staged.value)?;
        let credentials = self.rotator.credentials(&document, &staged.described, self.deadline).await?;
        let tokens = self.rotator.tokens();
        tokens.issue_once_propagated(&credentials, &TokenKind::Access, self.deadline).await.map(drop)
    }

    /// Whether readers get this token.
    pub(super) async fn is_current_token(&self, token: &SecretString) -> Result<bool> {
        self.rotator.is_current_token(&self.request.secret, token, self.deadline).await
    }
}
