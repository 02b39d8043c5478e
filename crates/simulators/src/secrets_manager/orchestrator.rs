//! Runs rotations: it invokes the function's steps in sequence (Secrets Manager user guide, "Rotation by Lambda
//! function").

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::ServiceError;
use super::labels::{CURRENT, PENDING};
use super::rotate::stage;
use super::rotation::{RotationOutcome, Run};
use super::service::SecretsManager;
use super::state::{NextRotation, Rotation, Secret};
use crate::invoke::{FunctionError, Invoke};

/// The steps of a rotation, in order.
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
/// The interval of the scheduler.
const TICK: Duration = Duration::from_millis(200);

impl SecretsManager {
    /// Starts the rotation of every secret that is due in its rotation window, and returns their number. It does not wait
    /// for them; see [`SecretsManager::settled`].
    pub fn run_due(&self) -> usize {
        let due = self.due();
        for (arn, version) in &due {
            self.start_rotation(arn, version);
        }
        due.len()
    }

    /// Waits until no rotation is in progress.
    pub async fn settled(&self) {
        // `self` holds the sender, so this cannot fail.
        self.0.running.subscribe().wait_for(|running| *running == 0).await.ok();
    }

    /// Starts the scheduler if it is enabled and not running.
    pub(super) fn start_scheduler(&self) {
        if !self.state().settings.scheduler || self.0.scheduler.set(()).is_err() {
            return;
        }
        let inner = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let Some(inner) = inner.upgrade() else { return };
                SecretsManager(inner).run_due();
            }
        });
    }

    /// Starts a rotation on a background task.
    pub(super) fn start_rotation(&self, arn: &str, version: &str) {
        let Some((function, run)) = self.begin_run(arn, version) else { return };
        let (service, arn, version) = (self.clone(), arn.to_owned(), version.to_owned());
        self.0.running.send_modify(|running| *running += 1);
        tokio::spawn(async move {
            service.rotate(&function, &arn, &version, run).await;
            service.0.running.send_modify(|running| *running -= 1);
        });
    }

    /// Invokes `testSecret` on the staged copy, and then removes the copy. It waits for that only where the settings say so.
    pub(super) async fn test_configuration(
        &self,
        arn: &str,
        version: &str,
        before: Option<Rotation>,
    ) -> Result<(), ServiceError> {
        let waits = self.state().settings.synchronous_tests;
        let Some((function, run)) = self.begin_run(arn, version) else { return Ok(()) };
        let (service, arn, version) = (self.clone(), arn.to_owned(), version.to_owned());
        self.0.running.send_modify(|running| *running += 1);
        // On its own task, so that the copy is removed even if the caller disconnects.
        let test = tokio::spawn(async move {
            let tested = service.attempt(&function, &arn, &version, run, &["testSecret"]).await;
            service.end_test(&arn, &version, waits.then_some(before), tested.as_ref().err());
            service.0.running.send_modify(|running| *running -= 1);
            tested
        });
        if !waits {
            return Ok(());
        }
        let Ok(Err((_, error))) = test.await else { return Ok(()) };
        let (kind, message) = (error.error_type, error.message);
        Err(ServiceError::invalid_request(format!("The rotation function's testSecret step failed: {kind}: {message}")))
    }

    /// Removes the tested copy. A failure restores the previous configuration `before`, or is an outcome.
    fn end_test(
        &self,
        arn: &str,
        version: &str,
        before: Option<Option<Rotation>>,
        failure: Option<&(String, FunctionError)>,
    ) {
        let mut state = self.state();
        let Ok(secret) = state.find(arn) else { return };
        secret.versions.retain(|staged| staged.id != version);
        if secret.running.as_ref().is_some_and(|running| running.version == version) {
            secret.running = None;
        }
        match (failure, before) {
            (None, _) => {}
            (Some(_), Some(before)) => secret.rotation = before,
            (Some(failure), None) => {
                let (secret, version_id) = (arn.to_owned(), version.to_owned());
                let failures = vec![failure.clone()];
                state.outcomes.push(RotationOutcome { secret, version_id, succeeded: false, failures });
            }
        }
    }

    /// Stages a version for every secret that is due, unless its last rotation left one.
    fn due(&self) -> Vec<(String, String)> {
        let mut state = self.state();
        let (now, mut random) = (state.clock.now(), state.random.fork());
        let is_due = |secret: &&mut Secret| {
            let enabled = secret.rotation.as_ref().filter(|rotation| rotation.enabled);
            let due = enabled.and_then(|rotation| rotation.next).is_some_and(|next| next.at <= now);
            due && secret.running.is_none() && secret.deletion.is_none()
        };
        let due = state.secrets().iter_mut().filter(is_due);
        due.filter_map(|secret| {
            if let Some(rotation) = &mut secret.rotation {
                rotation.next = NextRotation::after(now, rotation.rules.as_ref(), &mut random);
            }
            let pending = secret.holder(PENDING).filter(|version| !version.labels.contains(CURRENT));
            if let Some(pending) = pending {
                return Some((secret.arn.clone(), pending.id.clone()));
            }
            secret.make_room(now).ok()?;
            let token = Uuid::new_v4().to_string();
            stage(secret, &token, true, now);
            Some((secret.arn.clone(), token))
        })
        .collect()
    }

    fn begin_run(&self, arn: &str, version: &str) -> Option<(Arc<dyn Invoke>, u64)> {
        let function = self.function()?;
        let mut state = self.state();
        state.runs += 1;
        let run = state.runs;
        let secret = state.find(arn).ok().filter(|secret| secret.running.is_none())?;
        secret.running = Some(Run { id: run, version: version.to_owned(), rotation_token: new_rotation_token() });
        Some((function, run))
    }

    async fn rotate(&self, function: &Arc<dyn Invoke>, arn: &str, version: &str, run: u64) {
        let (retries, delay) = {
            let state = self.state();
            (state.settings.retries, state.settings.retry_delay)
        };
        let mut failures = Vec::new();
        let mut succeeded = false;
        for attempt in 0..=retries {
            if attempt > 0 {
                tokio::time::sleep(delay).await;
                self.renew_rotation_token(arn, run);
            }
            match self.attempt(function, arn, version, run, &STEPS).await {
                Ok(()) => succeeded = true,
                Err(failure) => failures.push(failure),
            }
            if succeeded || !self.is_running(arn, run) {
                break;
            }
        }
        self.end_rotation(arn, version, run, succeeded, failures);
    }

    /// Runs steps in sequence. The error names the failed step.
    async fn attempt(
        &self,
        function: &Arc<dyn Invoke>,
        arn: &str,
        version: &str,
        run: u64,
        steps: &[&str],
    ) -> Result<(), (String, FunctionError)> {
        for step in steps {
            let failed = |error| ((*step).to_owned(), error);
            let (event, timeout) = self
                .event(arn, version, run, step)
                .ok_or_else(|| failed(FunctionError::new("RotationCancelled", "The rotation was cancelled.")))?;
            invoke(Arc::clone(function), event, timeout).await.map_err(failed)?;
            if *step == "finishSecret" && !self.is_complete(arn) {
                let message = "AWSPENDING is still attached to a version that isn't AWSCURRENT.";
                return Err(failed(FunctionError::new("RotationIncomplete", message)));
            }
        }
        Ok(())
    }

    /// Creates and records the event of a step; `None` if the rotation was canceled.
    fn event(&self, arn: &str, version: &str, run: u64, step: &str) -> Option<(Value, Duration)> {
        let mut state = self.state();
        let running = state.find(arn).ok()?.running.clone().filter(|running| running.id == run)?;
        let event = json!({
            "Step": step,
            "SecretId": arn,
            "ClientRequestToken": version,
            "RotationToken": running.rotation_token,
        });
        state.events.push(event.clone());
        Some((event, state.settings.function_timeout))
    }

    fn renew_rotation_token(&self, arn: &str, run: u64) {
        if let Ok(secret) = self.state().find(arn)
            && let Some(running) = secret.running.as_mut().filter(|running| running.id == run)
        {
            running.rotation_token = new_rotation_token();
        }
    }

    fn is_running(&self, arn: &str, run: u64) -> bool {
        let mut state = self.state();
        state.find(arn).is_ok_and(|secret| secret.running.as_ref().is_some_and(|running| running.id == run))
    }

    /// Returns whether AWSPENDING is where a finished rotation leaves it: on no version, or beside AWSCURRENT.
    fn is_complete(&self, arn: &str) -> bool {
        let mut state = self.state();
        let is_current =
            |secret: &mut Secret| secret.holder(PENDING).is_none_or(|version| version.labels.contains(CURRENT));
        state.find(arn).is_ok_and(is_current)
    }

    fn end_rotation(
        &self,
        arn: &str,
        version: &str,
        run: u64,
        succeeded: bool,
        failures: Vec<(String, FunctionError)>,
    ) {
        let mut state = self.state();
        let (now, mut random) = (state.clock.now(), state.random.fork());
        let (secret, version_id) = (arn.to_owned(), version.to_owned());
        state.outcomes.push(RotationOutcome { secret, version_id, succeeded, failures });
        let Ok(secret) = state.find(arn) else { return };
        if secret.running.as_ref().is_some_and(|running| running.id == run) {
            secret.running = None;
        }
        if !succeeded {
            // AWSPENDING stays on the version. The next RotateSecret sees that this rotation is incomplete.
            return;
        }
        if let Some(version) = secret.version_mut(version) {
            version.labels.remove(PENDING);
        }
        secret.changed = now;
        if let Some(rotation) = &mut secret.rotation {
            rotation.last = Some(now);
            if rotation.enabled {
                rotation.next = NextRotation::after(now, rotation.rules.as_ref(), &mut random);
            }
        }
    }
}

/// Invokes the function on its own task, so that a panic fails only the invocation.
async fn invoke(function: Arc<dyn Invoke>, event: Value, timeout: Duration) -> Result<Value, FunctionError> {
    let invocation = tokio::spawn(async move { function.invoke(event, timeout).await });
    invocation.await.unwrap_or_else(|panic| Err(FunctionError::new("Runtime.Panic", panic.to_string())))
}

fn new_rotation_token() -> String {
    format!("{}-{}", Uuid::new_v4(), Uuid::new_v4())
}
