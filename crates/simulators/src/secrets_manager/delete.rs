//! DeleteSecret and RestoreSecret.

use std::time::Duration;

use serde_json::json;

use super::clock::{epoch_seconds, later};
use super::error::{ActionResult, ServiceError};
use super::input::Input;
use super::state::{SecretsState, new_arn};

pub(super) fn delete_secret(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId", "RecoveryWindowInDays", "ForceDeleteWithoutRecovery"])?;
    let id = input.secret_id()?;
    let force = input.flag("ForceDeleteWithoutRecovery")?.unwrap_or(false);
    let window = input.number("RecoveryWindowInDays", None)?;
    if force && window.is_some() {
        return Err(ServiceError::invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    if force {
        return Ok(delete_at_once(state, id));
    }
    let days = u64::try_from(window.unwrap_or(30)).ok().filter(|days| (7..=30).contains(days)).ok_or_else(|| {
        ServiceError::invalid_parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
    })?;
    let date = later(state.clock.now(), Duration::from_secs(days * 86_400));
    let secret = state.find_live(id)?;
    secret.deletion = Some(date);
    secret.running = None;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "DeletionDate": epoch_seconds(date) }))
}

pub(super) fn restore_secret(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId"])?;
    let secret = state.find(input.secret_id()?)?;
    secret.deletion = None;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
}

/// Deletes without recovery, which succeeds even if the secret does not exist.
fn delete_at_once(state: &mut SecretsState, id: &str) -> serde_json::Value {
    let date = epoch_seconds(state.clock.now());
    let (arn, name) = match state.find(id) {
        Ok(secret) => (secret.arn.clone(), secret.name.clone()),
        Err(_) => (new_arn(id), id.to_owned()),
    };
    state.secrets().retain(|secret| secret.arn != arn);
    json!({ "ARN": arn, "Name": name, "DeletionDate": date })
}
