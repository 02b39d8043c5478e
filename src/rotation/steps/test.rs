//! testSecret: validate the staged token, and the staged client secret if it is new.

use std::time::Duration;

use super::context::{StagedVersion, StepContext};
use crate::rotation::credentials::keys::Credentials;
use crate::rotation::document::fields::Document;
use crate::rotation::document::token_life::TokenLife;
use crate::rotation::eligibility::{is_older_than, no_staged_value};
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::step::{StepOutcome, StepReport};
use crate::rotation::version::preflight::Readiness;
use crate::secret::SecretString;

/// A token that the platform rejects this long after its issue is invalid. A younger one may not have propagated.
const SETTLED: Duration = Duration::from_secs(600);

/// The version under test.
struct Tested {
    staged: StagedVersion,
    document: Document,
    credentials: Credentials,
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> StepContext<'_, S, I, C> {
    pub(super) async fn test(&self) -> Result<StepReport> {
        let Some(staged) = self.retry("read the staged version", || self.read_staged()).await? else {
            return Ok(StepReport::of(StepOutcome::AlreadyDone));
        };
        let document = Document::parse(&staged.value)?;
        let credentials = self.rotator.credentials(&document, &staged.described, self.deadline).await?;
        let tested = Tested { staged, document, credentials };
        let Some(token) = tested.document.access_token()? else { return self.test_set_up(&tested).await };
        let (probes, tokens) = (tested.document.probes()?, self.rotator.tokens());
        let issued_with = tested.credentials.clone().in_tenant(tested.document.token_tenant_id().as_deref());
        let has_new_secret = tested.document.secret_rotation()?.is_some();
        let (token_valid, secret_valid) = tokio::join!(
            tokens.verify(&issued_with, &token, &probes, self.deadline),
            self.validate_secret(&tested.staged, has_new_secret),
        );
        if let Err(error) = token_valid {
            return self.on_token_error(error, &tested, &token).await;
        }
        if let Err(error) = secret_valid {
            // Secrets Manager removes a copy of the current version itself.
            let is_copy = self.is_current_token(&token).await.unwrap_or(true);
            return Err(if is_copy { error } else { self.abandon_if_rejected(error, &tested.staged).await });
        }
        Ok(self.report(StepOutcome::Done, &tested.document, &tested.staged))
    }

    /// Returns the staged version; `None` if it is promoted.
    async fn read_staged(&self) -> Result<Option<StagedVersion>> {
        let (looked, value) = tokio::join!(self.look(), self.staged_value());
        let (described, readiness) = looked?;
        if readiness == Readiness::AlreadyCurrent {
            return Ok(None);
        }
        let value = value?.ok_or_else(|| no_staged_value(&described, &self.request.version))?;
        Ok(Some(StagedVersion { described, value }))
    }

    /// Tests the set-up if the staged version is a copy of the current one, and abandons a version with an invalid token.
    async fn on_token_error(&self, error: RotationError, tested: &Tested, token: &SecretString) -> Result<StepReport> {
        if !matches!(error.kind(), ErrorKind::TokenRejected | ErrorKind::TokenOwnerMismatch) {
            return Err(error);
        }
        if self.is_current_token(token).await.unwrap_or(false) {
            return self.test_set_up(tested).await;
        }
        let Tested { document, staged, .. } = tested;
        let now = self.rotator.clock.now();
        let has_expired = document.expires_at().is_some_and(|end| end <= now);
        if !has_expired && !is_older_than(SETTLED, document, now) {
            return Err(error);
        }
        Err(self.abandon(staged, error.kind(), &format!("holds a token that is no longer valid ({error})")).await)
    }

    /// To test a new rotation set-up, Secrets Manager stages a copy of the current version. Its token may be missing or
    /// expired, so the credentials are tested.
    async fn test_set_up(&self, tested: &Tested) -> Result<StepReport> {
        let (probes, tokens) = (tested.document.probes()?, self.rotator.tokens());
        let (token, requested_at) = tokens.try_out(&tested.credentials, &probes, self.deadline).await?;
        let next = tested.document.with_token(&token, requested_at)?;
        Ok(self.report(StepOutcome::SetUpTested, &next, &tested.staged))
    }

    fn report(&self, outcome: StepOutcome, document: &Document, staged: &StagedVersion) -> StepReport {
        let now = self.rotator.clock.now();
        StepReport { outcome, token_life: TokenLife::of(document, now, staged.described.longest_gap(now)) }
    }
}
