//! Lists secrets (Secrets Manager API reference, `ListSecrets` and `Filter`).

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};

use super::client::AwsSecretsManager;
use super::failure::{AwsCall, of_any_call};
use crate::rotation::{Result, SecretId};

/// The maximum length of a filter value, in characters.
const LONGEST_VALUE: usize = 512;

/// Selects the secrets that match every field.
#[derive(Clone, Debug, Default)]
pub struct SecretFilter {
    /// Tags of the secret; `None` matches any value of a tag.
    pub tags: Vec<(String, Option<String>)>,
    /// The prefix of the secret's name.
    pub prefix: Option<String>,
    /// The ARN of the secret's rotation function.
    pub rotation_function: Option<String>,
}

/// A secret in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSecret {
    /// The secret's name.
    pub secret: SecretId,
    /// Whether rotation is enabled.
    pub rotates: bool,
    /// Whether rotation is enabled, or was once.
    pub was_configured: bool,
}

impl AwsSecretsManager {
    /// Returns the matching secrets, sorted by name, without replicas, whose rotation runs in the primary
    /// region, and without those that another AWS service owns.
    ///
    /// # Errors
    /// As for reading.
    pub async fn list(&self, filter: &SecretFilter) -> Result<Vec<ListedSecret>> {
        let everything = SecretId::new("*");
        let call = AwsCall { action: "ListSecrets", secret: &everything };
        let mut pages = self.client.list_secrets().set_filters(filter.filters()).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(&of_any_call(error)))?;
            let entries = page.secret_list().iter().filter(|entry| is_ours(entry) && filter.matches(entry));
            found.extend(entries.filter_map(listed));
        }
        // A secret that changes during the listing can be on two pages.
        found.sort_by(|one, other| one.secret.as_str().cmp(other.secret.as_str()));
        found.dedup_by(|one, other| one.secret == other.secret);
        Ok(found)
    }
}

impl SecretFilter {
    /// Whether it selects every secret.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.prefix.is_none() && self.rotation_function.is_none()
    }

    /// Returns the filters of the request. Secrets Manager matches prefixes of values, and one tag's key with another
    /// tag's value, so [`matches`](Self::matches) filters the answer again.
    fn filters(&self) -> Option<Vec<Filter>> {
        let tag = self.tags.first();
        let key = tag.map(|(key, _)| (FilterNameStringType::TagKey, key));
        let value = tag.and_then(|(_, value)| Some((FilterNameStringType::TagValue, value.as_ref()?)));
        let name = self.prefix.as_ref().map(|prefix| (FilterNameStringType::Name, prefix));
        let filters = [key, value, name].into_iter().flatten().filter(|(_, text)| is_filter_value(text));
        let filters: Vec<_> = filters.map(|(key, text)| Filter::builder().key(key).values(text).build()).collect();
        (!filters.is_empty()).then_some(filters)
    }

    fn matches(&self, entry: &SecretListEntry) -> bool {
        let has_tag = |(key, value): &(String, Option<String>)| {
            let mut tags = entry.tags().iter().filter(|tag| tag.key() == Some(key));
            tags.any(|tag| value.is_none() || tag.value().unwrap_or_default() == value.as_deref().unwrap_or_default())
        };
        let named = self.prefix.as_deref().is_none_or(|prefix| entry.name().unwrap_or_default().starts_with(prefix));
        let function = self.rotation_function.as_deref();
        let rotated_by = function.is_none_or(|function| entry.rotation_lambda_arn() == Some(function));
        named && rotated_by && self.tags.iter().all(has_tag)
    }
}

/// Returns whether a filter value is valid. A leading `!` would negate the filter.
fn is_filter_value(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || " :_@/+=.-!".contains(letter);
    !text.is_empty() && text.len() <= LONGEST_VALUE && !text.starts_with('!') && text.chars().all(allowed)
}

fn is_ours(entry: &SecretListEntry) -> bool {
    entry.owning_service().is_none() && !is_replica(entry)
}

/// Whether the secret is a copy of one in another region (Secrets Manager API reference, `SecretListEntry`, `PrimaryRegion`).
fn is_replica(entry: &SecretListEntry) -> bool {
    let region = entry.arn().and_then(|arn| arn.split(':').nth(3));
    entry.primary_region().is_some_and(|primary| region.is_some_and(|region| region != primary))
}

fn listed(entry: &SecretListEntry) -> Option<ListedSecret> {
    let rotates = entry.rotation_enabled() == Some(true);
    let was_configured = entry.rotation_enabled().is_some() || entry.rotation_lambda_arn().is_some();
    Some(ListedSecret { secret: SecretId::new(entry.name()?), rotates, was_configured })
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::types::Tag;

    use super::*;

    const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:rotate-genesys";

    fn entry(tags: &[(&str, &str)]) -> SecretListEntry {
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
        SecretListEntry::builder().name("prod/genesys").rotation_lambda_arn(FUNCTION).set_tags(Some(tags)).build()
    }

    fn tagged(tags: &[(&str, Option<&str>)]) -> SecretFilter {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect();
        SecretFilter { tags, ..SecretFilter::default() }
    }

    #[test]
    fn a_tag_matches_by_its_whole_key_and_its_own_value() {
        let entry = entry(&[("team", "contact"), ("stage", "prod")]);
        for tags in [&[("team", Some("contact"))][..], &[("team", None), ("stage", Some("prod"))]] {
            assert!(tagged(tags).matches(&entry), "{tags:?}");
        }
        for tags in [&[("team", Some("cont"))][..], &[("tea", None)], &[("team", Some("prod"))], &[("owner", None)]] {
            assert!(!tagged(tags).matches(&entry), "{tags:?}");
        }
    }

    #[test]
    fn replicas_and_secrets_of_other_services_are_not_listed() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/genesys-AbCdEf";
        let entry = |primary: Option<&str>| {
            SecretListEntry::builder().arn(arn).set_primary_region(primary.map(str::to_owned)).build()
        };
        assert!(!is_ours(&entry(Some("us-east-1"))));
        assert!(is_ours(&entry(Some("eu-west-1"))) && is_ours(&entry(None)));
        assert!(!is_ours(&SecretListEntry::builder().arn(arn).owning_service("rds").build()));
    }

    #[test]
    fn name_prefixes_and_functions_match() {
        let entry = entry(&[]);
        let named = |prefix: &str| SecretFilter { prefix: Some(prefix.to_owned()), ..SecretFilter::default() };
        assert!(named("prod/").matches(&entry) && !named("prod/x").matches(&entry));
        let by = |arn: &str| SecretFilter { rotation_function: Some(arn.to_owned()), ..SecretFilter::default() };
        assert!(
            by(FUNCTION).matches(&entry) && !by("arn:aws:lambda:eu-west-1:123456789012:function:other").matches(&entry)
        );
    }

    #[test]
    fn values_that_secrets_manager_misreads_are_not_sent_as_filters() {
        assert!(tagged(&[("!team", None)]).filters().is_none());
        assert!(tagged(&[("équipe", Some("a"))]).filters().is_some_and(|filters| filters.len() == 1));
        assert!(tagged(&[("team", Some(""))]).filters().is_some_and(|filters| filters.len() == 1));
        assert!(SecretFilter::default().filters().is_none());
    }
}
