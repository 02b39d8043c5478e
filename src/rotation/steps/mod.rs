//! The four steps, and abandoning a version that cannot be promoted.

pub(crate) mod abandon;
pub(crate) mod create;
pub(crate) mod finish;
pub(crate) mod set;
pub(crate) mod test;

use super::error::Result;
use super::ports::clock::Clock;
use super::ports::{RotationPlatform, RotationStore};
use super::rotator::Rotator;
use super::step::{Step, StepReport, StepRequest};
use super::tokens::retry::Deadline;

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Runs one step. Running it again has the same result.
    ///
    /// # Errors
    /// Why the step failed; nothing was promoted.
    pub async fn step(&self, step: Step, request: &StepRequest, deadline: Deadline) -> Result<StepReport> {
        let done = match step {
            // Boxed, to bound the size of the nested futures.
            Step::Create => Box::pin(create::create(self, request, deadline)).await.map(|created| created.report),
            Step::Set => Box::pin(set::set(self, request, deadline)).await,
            Step::Test => Box::pin(test::test(self, request, deadline)).await,
            Step::Finish => Box::pin(finish::finish(self, request, deadline)).await,
        };
        self.tokens().roll_back(deadline).await;
        done
    }
}
