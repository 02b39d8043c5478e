//! CancelRotateSecret.

use serde_json::json;

use super::error::{ActionResult, ServiceError};
use super::input::Input;
use super::labels::PENDING;
use super::state::SecretsState;

pub(super) fn cancel_rotate_secret(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId"])?;
    let id = input.secret_id()?;
    let now = state.clock.now();
    let secret = state.find_live(id)?;
    let Some(rotation) = &mut secret.rotation else {
        return Err(ServiceError::invalid_request("Rotation isn't configured for this secret."));
    };
    rotation.enabled = false;
    rotation.next = None;
    secret.running = None;
    secret.changed = now;
    let mut answer = json!({ "ARN": secret.arn, "Name": secret.name });
    // AWSPENDING stays on its version. The caller decides about that version.
    if let Some(pending) = secret.holder(PENDING) {
        answer["VersionId"] = pending.id.clone().into();
    }
    Ok(answer)
}
