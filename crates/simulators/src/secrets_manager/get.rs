//! GetSecretValue and BatchGetSecretValue.

use serde_json::{Map, Value, json};

use super::clock::epoch_seconds;
use super::error::{ActionResult, ServiceError};
use super::input::{Input, check_length};
use super::labels::CURRENT;
use super::list::{Page, matching};
use super::state::{Secret, SecretsState, Version};

pub(super) fn get_secret_value(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId", "VersionId", "VersionStage"])?;
    let id = input.secret_id()?;
    let version_id = input.version_id("VersionId")?;
    let label = input.text("VersionStage", 1..=256)?;
    let secret = state.read(id)?;
    let (version, answer) = value_of(&secret, version_id, label)?;
    state.note_access(&secret.arn, &version.id);
    Ok(answer)
}

pub(super) fn batch_get_secret_value(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretIdList", "Filters", "MaxResults", "NextToken"])?;
    let page = Page::read(input, 20)?;
    let (ids, next) = match (input.texts("SecretIdList", 1..=2048)?, input.list("Filters")?) {
        (Some(ids), None) => {
            check_length("SecretIdList", None, ids.len(), &(1..=20))?;
            if input.number("MaxResults", None)?.is_some() {
                return Err(ServiceError::invalid_parameter("To use MaxResults, you must also use Filters."));
            }
            (ids, None)
        }
        (None, Some(_)) => {
            let found = matching(state.secrets(), input)?;
            let page = page.cut(found.into_iter().map(|secret| secret.arn.clone()).collect());
            (page.items, page.next)
        }
        _ => {
            return Err(ServiceError::invalid_parameter(
                "You must include either Filters or SecretIdList, but not both.",
            ));
        }
    };
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for id in ids {
        let found = state.read(&id).and_then(|secret| {
            let (version, answer) = value_of(&secret, None, None)?;
            state.note_access(&secret.arn, &version.id);
            Ok(answer)
        });
        match found {
            Ok(value) => values.push(value),
            Err(error) => errors.push(json!({ "SecretId": id, "ErrorCode": error.code, "Message": error.message })),
        }
    }
    let mut answer = json!({ "SecretValues": values, "Errors": errors });
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}

fn value_of<'a>(
    secret: &'a Secret,
    version_id: Option<&str>,
    label: Option<&str>,
) -> Result<(&'a Version, Value), ServiceError> {
    if secret.deletion.is_some() {
        return Err(ServiceError::marked_for_deletion());
    }
    let label = label.or(if version_id.is_none() { Some(CURRENT) } else { None });
    let absent = match (version_id, label) {
        (Some(id), _) => ServiceError::no_value("VersionId", id),
        (None, label) => ServiceError::no_value("staging label", label.unwrap_or(CURRENT)),
    };
    let version = match version_id {
        Some(id) => secret.version(id),
        None => label.and_then(|label| secret.holder(label)),
    };
    let Some(version) = version else { return Err(absent) };
    if let Some(label) = label
        && !version.labels.contains(label)
    {
        return Err(ServiceError::invalid_request(
            "You provided a VersionStage that is not associated to the provided VersionId.",
        ));
    }
    let Some(value) = &version.value else {
        // A rotation staged this version, and its function has not written it yet.
        return Err(label.map_or(absent, |label| ServiceError::no_value("staging label", label)));
    };
    let mut answer = Map::new();
    answer.insert("ARN".to_owned(), secret.arn.clone().into());
    answer.insert("Name".to_owned(), secret.name.clone().into());
    answer.insert("VersionId".to_owned(), version.id.clone().into());
    value.write(&mut answer);
    if !version.labels.is_empty() {
        answer.insert("VersionStages".to_owned(), json!(version.labels));
    }
    answer.insert("CreatedDate".to_owned(), epoch_seconds(version.created));
    Ok((version, Value::Object(answer)))
}
