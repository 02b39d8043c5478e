//! PutSecretValue and UpdateSecret.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::clock::later;
use super::create::NO_TOKEN;
use super::error::{ActionResult, ServiceError};
use super::input::{Input, check_length, constraint};
use super::labels::{CURRENT, LABEL_LIMIT};
use super::settings::{RotationTokenScope, SecretsManagerSettings};
use super::state::{Secret, SecretsState, Version};
use super::value::SecretValue;

/// Limits the versions of a secret.
const VERSION_LIMIT: usize = 100;
/// The age from which the service removes deprecated versions.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

pub(super) fn put_secret_value(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&[
        "SecretId",
        "ClientRequestToken",
        "SecretBinary",
        "SecretString",
        "VersionStages",
        "RotationToken",
    ])?;
    let id = input.secret_id()?;
    let labels = input.texts("VersionStages", 1..=256)?;
    if let Some(labels) = &labels {
        check_length("VersionStages", None, labels.len(), &(1..=LABEL_LIMIT))?;
    }
    let rotation_token = rotation_token(input)?;
    let token = input.token()?.ok_or_else(|| ServiceError::invalid_request(NO_TOKEN))?;
    let neither = || ServiceError::invalid_request("You must provide either SecretString or SecretBinary.");
    let value = input.value()?.ok_or_else(neither)?;
    state.count_write()?;
    let (now, settings) = (state.clock.now(), state.settings.clone());
    let secret = state.find_live(id)?;
    check_rotation_token(secret, token, rotation_token, &settings, input.is_from_assumed_role())?;
    let labels = labels.unwrap_or_else(|| vec![CURRENT.to_owned()]);
    let is_update = labels.iter().any(|label| label == CURRENT);
    let moved = secret.put(token, value, labels, now, settings.stale_reads)?;
    state.announce(id, token, &moved)?;
    if is_update {
        state.count_update(id)?;
    }
    let secret = state.find_live(id)?;
    let attached = secret.version(token).map(|version| version.labels.clone()).unwrap_or_default();
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": attached }))
}

pub(super) fn update_secret(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId", "ClientRequestToken", "Description", "KmsKeyId", "SecretBinary", "SecretString"])?;
    let id = input.secret_id()?;
    let value = input.value()?;
    let token = input.token()?;
    let description = input.text("Description", 0..=2048)?;
    let kms_key_id = input.text("KmsKeyId", 0..=2048)?;
    if value.is_some() && token.is_none() {
        return Err(ServiceError::invalid_request(NO_TOKEN));
    }
    state.count_write()?;
    let (now, stale_reads) = (state.clock.now(), state.settings.stale_reads);
    let secret = state.find_live(id)?;
    let mut answer = json!({ "ARN": secret.arn, "Name": secret.name });
    let mut moved = Vec::new();
    match (value, token) {
        (Some(_), Some(token)) if secret.version(token).is_some() => {
            // Unlike PutSecretValue also with the same value.
            return Err(ServiceError::token_in_use(token, &secret.arn));
        }
        (Some(value), Some(token)) => {
            moved = secret.put(token, value, vec![CURRENT.to_owned()], now, stale_reads)?;
            answer["VersionId"] = token.into();
        }
        _ => secret.keep_for_stale_reads(stale_reads),
    }
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    secret.description = description.map_or(secret.description.take(), text);
    secret.kms_key_id = kms_key_id.map_or(secret.kms_key_id.take(), text);
    secret.changed = now;
    if let Some(token) = token.filter(|_| answer.get("VersionId").is_some()) {
        state.announce(id, token, &moved)?;
        state.count_update(id)?;
    }
    Ok(answer)
}

impl Secret {
    /// Writes a version's value and labels, and returns the labels that moved. A value is written once.
    fn put(
        &mut self,
        token: &str,
        value: SecretValue,
        mut labels: Vec<String>,
        now: Timestamp,
        stale_reads: u32,
    ) -> Result<Vec<String>, ServiceError> {
        match self.version(token).map(|version| &version.value) {
            Some(Some(existing)) if *existing == value => return Ok(Vec::new()),
            Some(Some(_)) => return Err(ServiceError::token_in_use(token, &self.arn)),
            Some(None) => {}
            None if self.versions.is_empty() && !labels.iter().any(|label| label == CURRENT) => {
                // The first version becomes the current one, whatever labels the request names.
                labels.push(CURRENT.to_owned());
            }
            None => {}
        }
        self.check_label_count(&labels, token)?;
        self.keep_for_stale_reads(stale_reads);
        if self.version(token).is_none() {
            self.make_room(now)?;
            self.versions.push(Version::new(token, None, now));
        }
        let moved = self.attach(&labels, token);
        if let Some(version) = self.version_mut(token) {
            version.value = Some(value);
        }
        self.changed = now;
        Ok(moved)
    }

    /// Removes the oldest deprecated versions if the secret has the maximum number.
    pub(super) fn make_room(&mut self, now: Timestamp) -> Result<(), ServiceError> {
        while self.versions.len() >= VERSION_LIMIT {
            let removable = |version: &Version| version.labels.is_empty() && later(version.created, KEPT_FOR) <= now;
            let Some(index) = self.versions.iter().position(removable) else {
                return Err(ServiceError::new(
                    "LimitExceededException",
                    format!("The secret already has {VERSION_LIMIT} versions, and none of them can be removed yet."),
                ));
            };
            self.versions.remove(index);
        }
        Ok(())
    }
}

fn rotation_token<'a>(input: &Input<'a>) -> Result<Option<&'a str>, ServiceError> {
    let Some(token) = input.text("RotationToken", 0..=usize::MAX)? else { return Ok(None) };
    check_length("RotationToken", None, token.len(), &(36..=256))?;
    if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        let pattern = "Member must satisfy regular expression pattern: ^[a-zA-Z0-9\\-]+$";
        return Err(constraint("RotationToken", None, pattern));
    }
    Ok(Some(token))
}

/// Checks the RotationToken of a write during a rotation.
fn check_rotation_token(
    secret: &Secret,
    version: &str,
    given: Option<&str>,
    settings: &SecretsManagerSettings,
    by_role: bool,
) -> Result<(), ServiceError> {
    let Some(run) = &secret.running else { return Ok(()) };
    let is_ours = run.version == version;
    let is_required = by_role
        && match settings.rotation_token_required {
            RotationTokenScope::Nothing => false,
            RotationTokenScope::RotationVersion => is_ours,
            RotationTokenScope::EveryVersion => true,
        };
    let refused = match given {
        Some(given) if given != run.rotation_token => "The RotationToken isn't that of the rotation in progress.",
        Some(_) if !is_ours && !settings.rotation_token_elsewhere => {
            "The RotationToken isn't valid for this version of the secret."
        }
        None if is_required => "The request doesn't have the RotationToken of the rotation in progress.",
        _ => return Ok(()),
    };
    Err(ServiceError::new(settings.rotation_token_refusal, refused))
}
