//! The four steps, and abandoning a version that cannot be promoted.

mod abandon;
pub(crate) mod context;
pub(crate) mod create;
mod finish;
mod set;
mod test;

use self::context::StepContext;
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
    /// Why the step failed.
    pub async fn step(&self, step: Step, request: &StepRequest, deadline: Deadline) -> Result<StepReport> {
        let context = StepContext { rotator: self, request, deadline };
        let done = match step {
            Step::Create => Box::pin(context.create()).await.map(|(report, _)| report),
            Step::Set => Box::pin(context.set()).await,
            Step::Test => Box::pin(context.test()).await,
            Step::Finish => Box::pin(context.finish()).await,
        };
        self.tokens().roll_back(deadline).await;
        done
    }
}
