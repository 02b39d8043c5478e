//! Handling one event: read it, carry its step out in time, say how it went.

use std::time::Duration;

use lambda_runtime::{LambdaEvent, LambdaInvocation};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::event::Event;
use super::failure::Failure;
use super::metrics::Metrics;
use crate::rotation::{
    Clock, Deadline, Result, RotationError, RotationPlatform, RotationStore, Rotator, StepReport, SystemClock,
    TokenLife,
};

/// The longest that Lambda lets a function run.
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);
/// What is taken for the time left where the deadline makes no sense, as with some local emulators.
const ASSUMED_RUN: Duration = Duration::from_secs(30);

/// The function. It is kept between events, and its connections with it.
pub struct Function<S, I, C> {
    rotator: Result<Rotator<S, I, C>>,
    metrics: Metrics,
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Function<S, I, C> {
    /// A function that rotates with `rotator` and counts in `metrics`. Where the environment allows
    /// for no rotator, each event is answered with why.
    pub fn new(rotator: Result<Rotator<S, I, C>>, metrics: Metrics) -> Self {
        Self { rotator, metrics }
    }

    /// Handles one event.
    ///
    /// # Errors
    /// The step's own failure, which Secrets Manager takes for the rotation's.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> std::result::Result<Value, Failure> {
        let began = Instant::now();
        let (payload, context) = event.into_parts();
        let (rotator, event) = match self.begin(payload) {
            Ok(begun) => begun,
            Err(error) => return Err(self.refuse(error, &context.request_id)),
        };
        let deadline = Deadline::after(time_left(&rotator.clock, context.deadline));
        let result = rotator.step(event.step, &event.request(), deadline).await;
        let took = began.elapsed();
        self.metrics.record(rotator.clock.now(), &event.secret, event.step, took, &result);
        log(&event, &context.request_id, took, &result);
        let report = result.map_err(Failure)?;
        Ok(json!({"step": event.step.name(), "outcome": report.outcome.name()}))
    }

    fn begin(&self, payload: Value) -> Result<(&Rotator<S, I, C>, Event)> {
        let rotator = self.rotator.as_ref().map_err(Clone::clone)?;
        Ok((rotator, Event::parse(payload)?))
    }

    fn refuse(&self, error: RotationError, request_id: &str) -> Failure {
        let (kind, hint) = (error.kind(), error.hint());
        self.metrics.record_refusal(SystemClock.now(), kind);
        tracing::error!(
            request.id = request_id,
            error.r#type = kind.name(),
            error.hint = hint,
            "the event was refused: {error}"
        );
        Failure(error)
    }
}

fn time_left(clock: &impl Clock, deadline_ms: u64) -> Duration {
    let now = u64::try_from(clock.now().as_millisecond()).unwrap_or_default();
    let left = Duration::from_millis(deadline_ms.saturating_sub(now));
    if left.is_zero() || left > LONGEST_RUN { ASSUMED_RUN } else { left }
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

/// One line for each event.
fn log(event: &Event, request_id: &str, took: Duration, result: &Result<StepReport>) {
    match result {
        Err(error) => log_failure(event, request_id, took, error),
        Ok(report) => log_success(event, request_id, took, report),
    }
}

fn log_failure(event: &Event, request_id: &str, took: Duration, error: &RotationError) {
    tracing::error!(
        request.id = request_id,
        secret.id = event.secret.as_str(),
        version.id = event.version.as_str(),
        rotation.step = event.step.name(),
        duration_ms = took.as_millis() as u64,
        error.r#type = error.kind().name(),
        error.hint = error.hint(),
        correlation.id = error.correlation_id(),
        "the step failed: {}",
        error.chain()
    );
}

fn log_success(event: &Event, request_id: &str, took: Duration, report: &StepReport) {
    let too_short = report.token_life.filter(TokenLife::ends_before_next_rotation);
    let needed_seconds = too_short.and_then(|life| life.needed).map(|needed| needed.as_secs());
    macro_rules! line {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                request.id = request_id,
                secret.id = event.secret.as_str(),
                version.id = event.version.as_str(),
                rotation.step = event.step.name(),
                rotation.outcome = report.outcome.name(),
                duration_ms = took.as_millis() as u64,
                token.life_seconds = report.token_life.map(|life| life.left.as_secs()),
                token.needed_seconds = needed_seconds,
                $message
            )
        };
    }
    match too_short {
        None => line!(info, "the step is done"),
        Some(life) if life.is_fixed => line!(
            warn,
            "the step is done, but the token may expire before the next rotation: a CXone token lives an hour, so have a scheduler call RotateSecret more often than that"
        ),
        Some(_) => line!(
            warn,
            "the step is done, but the token may expire before the next rotation: raise the OAuth client's token duration, or rotate more often"
        ),
    }
}
