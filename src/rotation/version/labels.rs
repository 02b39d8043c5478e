//! The ids of secrets and versions, the labels of versions, and a store's description of a secret.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schedule::RotationRules;
use crate::rotation::error::{ErrorKind, Result, RotationError};

/// The label of the version that readers read.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version that a rotation creates.
pub const PENDING: &str = "AWSPENDING";
/// The label of the version that was current before.
pub const PREVIOUS: &str = "AWSPREVIOUS";
/// The label of the write-ahead entry for an in-place rotation of a client secret. Secrets Manager does not define it.
pub const AHEAD: &str = "ROTATOR_AHEAD";

/// The label of the lease: on the id of its holder, or on the version that it rests on. Secrets Manager does not define it.
pub const LEASE: &str = "ROTATOR_LEASE";

/// A secret's name, ARN or path in its store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretId(String);

impl SecretId {
    /// Creates an id without checks.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A version's id: the `ClientRequestToken` of the rotation that creates it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionId(String);

impl VersionId {
    /// Creates a random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4().to_string())
    }

    /// Parses an id of 32 to 64 characters (Secrets Manager API reference, `ClientRequestToken`).
    ///
    /// # Errors
    /// [`ErrorKind::EventInvalid`] for any other length.
    pub fn parse(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        let length = id.chars().count();
        if (32..=64).contains(&length) {
            return Ok(Self(id));
        }
        let message = format!("ClientRequestToken has {length} characters; it must have 32 to 64");
        Err(RotationError::new(ErrorKind::EventInvalid, message))
    }

    /// Creates an id from a store's answer, without checks.
    pub fn from_store(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// Returns the begin of a UUID, and any other id whole.
    #[cfg(feature = "demo")]
    pub(crate) fn short(&self) -> &str {
        match Uuid::try_parse(&self.0) {
            Ok(_) => self.0.split('-').next().unwrap_or(&self.0),
            Err(_) => &self.0,
        }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A version and its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledVersion {
    /// The version.
    pub id: VersionId,
    /// Its labels, including labels of other programs.
    pub labels: Vec<String>,
}

/// A secret's metadata, without its value.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The name.
    pub name: String,
    /// The ARN, if the store has ARNs.
    pub arn: Option<String>,
    /// Whether rotation is enabled; `None` if it was never configured.
    pub rotation_enabled: Option<bool>,
    /// The rotation schedule, if any.
    pub rotation_rules: Option<RotationRules>,
    /// The function that rotates it.
    pub rotation_function: Option<String>,
    /// When a rotation last succeeded.
    pub last_rotated: Option<Timestamp>,
    /// When the next one is due.
    pub next_rotation: Option<Timestamp>,
    /// The versions with at least one label.
    pub versions: Vec<LabelledVersion>,
}

impl Description {
    /// Returns a version's labels; `None` if it has none or does not exist.
    pub fn labels(&self, version: &VersionId) -> Option<&[String]> {
        self.versions.iter().find(|entry| entry.id == *version).map(|entry| entry.labels.as_slice())
    }

    /// Returns the version with a label.
    pub fn holder(&self, label: &str) -> Option<&VersionId> {
        self.versions.iter().find(|entry| entry.labels.iter().any(|have| have == label)).map(|entry| &entry.id)
    }

    /// Returns the longest time to the end of the next rotation, if there is a schedule.
    pub fn longest_gap(&self, now: Timestamp) -> Option<Duration> {
        self.rotation_rules.as_ref().and_then(|rules| rules.longest_gap(now))
    }

    /// Returns whether a name or ARN refers to this secret.
    pub fn is_named(&self, id: &str) -> bool {
        id == self.name || self.arn.as_deref().is_some_and(|arn| arn == id || names_same_secret(arn, id))
    }

    /// Returns whether a name or ARN refers to this secret; `*` at its end stands for any text.
    pub fn matches(&self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            None => self.is_named(pattern),
            Some(arn) if arn.starts_with("arn:") => self.arn.as_deref().is_some_and(|own| own.starts_with(arn)),
            Some(name) => self.name.starts_with(name),
        }
    }
}

/// An ARN may be written without its suffix of a dash and six random letters.
fn names_same_secret(arn: &str, partial: &str) -> bool {
    arn.strip_prefix(partial).is_some_and(|rest| rest.len() == 7 && rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_by_its_name_its_arn_and_its_arn_without_the_suffix() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token";
        let described = |suffix: &str| Description {
            name: "token".to_owned(),
            arn: Some(format!("{arn}{suffix}")),
            ..Description::default()
        };
        let secret = described("-AbCdEf");
        assert!(secret.is_named("token") && secret.is_named(arn) && secret.is_named(&format!("{arn}-AbCdEf")));
        assert!(!secret.is_named("toke") && !secret.is_named(&arn[..arn.len() - 1]));
        assert!(!described("-AbCdEfG").is_named(arn) && !described("xAbCdEf").is_named(arn));
    }

    #[test]
    fn a_secret_without_a_schedule_has_no_longest_gap() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(Description::default().longest_gap(now), None);
        let rotation_rules = Some(RotationRules { automatically_after_days: Some(1), ..RotationRules::default() });
        let scheduled = Description { rotation_rules, ..Description::default() };
        assert_eq!(scheduled.longest_gap(now), Some(Duration::from_secs(48 * 3600)));
    }
}
