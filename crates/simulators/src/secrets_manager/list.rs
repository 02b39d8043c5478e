//! ListSecrets and ListSecretVersionIds.

use serde_json::{Value, json};

use super::clock::epoch_seconds;
use super::describe::describe;
use super::error::{ActionResult, ServiceError};
use super::input::{Input, check_length, constraint};
use super::state::{Secret, SecretsState, Version};

pub(super) fn list_secrets(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    let page = Page::read(input, 100)?.of_at_most(state.settings.largest_page);
    let deleted_too = input.flag("IncludePlannedDeletion")?.unwrap_or(false);
    let mut found = matching(state.secrets(), input)?;
    found.retain(|secret| deleted_too || secret.deletion.is_none());
    sort(&mut found, input)?;
    let page = page.cut(found);
    let entry = |secret: &&Secret| Value::Object(describe(secret, "SecretVersionsToStages"));
    let entries: Vec<Value> = page.items.iter().map(entry).collect();
    Ok(with_next(json!({ "SecretList": entries }), page.next))
}

pub(super) fn list_secret_version_ids(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    let id = input.secret_id()?;
    let page = Page::read(input, 100)?;
    let deprecated_too = input.flag("IncludeDeprecated")?.unwrap_or(false);
    let secret = state.find(id)?;
    let listed = secret.versions.iter().filter(|version| deprecated_too || !version.labels.is_empty());
    let page = page.cut(listed.map(version_entry).collect());
    Ok(with_next(json!({ "Versions": page.items, "ARN": secret.arn, "Name": secret.name }), page.next))
}

/// The requested page of a list. The token is the index of its first item.
pub(super) struct Page {
    start: usize,
    size: usize,
}

/// A page of a list.
pub(super) struct Cut<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

impl Page {
    /// Reads `MaxResults` and `NextToken`. `limit` is the largest size of a page.
    pub(super) fn read(input: &Input<'_>, limit: usize) -> Result<Self, ServiceError> {
        let size = match input.number("MaxResults")? {
            None => limit,
            Some(number) => {
                usize::try_from(number).ok().filter(|size| (1..=limit).contains(size)).ok_or_else(|| {
                    let message = format!("Member must have value between 1 and {limit}");
                    constraint("MaxResults", Some(&number.to_string()), &message)
                })?
            }
        };
        let start = match input.text("NextToken", 1..=4096)? {
            None => 0,
            Some(token) => token
                .strip_prefix("from-")
                .and_then(|start| start.parse().ok())
                .ok_or_else(|| ServiceError::new("InvalidNextTokenException", "The NextToken value is invalid."))?,
        };
        Ok(Self { start, size })
    }

    /// Limits the size of the page.
    fn of_at_most(self, limit: usize) -> Self {
        Self { size: self.size.min(limit.max(1)), ..self }
    }

    /// Cuts the page out of a list.
    pub(super) fn cut<T>(&self, list: Vec<T>) -> Cut<T> {
        let end = self.start.saturating_add(self.size);
        let next = (list.len() > end).then(|| format!("from-{end}"));
        Cut { items: list.into_iter().skip(self.start).take(self.size).collect(), next }
    }
}

/// Returns the secrets that match all of the request's `Filters`.
pub(super) fn matching<'a>(secrets: &'a [Secret], input: &Input<'_>) -> Result<Vec<&'a Secret>, ServiceError> {
    let mut found: Vec<&Secret> = secrets.iter().collect();
    for filter in input.structures("Filters")?.unwrap_or_default() {
        let key = filter.required("Key", 1..=64)?;
        let values = filter.texts("Values", 0..=512)?.unwrap_or_default();
        check_length("Values", None, values.len(), &(1..=10))?;
        let fields = fields_of(key)?;
        found.retain(|secret| values.iter().any(|value| matches(&fields(secret), key, value)));
    }
    Ok(found)
}

type Fields = fn(&Secret) -> Vec<String>;

fn fields_of(key: &str) -> Result<Fields, ServiceError> {
    Ok(match key {
        "name" => |secret| vec![secret.name.clone()],
        "description" => |secret| secret.description.iter().cloned().collect(),
        "tag-key" => |secret| secret.tags.iter().map(|(key, _)| key.clone()).collect(),
        "tag-value" => |secret| secret.tags.iter().map(|(_, value)| value.clone()).collect(),
        // Neither replicas nor other services' secrets are simulated.
        "primary-region" | "owning-service" => |_| Vec::new(),
        "all" => |secret| {
            let tags = secret.tags.iter().flat_map(|(key, value)| [key.clone(), value.clone()]);
            tags.chain([secret.name.clone()]).chain(secret.description.clone()).collect()
        },
        _ => {
            let allowed = "[description, name, tag-key, tag-value, primary-region, owning-service, all]";
            return Err(constraint("Key", Some(key), &format!("Member must satisfy enum value set: {allowed}")));
        }
    })
}

/// Values are prefixes, and a `!` before one negates it. Only `description` and `all` ignore case (Secrets Manager API
/// reference, Filter).
fn matches(fields: &[String], key: &str, value: &str) -> bool {
    let (wanted, prefix) = value.strip_prefix('!').map_or((true, value), |rest| (false, rest));
    let fold = |text: &str| {
        if matches!(key, "description" | "all") { text.to_lowercase() } else { text.to_owned() }
    };
    let prefix = fold(prefix);
    fields.iter().any(|field| fold(field).starts_with(&prefix)) == wanted
}

fn sort(secrets: &mut [&Secret], input: &Input<'_>) -> Result<(), ServiceError> {
    match input.text("SortBy", 1..=64)?.unwrap_or("created-date") {
        "created-date" => secrets.sort_by_key(|secret| secret.created),
        "last-accessed-date" => secrets.sort_by_key(|secret| secret.accessed),
        "last-changed-date" => secrets.sort_by_key(|secret| secret.changed),
        "name" => secrets.sort_by(|one, other| one.name.cmp(&other.name)),
        other => return Err(constraint("SortBy", Some(other), "Member must satisfy enum value set")),
    }
    if input.text("SortOrder", 1..=64)? == Some("desc") {
        secrets.reverse();
    }
    Ok(())
}

fn version_entry(version: &Version) -> Value {
    let mut entry = json!({
        "VersionId": version.id,
        "CreatedDate": epoch_seconds(version.created),
        "KmsKeyIds": ["DefaultEncryptionKey"],
    });
    if !version.labels.is_empty() {
        entry["VersionStages"] = json!(version.labels);
    }
    if let Some(accessed) = version.accessed {
        entry["LastAccessedDate"] = epoch_seconds(accessed);
    }
    entry
}

fn with_next(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    answer
}
