//! DescribeSecret, and the description that ListSecrets shares with it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::clock::epoch_seconds;
use super::error::ActionResult;
use super::input::Input;
use super::state::{Rotation, Secret, SecretsState};
use super::tags::write_tags;

pub(super) fn describe_secret(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId"])?;
    let secret = state.read(input.secret_id()?)?;
    let (now, hourly) = (state.clock.now(), state.settings.hourly_rate_days);
    Ok(Value::Object(describe(&secret, "VersionIdsToStages", now, hourly)))
}

/// A secret's description. `stages` names the map from versions to labels, and `hourly` are the calculated days of an
/// hourly rate.
pub(super) fn describe(secret: &Secret, stages: &str, now: Timestamp, hourly: Option<i64>) -> Map<String, Value> {
    let mut answer = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            answer.insert(name.to_owned(), value);
        }
    };
    put("ARN", Some(secret.arn.clone().into()));
    put("Name", Some(secret.name.clone().into()));
    put("Description", secret.description.clone().map(Value::from));
    put("KmsKeyId", secret.kms_key_id.clone().map(Value::from));
    put("LastChangedDate", Some(epoch_seconds(secret.changed)));
    put("LastAccessedDate", secret.accessed.map(epoch_seconds));
    put("DeletedDate", secret.deletion.map(epoch_seconds));
    put("CreatedDate", Some(epoch_seconds(secret.created)));
    put("Tags", secret.tags.as_deref().map(write_tags));
    put(stages, labelled_versions(secret));
    if let Some(rotation) = &secret.rotation {
        put("RotationRules", rotation.rules.as_ref().map(|rules| rules.answer(now, hourly)));
        describe_rotation(rotation, &mut put);
    }
    answer
}

fn describe_rotation(rotation: &Rotation, put: &mut impl FnMut(&str, Option<Value>)) {
    put("RotationEnabled", Some(rotation.enabled.into()));
    put("RotationLambdaARN", Some(rotation.function_arn.clone().into()));
    // Both are null while rotation is disabled (API reference, `DescribeSecret`).
    put("LastRotatedDate", rotation.last.filter(|_| rotation.enabled).map(epoch_seconds));
    put("NextRotationDate", rotation.next.map(|next| epoch_seconds(next.by)));
}

/// Versions without a label are deprecated and are not listed.
fn labelled_versions(secret: &Secret) -> Option<Value> {
    let labelled = secret.versions.iter().filter(|version| !version.labels.is_empty());
    let map: Map<String, Value> = labelled.map(|version| (version.id.clone(), json!(version.labels))).collect();
    (!map.is_empty()).then_some(Value::Object(map))
}
