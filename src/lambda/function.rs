//! Handles one event: parses it, runs its step before the deadline, and reports the outcome.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lambda_runtime::{LambdaEvent, LambdaInvocation};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::event::RotationEvent;
use super::failure::FunctionError;
use super::metrics::Metrics;
use crate::platform::Platforms;
use crate::rotation::{Clock, Deadline, Result, RotationError, Rotator, StepReport, SystemClock, TokenLife};
use crate::store::aws::AwsSecretsManager;

/// Lambda's maximum timeout.
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);
/// The remaining time where the deadline is not plausible, as with some local emulators.
const ASSUMED_RUN: Duration = Duration::from_secs(30);

/// The function. It keeps its connections between events.
pub struct Function {
    rotator: Result<FunctionRotator>,
    metrics: Metrics,
}

type FunctionRotator = Rotator<AwsSecretsManager, Platforms, SystemClock>;

impl Function {
    /// A function that rotates with `rotator` and counts in `metrics`. If the environment is not valid, `rotator` is the
    /// error that every event is answered with.
    pub fn new(rotator: Result<FunctionRotator>, metrics: Metrics) -> Self {
        Self { rotator, metrics }
    }

    /// Handles one event. Boxed, so that the rotation is compiled in one crate instead of two.
    ///
    /// # Errors
    /// The error of the step, with which Secrets Manager fails the rotation.
    pub fn handle(&self, event: LambdaEvent<Value>) -> BoxFuture<'_, std::result::Result<Value, FunctionError>> {
        self.run(event).boxed()
    }

    async fn run(&self, event: LambdaEvent<Value>) -> std::result::Result<Value, FunctionError> {
        let began = Instant::now();
        let (payload, context) = event.into_parts();
        let (rotator, event) = match self.parse(payload) {
            Ok(parsed) => parsed,
            Err(error) => return Err(self.reject(error, &context.request_id)),
        };
        let deadline = Deadline::after(time_left(&rotator.clock, context.deadline));
        let result = rotator.step(event.step, &event.request(), deadline).await;
        let took = began.elapsed();
        self.metrics.record(rotator.clock.now(), &event.secret, event.step, took, &result);
        log(&event, &context.request_id, took, &result);
        let report = result.map_err(FunctionError)?;
        Ok(json!({"step": event.step.name(), "outcome": report.outcome.name()}))
    }

    fn parse(&self, payload: Value) -> Result<(&FunctionRotator, RotationEvent)> {
        let rotator = self.rotator.as_ref().map_err(Clone::clone)?;
        Ok((rotator, RotationEvent::parse(payload)?))
    }

    fn reject(&self, error: RotationError, request_id: &str) -> FunctionError {
        let (kind, hint) = (error.kind(), error.hint());
        self.metrics.record_rejection(SystemClock.now(), kind);
        tracing::error!(
            request.id = request_id,
            error.r#type = kind.name(),
            error.hint = hint,
            "event rejected: {error}"
        );
        FunctionError(error)
    }
}

fn time_left(clock: &impl Clock, deadline_ms: u64) -> Duration {
    let now = u64::try_from(clock.now().as_millisecond()).unwrap_or_default();
    let left = Duration::from_millis(deadline_ms.saturating_sub(now));
    if left.is_zero() || left > LONGEST_RUN { ASSUMED_RUN } else { left }
}

/// Replaces a body that is not JSON with `null`, so that the function rejects it with `EventInvalid`. The runtime's own
/// error would have another `errorType`.
#[must_use]
pub fn only_json(mut invocation: LambdaInvocation) -> LambdaInvocation {
    if serde_json::from_slice::<IgnoredAny>(&invocation.body).is_err() {
        invocation.body = "null".into();
    }
    invocation
}

/// Writes one line per event.
fn log(event: &RotationEvent, request_id: &str, took: Duration, result: &Result<StepReport>) {
    match result {
        Err(error) => log_failure(event, request_id, took, error),
        Ok(report) => log_success(event, request_id, took, report),
    }
}

fn log_failure(event: &RotationEvent, request_id: &str, took: Duration, error: &RotationError) {
    tracing::error!(
        request.id = request_id,
        secret.id = event.secret.as_str(),
        version.id = event.version.as_str(),
        rotation.step = event.step.name(),
        duration_ms = took.as_millis() as u64,
        error.r#type = error.kind().name(),
        error.hint = error.hint(),
        correlation.id = error.correlation_id(),
        "step failed: {}",
        error.chain()
    );
}

fn log_success(event: &RotationEvent, request_id: &str, took: Duration, report: &StepReport) {
    let too_short = report.token_life.filter(TokenLife::ends_before_next_rotation);
    let needed_seconds = too_short.and_then(|life| life.needed).map(|needed| needed.as_secs());
    macro_rules! line {
        ($level:ident, $($message:tt)+) => {
            tracing::$level!(
                request.id = request_id,
                secret.id = event.secret.as_str(),
                version.id = event.version.as_str(),
                rotation.step = event.step.name(),
                rotation.outcome = report.outcome.name(),
                duration_ms = took.as_millis() as u64,
                token.life_seconds = report.token_life.map(|life| life.left.as_secs()),
                token.needed_seconds = needed_seconds,
                $($message)+
            )
        };
    }
    let Some(life) = too_short else { return line!(info, "step done") };
    let advice = if life.is_fixed {
        "a CXone token lives one hour, so call RotateSecret from a scheduler more often than that"
    } else {
        "increase the OAuth client's token duration, or rotate more often"
    };
    line!(warn, "step done, but the token can expire before the next rotation: {advice}");
}
