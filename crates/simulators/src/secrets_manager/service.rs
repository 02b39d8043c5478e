//! The simulated service: its public face, and the dispatch of its actions.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::StatusCode;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::access::Access;
use super::error::{ActionResult, ServiceError, reply};
use super::input::Input;
use super::rotation::RotationOutcome;
use super::settings::SecretsManagerSettings;
use super::state::{SecretsState, Version};
use super::value::SecretValue;
use super::{cancel, create, delete, describe, get, list, put, stage, tags};
use crate::http::{Reply, Request, Service};
use crate::invoke::Invoke;

/// The caller in the text of AccessDeniedException.
const CALLER: &str = "arn:aws:sts::000000000000:assumed-role/genesys-rotator/simulated";
/// The prefix of an action's name in `X-Amz-Target`.
const TARGET: &str = "secretsmanager.";

type Action = fn(&mut SecretsState, &Input<'_>) -> ActionResult;

/// The simulated service. Clones share one state.
#[derive(Clone)]
pub struct SecretsManager(pub(super) Arc<Inner>);

pub(super) struct Inner {
    state: Mutex<SecretsState>,
    function: Mutex<Option<Arc<dyn Invoke>>>,
    pub(super) running: watch::Sender<usize>,
    pub(super) scheduler: OnceLock<()>,
}

/// A version of a secret, for inspection.
#[derive(Clone, PartialEq, Eq)]
pub struct VersionView {
    /// The version's id.
    pub id: String,
    /// Its staging labels, sorted; empty if it is deprecated.
    pub labels: Vec<String>,
    /// Its SecretString; `None` if it is empty or binary.
    pub value: Option<String>,
}

/// Omits the value.
impl fmt::Debug for VersionView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_ref().map(|_| "(hidden)");
        let mut view = formatter.debug_struct("VersionView");
        view.field("id", &self.id).field("labels", &self.labels).field("value", &value).finish()
    }
}

impl SecretsManager {
    /// Creates a service without secrets.
    pub fn new(settings: SecretsManagerSettings) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(SecretsState::new(settings)),
            function: Mutex::new(None),
            running: watch::Sender::new(0),
            scheduler: OnceLock::new(),
        }))
    }

    /// Sets the function that every RotationLambdaARN stands for. Without one, RotateSecret
    /// answers that the function cannot be invoked.
    pub fn set_function(&self, function: impl Invoke + 'static) {
        *self.0.function.lock() = Some(Arc::new(function));
    }

    /// Changes the settings, which later calls and rotation attempts use.
    pub fn set(&self, change: impl FnOnce(&mut SecretsManagerSettings)) {
        change(&mut self.state().settings);
    }

    /// Advances the service's clock.
    pub fn advance(&self, by: Duration) {
        self.state().clock.advance(by);
    }

    /// Returns all versions of a secret, given by name or ARN, in the order of their creation, and without stale reads.
    /// Empty if the secret does not exist.
    pub fn versions(&self, secret: &str) -> Vec<VersionView> {
        let mut state = self.state();
        let Ok(secret) = state.find(secret) else { return Vec::new() };
        let view = |version: &Version| VersionView {
            id: version.id.clone(),
            labels: version.labels.iter().cloned().collect(),
            value: match &version.value {
                Some(SecretValue::Text(text)) => Some(text.clone()),
                _ => None,
            },
        };
        secret.versions.iter().map(view).collect()
    }

    /// Returns whether a rotation of this secret is in progress.
    pub fn is_rotating(&self, secret: &str) -> bool {
        self.state().find(secret).is_ok_and(|secret| secret.running.is_some())
    }

    /// Returns the ended rotations, in the order of their ends.
    pub fn rotation_outcomes(&self) -> Vec<RotationOutcome> {
        self.state().outcomes.clone()
    }

    /// Returns the events sent to the function, oldest first, with their RotationToken.
    pub fn events(&self) -> Vec<Value> {
        self.state().events.clone()
    }

    /// Returns the last ten thousand events for EventBridge, oldest first.
    pub fn label_events(&self) -> Vec<Value> {
        self.state().label_events.list()
    }

    /// Returns the last ten thousand signed calls, oldest first.
    pub fn accesses(&self) -> Vec<Access> {
        self.state().accesses.list()
    }

    /// Clears the list of signed calls.
    pub fn forget_accesses(&self) {
        self.state().accesses.clear();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SecretsState> {
        self.0.state.lock()
    }

    pub(super) fn function(&self) -> Option<Arc<dyn Invoke>> {
        self.0.function.lock().clone()
    }

    pub(super) fn has_function(&self) -> bool {
        self.function().is_some()
    }

    async fn act(&self, request: &Request) -> ActionResult {
        let action = action_of(request);
        if action_named(action).is_none() && action != "RotateSecret" {
            return Err(ServiceError::new("UnknownOperationException", "The action isn't known."));
        }
        check_signature(request)?;
        let members = members_of(request)?;
        let input = Input::new(&members, access_key(request));
        note(&mut self.state(), request, action, &members);
        self.check_allowed(action, &members)?;
        match action_named(action) {
            Some(act) => act(&mut self.state(), &input),
            None => self.rotate_secret(&input).await,
        }
    }

    fn check_allowed(&self, action: &str, members: &Map<String, Value>) -> Result<(), ServiceError> {
        let mut state = self.state();
        if !state.settings.denied.contains(action) {
            return Ok(());
        }
        let id = members.get("SecretId").and_then(Value::as_str).unwrap_or("*");
        let resource = state.find(id).map_or_else(|_| id.to_owned(), |secret| secret.arn.clone());
        Err(ServiceError::access_denied(format!(
            "User: {CALLER} is not authorized to perform: secretsmanager:{action} on resource: {resource} because no \
             identity-based policy allows the secretsmanager:{action} action"
        )))
    }
}

