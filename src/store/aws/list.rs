//! Which secrets there are (Secrets Manager API reference, `ListSecrets` and `Filter`).

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};
use jiff::Timestamp;

use super::failure::Call;
use super::{AwsSecretsManager, timestamp};
use crate::rotation::{Result, SecretId};

/// The longest value of a filter, in characters.
const LONGEST_VALUE: usize = 512;

/// Which secrets are wanted: those that match all of it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Tags that a secret bears, each with its value or with any.
    pub tags: Vec<(String, Option<String>)>,
    /// What a secret's name begins with.
    pub prefix: Option<String>,
    /// The ARN of the function that rotates a secret.
    pub rotation_function: Option<String>,
}

/// A secret that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The secret's name.
    pub secret: SecretId,
    /// Whether Secrets Manager rotates it.
    pub rotates: bool,
    /// When a rotation by Secrets Manager last succeeded.
    pub last_rotated: Option<Timestamp>,
}

impl AwsSecretsManager {
    /// The secrets here that are wanted, in the order of their names. Those that another AWS service owns are left out.
    ///
    /// # Errors
    /// As for reading.
    pub async fn list(&self, wanted: &Wanted) -> Result<Vec<Listed>> {
        let everything = SecretId::new("*");
        let call = Call { action: "ListSecrets", secret: &everything };
        let mut pages = self.client.list_secrets().set_filters(wanted.filters()).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(&error))?;
            let entries = page.secret_list().iter().filter(|entry| entry.owning_service().is_none());
            found.extend(entries.filter(|entry| wanted.fits(entry)).filter_map(listed));
        }
        // A secret that changes while the pages are read may be on two of them.
        found.sort_by(|one, other| one.secret.as_str().cmp(other.secret.as_str()));
        found.dedup_by(|one, other| one.secret == other.secret);
        Ok(found)
    }
}

impl Wanted {
    /// What the service itself can leave out. It takes values for prefixes, and the key of one tag with the value of
    /// another for a match: [`fits`](Self::fits) looks again.
    fn filters(&self) -> Option<Vec<Filter>> {
        let tag = self.tags.first();
        let key = tag.map(|(key, _)| (FilterNameStringType::TagKey, key));
        let value = tag.and_then(|(_, value)| Some((FilterNameStringType::TagValue, value.as_ref()?)));
        let name = self.prefix.as_ref().map(|prefix| (FilterNameStringType::Name, prefix));
        let filters = [key, value, name].into_iter().flatten().filter(|(_, text)| is_filter_value(text));
        let filters: Vec<_> = filters.map(|(key, text)| Filter::builder().key(key).values(text).build()).collect();
        (!filters.is_empty()).then_some(filters)
    }

    fn fits(&self, entry: &SecretListEntry) -> bool {
        let bears = |(key, value): &(String, Option<String>)| {
            let mut tags = entry.tags().iter().filter(|tag| tag.key() == Some(key));
            tags.any(|tag| value.is_none() || tag.value().unwrap_or_default() == value.as_deref().unwrap_or_default())
        };
        let named = self.prefix.as_deref().is_none_or(|prefix| entry.name().unwrap_or_default().starts_with(prefix));
        let function = self.rotation_function.as_deref();
        let rotated_by = function.is_none_or(|function| entry.rotation_lambda_arn() == Some(function));
        named && rotated_by && self.tags.iter().all(bears)
    }
}

/// Whether the service takes a text for what it is: a `!` before it would turn the filter round.
fn is_filter_value(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || " :_@/+=.-!".contains(letter);
    !text.is_empty() && text.len() <= LONGEST_VALUE && !text.starts_with('!') && text.chars().all(allowed)
}

fn listed(entry: &SecretListEntry) -> Option<Listed> {
    let last_rotated = entry.last_rotated_date().copied().and_then(timestamp);
    let rotates = entry.rotation_enabled() == Some(true);
    Some(Listed { secret: SecretId::new(entry.name()?), rotates, last_rotated })
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

    fn tagged(tags: &[(&str, Option<&str>)]) -> Wanted {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect();
        Wanted { tags, ..Wanted::default() }
    }

    #[test]
    fn a_tag_is_matched_whole_and_with_its_own_value() {
        let entry = entry(&[("team", "contact"), ("stage", "prod")]);
        for tags in [&[("team", Some("contact"))][..], &[("team", None), ("stage", Some("prod"))]] {
            assert!(tagged(tags).fits(&entry), "{tags:?}");
        }
        for tags in [&[("team", Some("cont"))][..], &[("tea", None)], &[("team", Some("prod"))], &[("owner", None)]] {
            assert!(!tagged(tags).fits(&entry), "{tags:?}");
        }
    }

    #[test]
    fn names_and_functions_are_matched() {
        let entry = entry(&[]);
        let named = |prefix: &str| Wanted { prefix: Some(prefix.to_owned()), ..Wanted::default() };
        assert!(named("prod/").fits(&entry) && !named("prod/x").fits(&entry));
        let by = |arn: &str| Wanted { rotation_function: Some(arn.to_owned()), ..Wanted::default() };
        assert!(by(FUNCTION).fits(&entry) && !by("arn:aws:lambda:eu-west-1:123456789012:function:other").fits(&entry));
    }

    #[test]
    fn what_the_service_would_misread_is_left_to_the_second_look() {
        assert!(tagged(&[("!team", None)]).filters().is_none());
        assert!(tagged(&[("équipe", Some("a"))]).filters().is_some_and(|filters| filters.len() == 1));
        assert!(tagged(&[("team", Some(""))]).filters().is_some_and(|filters| filters.len() == 1));
        assert!(Wanted::default().filters().is_none());
    }
}
