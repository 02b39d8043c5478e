//! ListSecrets and ListSecretVersionIds.

use serde_json::{Value, json};

use super::clock::epoch_seconds;
use super::describe::describe;
use super::error::{ActionResult, ServiceError};
use super::input::{Input, check_length, constraint};
use super::state::{Secret, SecretsState, Version};

const FILTER_KEYS: [&str; 7] =
    ["description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"];

pub(super) fn list_secrets(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["IncludePlannedDeletion", "MaxResults", "NextToken", "Filters", "SortOrder", "SortBy"])?;
    let page = Page::read(input, 100)?.of_at_most(state.settings.largest_page);
    let deleted_too = input.flag("IncludePlannedDeletion")?.unwrap_or(false);
    let (now, hourly) = (state.clock.now(), state.settings.hourly_rate_days);
    let mut found = matching(state.listed(), input)?;
    found.retain(|secret| deleted_too || secret.deletion.is_none());
    sort(&mut found, input)?;
    let page = page.cut(found);
    let entry = |secret: &&Secret| Value::Object(describe(secret, "SecretVersionsToStages", now, hourly));
    let entries: Vec<Value> = page.items.iter().map(entry).collect();
    Ok(with_next(json!({ "SecretList": entries }), page.next))
}

pub(super) fn list_secret_version_ids(state: &mut SecretsState, input: &Input<'_>) -> ActionResult {
    input.only(&["SecretId", "MaxResults", "NextToken", "IncludeDeprecated"])?;
    let id = input.secret_id()?;
    let page = Page::read(input, 100)?;
    let deprecated_too = input.flag("IncludeDeprecated")?.unwrap_or(false);
    let secret = state.find(id)?;
    let listed = secret.versions.iter().filter(|version| deprecated_too || !version.labels.is_empty());
    // Only versions with a value are listed (API reference, `ListSecretVersionIds`).
    let page = page.cut(listed.filter(|version| version.value.is_some()).map(version_entry).collect());
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
    pub(super) fn read(input: &Input<'_>, limit: u8) -> Result<Self, ServiceError> {
        let size = input.number("MaxResults", Some(1..=limit.into()))?;
        let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(limit.into());
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
    let filters = input.structures("Filters")?.unwrap_or_default();
    check_length("Filters", None, filters.len(), &(0..=10))?;
    for filter in filters {
        filter.only(&["Key", "Values"])?;
        let key = filter.one_of("Key", &FILTER_KEYS)?.unwrap_or_default();
        let values = filter.texts("Values", 0..=512)?.unwrap_or_default();
        check_length("Values", None, values.len(), &(1..=10))?;
        check_values(&values)?;
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
        "tag-key" => |secret| secret.tags.iter().flatten().map(|(key, _)| key.clone()).collect(),
        "tag-value" => |secret| secret.tags.iter().flatten().map(|(_, value)| value.clone()).collect(),
        // Neither replicas nor other services' secrets are simulated.
        "primary-region" | "owning-service" => |_| Vec::new(),
        "all" => |secret| {
            let tags = secret.tags.iter().flatten().flat_map(|(key, value)| [key.clone(), value.clone()]);
            tags.chain([secret.name.clone()]).chain(secret.description.clone()).collect()
        },
        _ => return Err(ServiceError::invalid_parameter("A filter must have a key.")),
    })
}

/// Values are prefixes, and a `!` before one negates it. `description` and `all` ignore case and compare words: each word
/// of the value must begin a word (API reference, `Filter`; runs of AWS by LocalStack's tests).
fn matches(fields: &[String], key: &str, value: &str) -> bool {
    let (wanted, value) = value.strip_prefix('!').map_or((true, value), |rest| (false, rest));
    if !matches!(key, "description" | "all") {
        return fields.iter().any(|field| field.starts_with(value)) == wanted;
    }
    let fields: Vec<String> = fields.iter().map(|field| field.to_lowercase()).collect();
    let begins = |word: &str| fields.iter().flat_map(|field| field.split_whitespace()).any(|own| own.starts_with(word));
    value.to_lowercase().split_whitespace().all(begins) == wanted
}

fn check_values(values: &[String]) -> Result<(), ServiceError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || " :_@/+=.-!".contains(letter);
    let Some(value) = values.iter().find(|value| !value.chars().all(allowed)) else { return Ok(()) };
    let pattern = r"Member must satisfy regular expression pattern: ^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$";
    Err(constraint("Values", Some(value), pattern))
}

fn sort(secrets: &mut [&Secret], input: &Input<'_>) -> Result<(), ServiceError> {
    match input.one_of("SortBy", &["created-date", "last-accessed-date", "last-changed-date", "name"])? {
        Some("last-accessed-date") => secrets.sort_by_key(|secret| secret.accessed),
        Some("last-changed-date") => secrets.sort_by_key(|secret| secret.changed),
        Some("name") => secrets.sort_by(|one, other| one.name.cmp(&other.name)),
        _ => secrets.sort_by_key(|secret| secret.created),
    }
    if input.one_of("SortOrder", &["asc", "desc"])? == Some("desc") {
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
