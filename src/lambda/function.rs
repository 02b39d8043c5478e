//! Handling one event: read it, carry its step out in time, say how it went.

use std::time::Duration;

use lambda_runtime::{LambdaEvent, LambdaInvocation};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::event::Event;
use super::failure::Failure;
use super::metrics::Metrics;
use crate::rotation::{Clock, Deadline, Result, RotationError, Rotator, SecretStore, StepReport, TokenIssuer};

/// The longest that Lambda lets a function run.
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);
/// What is taken for the time left where the deadline makes no sense, as with some local emulators.
const ASSUMED_RUN: Duration = Duration::from_secs(30);

/// The function. It is kept between events, and its connections with it.
pub struct Function<S, I, C> {
    rotator: Rotator<S, I, C>,
    metrics: Metrics,
}

impl<S: SecretStore, I: TokenIssuer, C: Clock> Function<S, I, C> {
    /// A function that rotates with `rotator` and counts in `metrics`.
    pub fn new(rotator: Rotator<S, I, C>, metrics: Metrics) -> Self {
        Self { rotator, metrics }
    }

    /// Handles one event.
    ///
    /// # Errors
    /// The step's own failure, which Secrets Manager takes for the rotation's.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> std::result::Result<Value, Failure> {
        let began = Instant::now();
        let (payload, context) = event.into_parts();
        let deadline = Deadline::after(self.time_left(context.deadline));
        let event = Event::parse(payload).map_err(|error| refuse(error, &context.request_id))?;
        let result = self.rotator.step(event.step, &event.request(), deadline).await;
        let took = began.elapsed();
        self.metrics.record(self.rotator.clock.now(), &event.secret, event.step, took, &result);
        log(&event, &context.request_id, took, &result);
        let report = result.map_err(Failure)?;
        Ok(json!({"step": event.step.name(), "outcome": report.outcome.name()}))
    }

    fn time_left(&self, deadline_ms: u64) -> Duration {
        let now = u64::try_from(self.rotator.clock.now().as_millisecond()).unwrap_or_default();
        let left = Duration::from_millis(deadline_ms.saturating_sub(now));
        if left.is_zero() || left > LONGEST_RUN { ASSUMED_RUN } else { left }
    }
}

/// Lets a body that is not JSON reach the function as `null`, which it refuses in its own words.
/// The runtime's own refusal would not bear one of our error names.
#[must_use]
pub fn only_json(mut invocation: LambdaInvocation) -> LambdaInvocation {
    if serde_json::from_slice::<IgnoredAny>(&invocation.body).is_err() {
        invocation.body = "null".into();
    }
    invocation
}

fn refuse(error: RotationError, request_id: &str) -> Failure {
    tracing::error!(
        request.id = request_id,
        error.r#type = error.kind().name(),
        error.hint = error.hint(),
        "the event was refused: {error}"
    );
    Failure(error)
}

/// One line for each event.
fn log(event: &Event, request_id: &str, took: Duration, result: &Result<StepReport>) {
    let (secret, version, step) = (event.secret.as_str(), event.version.as_str(), event.step.name());
    let duration_ms = took.as_millis() as u64;
    match result {
        Err(error) => tracing::error!(
            request.id = request_id,
            secret.id = secret,
            version.id = version,
            rotation.step = step,
            duration_ms,
            error.r#type = error.kind().name(),
            error.hint = error.hint(),
            correlation.id = error.correlation_id(),
            "the step failed: {}",
            error.chain()
        ),
        Ok(report) => {
            let life = report.token_life;
            let outcome = report.outcome.name();
            let token_life_seconds = life.map(|life| life.left.as_secs());
            let needed = life.filter(|life| life.ends_before_next_rotation()).and_then(|life| life.needed);
            match needed {
                None => tracing::info!(
                    request.id = request_id,
                    secret.id = secret,
                    version.id = version,
                    rotation.step = step,
                    rotation.outcome = outcome,
                    duration_ms,
                    token.life_seconds = token_life_seconds,
                    "the step is done"
                ),
                Some(needed) => tracing::warn!(
                    request.id = request_id,
                    secret.id = secret,
                    version.id = version,
                    rotation.step = step,
                    rotation.outcome = outcome,
                    duration_ms,
                    token.life_seconds = token_life_seconds,
                    token.needed_seconds = needed.as_secs(),
                    "the step is done, but the token may expire before the next rotation: raise the OAuth client's token duration, or rotate more often"
                ),
            }
        }
    }
}
