//! UpdateSecretVersionStage.

use serde_json::json;

use super::error::{ActionResult, ServiceError};
use super::input::Input;
use super::labels::CURRENT;
use super::state::{Secret, SecretsState};

pub(super) fn update_secret_version_stage(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId", "VersionStage", "RemoveFromVersionId", "MoveToVersionId"])?;
    let id = input.secret_id()?;
    let label = input.required("VersionStage", 1..=256)?;
    let from = input.version_id("RemoveFromVersionId")?;
    let to = input.version_id("MoveToVersionId")?;
    state.count_write()?;
    let (now, stale_reads) = (state.clock.now(), state.settings.stale_reads);
    let secret = state.find_live(id)?;
    check_move(secret, label, from, to)?;
    if secret.holder(label).map(|version| version.id.as_str()) == to {
        // The label is already there. Nothing changes, AWSPREVIOUS included.
        return Ok(json!({ "ARN": secret.arn, "Name": secret.name }));
    }
    let labels = [label.to_owned()];
    if let Some(to) = to {
        secret.check_label_count(&labels, to)?;
    }
    secret.keep_for_stale_reads(stale_reads);
    secret.changed = now;
    let answer = json!({ "ARN": secret.arn, "Name": secret.name });
    match to {
        Some(to) => {
            let moved = secret.attach(&labels, to);
            state.announce(id, to, &moved)?;
        }
        None => secret.detach(label),
    }
    Ok(answer)
}

fn check_move(secret: &Secret, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), ServiceError> {
    for version in [from, to].into_iter().flatten() {
        if secret.version(version).is_none() {
            return Err(ServiceError::no_value("VersionId", version));
        }
    }
    if from.is_none() && to.is_none() {
        return Err(ServiceError::invalid_parameter(
            "You must specify RemoveFromVersionId, MoveToVersionId, or both of them.",
        ));
    }
    if label == CURRENT && to.is_none() {
        return Err(ServiceError::invalid_parameter(
            "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
        ));
    }
    let holder = secret.holder(label).map(|version| version.id.as_str());
    match (holder, from) {
        (Some(holder), None) if to != Some(holder) => Err(ServiceError::invalid_parameter(format!(
            "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version \
             {holder}, so you must explicitly reference that version in RemoveFromVersionId."
        ))),
        (holder, Some(from)) if holder != Some(from) => Err(ServiceError::invalid_parameter(format!(
            "The parameter RemoveFromVersionId isn't valid. Staging label {label} isn't attached to version {from}."
        ))),
        _ => Ok(()),
    }
}