impl fmt::Debug for SecretsManager {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SecretsManager").field("settings", &self.state().settings).finish_non_exhaustive()
    }
}

impl Service for SecretsManager {
    fn operation(&self, request: &Request) -> String {
        action_of(request).to_owned()
    }

    async fn answer(&self, request: Request) -> Reply {
        match self.act(&request).await {
            Ok(answer) => reply(StatusCode::OK, &answer),
            Err(error) => error.reply(),
        }
    }
}

/// The action's name, or an empty string if the request names none.
fn action_of(request: &Request) -> &str {
    request.header("x-amz-target").and_then(|target| target.strip_prefix(TARGET)).unwrap_or_default()
}

/// Returns the implementation of an action. RotateSecret is not among them, because it is asynchronous.
fn action_named(name: &str) -> Option<Action> {
    Some(match name {
        "BatchGetSecretValue" => get::batch_get_secret_value,
        "CancelRotateSecret" => cancel::cancel_rotate_secret,
        "CreateSecret" => create::create_secret,
        "DeleteSecret" => delete::delete_secret,
        "DescribeSecret" => describe::describe_secret,
        "GetSecretValue" => get::get_secret_value,
        "ListSecretVersionIds" => list::list_secret_version_ids,
        "ListSecrets" => list::list_secrets,
        "PutSecretValue" => put::put_secret_value,
        "RestoreSecret" => delete::restore_secret,
        "TagResource" => tags::tag_resource,
        "UntagResource" => tags::untag_resource,
        "UpdateSecret" => put::update_secret,
        "UpdateSecretVersionStage" => stage::update_secret_version_stage,
        _ => return None,
    })
}

/// Checks that the request is signed for this service. The signature itself is not verified, because the simulator knows
/// no credentials.
fn check_signature(request: &Request) -> Result<(), ServiceError> {
    let Some(authorization) = request.header("authorization") else {
        return Err(ServiceError::new(
            "MissingAuthenticationTokenException",
            "Request is missing Authentication Token",
        ));
    };
    let part = |name: &str| {
        let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
        fields.split(',').find_map(|field| field.trim().strip_prefix(name)).filter(|value| !value.is_empty())
    };
    let (Some(credential), Some(_), Some(_)) = (part("Credential="), part("SignedHeaders="), part("Signature=")) else {
        return Err(ServiceError::new(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters.",
        ));
    };
    if !credential.ends_with("/secretsmanager/aws4_request") {
        return Err(ServiceError::new(
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'secretsmanager'.",
        ));
    }
    Ok(())
}

fn members_of(request: &Request) -> Result<Map<String, Value>, ServiceError> {
    serde_json::from_slice(&request.body)
        .map_err(|_| ServiceError::serialization("The request body isn't a JSON object."))
}

/// Records a signed call.
pub(super) fn note(state: &mut SecretsState, request: &Request, action: &str, members: &Map<String, Value>) {
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
        requested_function: text("RotationLambdaARN"),
        tags: Vec::new(),
    };
    if let Ok(secret) = state.find(&id) {
        access.secret = secret.arn.clone();
        access.rotation_function = secret.rotation.as_ref().map(|rotation| rotation.function_arn.clone());
        access.tags = secret.tags.clone().unwrap_or_default();
    }
    state.accesses.add(access);
}

/// The access key in the credential's scope.
fn access_key(request: &Request) -> &str {
    let authorization = request.header("authorization").unwrap_or_default();
    let credential = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    credential.split('/').next().unwrap_or_default()
}
