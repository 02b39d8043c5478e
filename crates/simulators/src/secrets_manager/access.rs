//! Who called what on which secret: all that a policy judges a call by.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Map, Value};

use super::state::State;
use crate::http::Request;

/// How many calls are kept; the oldest give way.
const CALLS_KEPT: usize = 10_000;

/// One call, allowed or not, with what policies may ask about it
/// (Service Authorization Reference, "Actions, resources, and condition keys for AWS Secrets Manager").
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    /// The access key that signed it.
    pub access_key: String,
    /// The action, such as `GetSecretValue`.
    pub action: String,
    /// The secret's ARN; where there is no such secret, the id that was given; `*` where none was.
    pub secret: String,
    /// The condition key `secretsmanager:VersionStage`: the staging label that the request names.
    pub version_stage: Option<String>,
    /// The condition key `secretsmanager:resource/AllowRotationLambdaArn`: the function that the secret is attached to.
    pub rotation_function: Option<String>,
    /// The condition keys `aws:ResourceTag/…`: the secret's tags.
    pub tags: Vec<(String, String)>,
}

/// The calls in the order of their arrival.
#[derive(Default)]
pub(super) struct Accesses(VecDeque<Access>);

impl Accesses {
    pub(super) fn list(&self) -> Vec<Access> {
        self.0.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn add(&mut self, access: Access) {
        if self.0.len() >= CALLS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(access);
    }
}

/// Writes a signed call down.
pub(super) fn note(state: &mut State, request: &Request, action: &str, members: &Map<String, Value>) {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = text("SecretId").unwrap_or_else(|| "*".to_owned());
    let labels = members.get("VersionStages").and_then(Value::as_array);
    let label = labels.and_then(|labels| labels.first()).and_then(Value::as_str).map(str::to_owned);
    let mut access = Access {
        access_key: access_key(request).to_owned(),
        action: action.to_owned(),
        secret: id.clone(),
        version_stage: text("VersionStage").or(label),
        rotation_function: None,
        tags: Vec::new(),
    };
    if let Ok(secret) = state.find(&id) {
        access.secret = secret.arn.clone();
        access.rotation_function = secret.rotation.as_ref().map(|rotation| rotation.function_arn.clone());
        access.tags = secret.tags.clone();
    }
    state.accesses.add(access);
}

/// The first part of the credential's scope.
fn access_key(request: &Request) -> &str {
    let authorization = request.header("authorization").unwrap_or_default();
    let credential = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    credential.split('/').next().unwrap_or_default()
}
