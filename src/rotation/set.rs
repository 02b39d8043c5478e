//! setSecret: a fresh token works from the start, so there is nothing to set.

use super::clock::Clock;
use super::error::Result;
use super::issuer::TokenIssuer;
use super::preflight::Readiness;
use super::retry::Deadline;
use super::rotator::Rotator;
use super::step::{StepOutcome, StepReport, StepRequest};
use super::store::SecretStore;

impl<S: SecretStore, I: TokenIssuer, C: Clock> Rotator<S, I, C> {
    pub(super) async fn set(&self, request: &StepRequest, deadline: Deadline) -> Result<StepReport> {
        let look = || self.look(&request.secret, &request.version);
        let (_, readiness) = self.retries.run("look at the secret", deadline, look).await?;
        Ok(StepReport::of(match readiness {
            Readiness::Staged => StepOutcome::NothingToDo,
            Readiness::AlreadyCurrent => StepOutcome::AlreadyDone,
        }))
    }
}
