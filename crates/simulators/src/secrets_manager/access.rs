//! Signed calls, with the properties that IAM policies evaluate.

use std::collections::VecDeque;

use serde::Serialize;

/// How many calls are kept. The oldest are dropped.
const CALLS_KEPT: usize = 10_000;

/// A call, allowed or denied, with its condition keys (Service Authorization Reference, "Actions, resources, and condition
/// keys for AWS Secrets Manager").
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    /// The access key that signed it.
    pub access_key: String,
    /// The action, such as `GetSecretValue`.
    pub action: String,
    /// The secret's ARN; the given id if the secret does not exist; `*` without an id.
    pub secret: String,
    /// The condition key `secretsmanager:VersionStage`: the staging label that the request names.
    pub version_stage: Option<String>,
    /// The condition key `secretsmanager:resource/AllowRotationLambdaArn`: the function that the secret is attached to.
    pub rotation_function: Option<String>,
    /// The condition key `secretsmanager:RotationLambdaARN`: the function that the request attaches.
    pub requested_function: Option<String>,
    /// The condition keys `aws:ResourceTag/…`: the secret's tags.
    pub tags: Vec<(String, String)>,
}

/// The calls, in the order of arrival.
#[derive(Default)]
pub(super) struct Accesses(VecDeque<Access>);

impl Accesses {
    pub(super) fn list(&self) -> Vec<Access> {
        self.0.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn add(&mut self, access: Access) {
        if self.0.len() >= CALLS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(access);
    }
}
