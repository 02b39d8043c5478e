//! Versions of a secret, the labels on them, and what a store says of both.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schedule::RotationRules;
use crate::rotation::error::{ErrorKind, Result, RotationError};

/// The label on the version that readers read.
pub const CURRENT: &str = "AWSCURRENT";
/// The label on the version that a rotation is working on.
pub const PENDING: &str = "AWSPENDING";
/// The label on the version that was current before.
pub const PREVIOUS: &str = "AWSPREVIOUS";
/// The label on what is written down before a client's own secret is replaced. It is not one of Secrets Manager's own.
pub const AHEAD: &str = "ROTATOR_AHEAD";

/// A secret's name, ARN or path, as its store understands it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretId(String);

impl SecretId {
    /// Takes the id as it is.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A version's id, which is the `ClientRequestToken` of the rotation that makes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionId(String);

impl VersionId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4().to_string())
    }

    /// Takes an id of 32 to 64 characters (Secrets Manager API reference, `ClientRequestToken`).
    ///
    /// # Errors
    /// [`ErrorKind::EventInvalid`] for any other length.
    pub fn parse(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        let length = id.chars().count();
        if (32..=64).contains(&length) {
            return Ok(Self(id));
        }
        let message = format!("ClientRequestToken has {length} characters, and must have 32 to 64");
        Err(RotationError::new(ErrorKind::EventInvalid, message))
    }

    /// Takes an id that a store reported, whatever its form.
    pub fn from_store(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A version and the labels on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledVersion {
    /// The version.
    pub id: VersionId,
    /// Its labels; those of other people are here too.
    pub labels: Vec<String>,
}

/// What a store says of a secret without showing its value.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The name people know it by.
    pub name: String,
    /// The ARN, where the store has such a thing.
    pub arn: Option<String>,
    /// Whether rotation is on; `None` where it was never configured.
    pub rotation_enabled: Option<bool>,
    /// The rotation schedule, where there is one.
    pub rotation_rules: Option<RotationRules>,
    /// The function that rotates it.
    pub rotation_function: Option<String>,
    /// When a rotation last succeeded.
    pub last_rotated: Option<Timestamp>,
    /// When the next one is due.
    pub next_rotation: Option<Timestamp>,
    /// The versions that bear a label.
    pub versions: Vec<LabelledVersion>,
}

impl Description {
    /// The labels of a version; `None` where no labelled version has this id.
    pub fn labels(&self, version: &VersionId) -> Option<&[String]> {
        self.versions.iter().find(|entry| entry.id == *version).map(|entry| entry.labels.as_slice())
    }

    /// The version that bears a label.
    pub fn holder(&self, label: &str) -> Option<&VersionId> {
        self.versions.iter().find(|entry| entry.labels.iter().any(|have| have == label)).map(|entry| &entry.id)
    }

    /// Whether an id, name or ARN names this secret.
    pub fn is_named(&self, id: &str) -> bool {
        id == self.name || self.arn.as_deref().is_some_and(|arn| arn == id || names_same_secret(arn, id))
    }
}

/// An ARN may be written without the six random letters at its end.
fn names_same_secret(arn: &str, partial: &str) -> bool {
    arn.strip_prefix(partial).is_some_and(|rest| rest.len() == 7 && rest.starts_with('-'))
}
