//! CreateSecret.

use serde_json::json;

use super::error::{ActionResult, ServiceError};
use super::input::{Input, check_name};
use super::labels::CURRENT;
use super::state::{Secret, SecretsState, Version};
use super::tags::read_tags;
use super::value::SecretValue;

/// The service's message for a missing token, which SDKs generate.
pub(super) const NO_TOKEN: &str = "You must provide a ClientRequestToken value. We recommend a UUID-type value.";

pub(super) fn create_secret(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&[
        "Name",
        "ClientRequestToken",
        "Description",
        "KmsKeyId",
        "SecretBinary",
        "SecretString",
        "Tags",
        // Without replicas there is nothing to overwrite.
        "ForceOverwriteReplicaSecret",
    ])?;
    input.flag("ForceOverwriteReplicaSecret")?;
    let name = input.required("Name", 1..=512)?;
    check_name(name)?;
    let token = input.token()?.ok_or_else(|| ServiceError::invalid_request(NO_TOKEN))?;
    let value = input.value()?;
    let tags = read_tags(input)?.filter(|tags| !tags.is_empty());
    let description = input.text("Description", 0..=2048)?;
    let kms_key_id = input.text("KmsKeyId", 0..=2048)?;
    if let Some(existing) = state.secrets().iter().find(|secret| secret.name == name) {
        return create_again(existing, token, value.as_ref());
    }
    let now = state.clock.now();
    let mut secret = Secret::new(name, now);
    secret.description = description.filter(|text| !text.is_empty()).map(str::to_owned);
    secret.kms_key_id = kms_key_id.filter(|text| !text.is_empty()).map(str::to_owned);
    secret.tags = tags;
    let mut answer = json!({ "ARN": secret.arn, "Name": name });
    if let Some(value) = value {
        secret.versions.push(Version::new(token, Some(value), now));
        let moved = secret.attach(&[CURRENT.to_owned()], token);
        state.label_events.add(&secret.arn, name, token, &moved, now);
        answer["VersionId"] = token.into();
    }
    state.secrets().push(secret);
    Ok(answer)
}

/// A repeated token with the same value is a retry. Everything else is a conflict.
fn create_again(existing: &Secret, token: &str, value: Option<&SecretValue>) -> ActionResult {
    if existing.deletion.is_some() {
        return Err(ServiceError::invalid_request(
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        ));
    }
    let same = existing.version(token).is_some_and(|version| version.value.as_ref() == value);
    if same && value.is_some() {
        return Ok(json!({ "ARN": existing.arn, "Name": existing.name, "VersionId": token }));
    }
    let message = format!("The operation failed because the secret {} already exists.", existing.name);
    Err(ServiceError::new("ResourceExistsException", message))
}
