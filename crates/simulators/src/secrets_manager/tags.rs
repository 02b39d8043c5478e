//! TagResource and UntagResource.

use serde_json::{Value, json};

use super::error::{ActionResult, ServiceError};
use super::input::{Input, constraint};
use super::state::SecretsState;

/// Limits the tags of a secret.
const TAG_LIMIT: usize = 50;

pub(super) fn tag_resource(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId", "Tags"])?;
    let id = input.secret_id()?;
    let tags = read_tags(input)?.ok_or_else(|| constraint("Tags", None, "Member must not be null"))?;
    let now = state.clock.now();
    let secret = state.find_live(id)?;
    let mut merged = secret.tags.clone().unwrap_or_default();
    for (key, value) in tags {
        match merged.iter_mut().find(|(existing, _)| *existing == key) {
            Some(existing) => existing.1 = value,
            None => merged.push((key, value)),
        }
    }
    check_count(&merged)?;
    secret.tags = Some(merged);
    secret.changed = now;
    Ok(json!({}))
}

pub(super) fn untag_resource(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId", "TagKeys"])?;
    let id = input.secret_id()?;
    let keys = input.texts("TagKeys", 1..=128)?;
    let keys = keys.ok_or_else(|| constraint("TagKeys", None, "Member must not be null"))?;
    let now = state.clock.now();
    let secret = state.find_live(id)?;
    // The empty list stays in answers.
    secret.tags.iter_mut().for_each(|tags| tags.retain(|(key, _)| !keys.contains(key)));
    secret.changed = now;
    Ok(json!({}))
}

/// The tags of a request.
pub(super) fn read_tags(input: &Input<'_>) -> Result<Option<Vec<(String, String)>>, ServiceError> {
    let Some(structures) = input.structures("Tags")? else { return Ok(None) };
    let mut tags = Vec::with_capacity(structures.len());
    for tag in structures {
        tag.only(&["Key", "Value"])?;
        let key = tag.required("Key", 1..=128)?;
        if key.starts_with("aws:") {
            return Err(ServiceError::invalid_parameter("Tag keys that begin with aws: are reserved."));
        }
        tags.push((key.to_owned(), tag.text("Value", 0..=256)?.unwrap_or_default().to_owned()));
    }
    check_count(&tags)?;
    Ok(Some(tags))
}

/// The tags of an answer.
pub(super) fn write_tags(tags: &[(String, String)]) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

fn check_count(tags: &[(String, String)]) -> Result<(), ServiceError> {
    if tags.len() > TAG_LIMIT {
        return Err(ServiceError::invalid_parameter(format!("A secret can have at most {TAG_LIMIT} tags.")));
    }
    Ok(())
}
