//! RotateSecret.

use serde_json::json;

use super::create::NO_TOKEN;
use super::error::{ActionResult, ServiceError};
use super::input::Input;
use super::labels::{CURRENT, PENDING};
use super::schedule::Rules;
use super::service::SecretsManager;
use super::state::{NextRotation, Rotation, Secret, SecretsState, Version};

/// The task of an accepted RotateSecret call.
pub(super) enum Task {
    /// None: this rotation is in progress or done.
    Nothing,
    /// The four steps.
    Rotate,
    /// Only `testSecret`, with the previous configuration to restore on failure.
    Test { before: Option<Rotation> },
}

/// An accepted RotateSecret call.
pub(super) struct AcceptedRotation {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) task: Task,
}

/// A refused RotateSecret call. `retry` is the secret and version whose rotation is retried.
pub(super) struct RefusedRotation {
    pub(super) error: ServiceError,
    pub(super) retry: Option<(String, String)>,
}

impl From<ServiceError> for RefusedRotation {
    fn from(error: ServiceError) -> Self {
        Self { error, retry: None }
    }
}

impl SecretsManager {
    pub(super) async fn rotate_secret(&self, input: &Input<'_>) -> ActionResult {
        let accepted = {
            let function = self.has_function();
            accept(&mut self.state(), input, function)
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(refused) => {
                if let Some((arn, version)) = refused.retry {
                    self.start_rotation(&arn, &version);
                }
                return Err(refused.error);
            }
        };
        self.start_scheduler();
        match accepted.task {
            Task::Nothing => {}
            Task::Rotate => self.start_rotation(&accepted.arn, &accepted.version),
            Task::Test { before } => self.test_configuration(&accepted.arn, &accepted.version, before).await?,
        }
        Ok(json!({ "ARN": accepted.arn, "Name": accepted.name, "VersionId": accepted.version }))
    }
}

fn accept(state: &mut SecretsState, input: &Input<'_>, function: bool) -> Result<AcceptedRotation, RefusedRotation> {
    input.only(&["SecretId", "ClientRequestToken", "RotationLambdaARN", "RotationRules", "RotateImmediately"])?;
    let id = input.secret_id()?;
    let token = input.token()?.ok_or_else(|| ServiceError::invalid_parameter(NO_TOKEN))?;
    let function_arn = input.text("RotationLambdaARN", 0..=2048)?.filter(|arn| !arn.is_empty());
    let immediately = input.flag("RotateImmediately")?.unwrap_or(true);
    let now = state.clock.now();
    let rules = Rules::read(input, now)?;
    let mut random = state.random.fork();
    let secret = state.find_live(id)?;
    let known = secret.rotation.as_ref().map(|rotation| rotation.function_arn.clone());
    let function_arn = function_arn.map(str::to_owned).or(known).ok_or_else(|| {
        ServiceError::invalid_request("No Lambda rotation function ARN is associated with this secret.")
    })?;
    if !function {
        return Err(RefusedRotation::from(ServiceError::access_denied(
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants \
             access to the principal secretsmanager.amazonaws.com.",
        )));
    }
    let mut accepted = AcceptedRotation {
        arn: secret.arn.clone(),
        name: secret.name.clone(),
        version: token.to_owned(),
        task: Task::Nothing,
    };
    if already_requested(secret, token)? {
        return Ok(accepted);
    }
    refuse_while_pending(secret)?;
    secret.make_room(now)?;
    let before = secret.rotation.clone();
    let rules = rules.or_else(|| before.as_ref().and_then(|rotation| rotation.rules.clone()));
    let next = NextRotation::after(now, rules.as_ref(), &mut random);
    let last = before.as_ref().and_then(|rotation| rotation.last);
    secret.rotation = Some(Rotation { enabled: true, function_arn, rules, last, next });
    stage(secret, token, immediately, now);
    accepted.task = if immediately { Task::Rotate } else { Task::Test { before } };
    Ok(accepted)
}

/// Returns whether this token's rotation is in progress or done.
fn already_requested(secret: &Secret, token: &str) -> Result<bool, ServiceError> {
    if secret.running.as_ref().is_some_and(|run| run.version == token) {
        return Ok(true);
    }
    match secret.version(token) {
        None => Ok(false),
        Some(version) if version.labels.contains(CURRENT) => Ok(true),
        // Its rotation failed. The call is refused later, and the rotation retried.
        Some(version) if version.labels.contains(PENDING) => Ok(false),
        Some(_) => Err(ServiceError::invalid_request(format!(
            "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
            secret.arn
        ))),
    }
}

/// Refuses the call while AWSPENDING is on a version other than the current one, which means an incomplete rotation.
fn refuse_while_pending(secret: &Secret) -> Result<(), RefusedRotation> {
    let Some(pending) = secret.holder(PENDING).filter(|version| !version.labels.contains(CURRENT)) else {
        return Ok(());
    };
    let enabled = secret.rotation.as_ref().is_some_and(|rotation| rotation.enabled);
    let retry = (secret.running.is_none() && enabled).then(|| (secret.arn.clone(), pending.id.clone()));
    let message = "A previous rotation isn't complete. That rotation will be reattempted.";
    Err(RefusedRotation { error: ServiceError::invalid_request(message), retry })
}

/// Stages a version: empty for a rotation, with a copy of the current value for a test.
pub(super) fn stage(secret: &mut Secret, token: &str, empty: bool, now: jiff::Timestamp) {
    let current = secret.holder(CURRENT).and_then(|version| version.value.clone());
    let value = if empty { None } else { current };
    secret.versions.push(Version::new(token, value, now));
    secret.attach(&[PENDING.to_owned()], token);
    secret.changed = now;
}
