//! The client of AWS Secrets Manager, and its store.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::types::SecretVersionsListEntry;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::failure::{AwsCall, AwsError, code_of, incomplete, is_throttling, of_any_call};
use super::write_limit::WriteLimit;
use crate::rotation::{
    AHEAD, CURRENT, Description, ErrorKind, LEASE, LabelledVersion, Lease, PENDING, PREVIOUS, Result, RotationError,
    RotationRules, SecretId, SecretStore, Staged, StoredValue, VersionId, VersionSelector, WriteAhead,
};
use crate::secret::SecretString;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The quota of an account is 50 writes per second (Secrets Manager user guide, "Secrets Manager quotas"). A tenth of it
/// is left to other writers.
const WRITES_PER_SECOND: usize = 45;
/// The label of a version that is written before the lease moves to it.
const CLAIM: &str = "ROTATOR_CLAIM";
/// The maximum number of versions of a secret (Secrets Manager user guide, "Secrets Manager quotas").
const MOST_VERSIONS: usize = 100;
/// The age in seconds from which a version without labels is removed to make room for another one (same page).
const REMOVABLE_AFTER: i64 = 24 * 3600;
/// The versions that an in-place rotation still writes before its promotion: write-ahead entries, the staged value, and
/// a lease.
const ROOM: usize = 4;

/// Secrets Manager in one account and region. Clones share its connections.
#[derive(Clone, Debug)]
pub struct AwsSecretsManager {
    pub(super) client: Client,
    write_limit: Option<Arc<WriteLimit>>,
    ignores_disabled: bool,
}

impl AwsSecretsManager {
    /// Creates a client without retries: the core retries, within one deadline.
    pub fn new(config: &SdkConfig) -> Self {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(REQUEST_TIMEOUT);
        let config = aws_sdk_secretsmanager::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build())
            .build();
        Self { client: Client::from_conf(config), write_limit: None, ignores_disabled: false }
    }
}

impl AwsSecretsManager {
    /// Limits the writes of all clones together to the account's quota, for rotations of many secrets.
    #[must_use]
    pub fn with_write_limit(self) -> Self {
        Self { write_limit: Some(Arc::new(WriteLimit::per_second(WRITES_PER_SECOND))), ..self }
    }

    /// Describes a secret whose rotation is disabled like one that never had a rotation function.
    #[must_use]
    pub fn even_if_disabled(self) -> Self {
        Self { ignores_disabled: true, ..self }
    }

    /// Runs a write within the write limit.
    pub(super) async fn write<T, E: ProvideErrorMetadata>(
        &self,
        call: impl Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
    ) -> std::result::Result<T, AwsError> {
        let Some(limit) = &self.write_limit else { return call.await.map_err(of_any_call) };
        let _permit = limit.acquire().await;
        let done = call.await.map_err(of_any_call);
        if done.as_ref().is_err_and(|error| code_of(error).is_some_and(is_throttling)) {
            limit.pause();
        }
        done
    }

    async fn read_labelled(&self, secret: &SecretId, label: &str) -> Result<Option<StoredValue>> {
        let call = AwsCall { action: "GetSecretValue", secret };
        let request = self.client.get_secret_value().secret_id(secret.as_str()).version_stage(label);
        match request.send().await.map_err(of_any_call) {
            Ok(answer) => {
                let version = answer.version_id().and_then(|id| VersionId::parse(id).ok());
                Ok(Some(StoredValue { version, ..text_of(&call, answer)?.into() }))
            }
            Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(call.failed(&error)),
        }
    }

    /// Writes a version other than the rotation's, with a label. Secrets Manager may require the RotationToken for it, or
    /// refuse that: so it is sent first with the token, then without.
    async fn put_beside(
        &self,
        secret: &SecretId,
        version: (&VersionId, &str),
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        let call = AwsCall { action: "PutSecretValue", secret };
        let put = match self.put(secret, version, value, rotation_token).await {
            Err(error) if rotation_token.is_some() && call.may_refuse_token(&error) => {
                let put = self.put(secret, version, value, None).await;
                put.map_err(
                    |error| if call.may_refuse_token(&error) { call.refused_beside() } else { call.failed(&error) },
                )
            }
            put => put.map_err(|error| call.failed(&error)),
        };
        put?.ok_or_else(|| incomplete(&call))
    }

    /// Writes a version with a label; `None` if the answer is about another version.
    async fn put(
        &self,
        secret: &SecretId,
        (version, label): (&VersionId, &str),
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> std::result::Result<Option<Staged>, AwsError> {
        let request = self
            .client
            .put_secret_value()
            .secret_id(secret.as_str())
            .client_request_token(version.as_str())
            .secret_string(value.expose_secret())
            .version_stages(label)
            .set_rotation_token(rotation_token.map(|token| token.expose_secret().to_owned()));
        match self.write(request.send()).await {
            Ok(answer) => Ok((answer.version_id() == Some(version.as_str())).then_some(Staged::Stored)),
            Err(error) if code_of(&error) == Some("ResourceExistsException") => Ok(Some(Staged::HeldAnother)),
            Err(error) => Err(error),
        }
    }

    /// Moves a label by compare-and-set: `from` is its present holder, and `None` stands for no version.
    async fn move_label(
        &self,
        label: &str,
        secret: &SecretId,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
    ) -> Result<()> {
        let call = AwsCall { action: "UpdateSecretVersionStage", secret };
        let id = |version: &VersionId| version.as_str().to_owned();
        let request = self
            .client
            .update_secret_version_stage()
            .secret_id(secret.as_str())
            .version_stage(label)
            .set_move_to_version_id(to.map(id))
            .set_remove_from_version_id(from.map(id));
        let answer = self.write(request.send()).await.map_err(|error| call.failed_to_move_label(&error))?;
        answer.name().map(|_| ()).ok_or_else(|| incomplete(&call))
    }
}

impl SecretStore for AwsSecretsManager {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        let call = AwsCall { action: "DescribeSecret", secret };
        let answer = self.client.describe_secret().secret_id(secret.as_str()).send().await.map_err(of_any_call);
        let described = description(answer.map_err(|error| call.failed(&error))?).ok_or_else(|| incomplete(&call))?;
        let rotation_enabled = described.rotation_enabled.filter(|enabled| *enabled || !self.ignores_disabled);
        Ok(Description { rotation_enabled, ..described })
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        let version = match selector {
            VersionSelector::Current => return self.read_labelled(secret, CURRENT).await,
            VersionSelector::Previous => return self.read_labelled(secret, PREVIOUS).await,
            VersionSelector::Pending(version) => version,
        };
        let call = AwsCall { action: "GetSecretValue", secret };
        // The version must match both its id and the pending label.
        let request = self.client.get_secret_value().secret_id(secret.as_str());
        match request.version_id(version.as_str()).version_stage(PENDING).send().await.map_err(of_any_call) {
            Ok(answer) => text_of(&call, answer).map(|text| Some(text.into())),
            Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
            // "You provided a VersionStage that is not associated to the provided VersionId."
            Err(error) if call.says(&error, "VersionStage") => Ok(None),
            Err(error) => Err(call.failed(&error)),
        }
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        let call = AwsCall { action: "PutSecretValue", secret };
        let put = self.put(secret, (version, PENDING), value, rotation_token).await;
        put.map_err(|error| call.failed(&error))?.ok_or_else(|| incomplete(&call))
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        self.move_label(CURRENT, secret, over.version.as_ref(), Some(version)).await
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        self.move_label(PENDING, secret, Some(version), None).await
    }
}

/// Secrets Manager deletes versions without labels.
impl WriteAhead for AwsSecretsManager {
    async fn write_intent(
        &self,
        secret: &SecretId,
        id: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        self.put_beside(secret, (id, AHEAD), value, rotation_token).await.map(drop)
    }

    async fn read_intent(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        Ok(self.read_labelled(secret, AHEAD).await?.map(|stored| stored.text))
    }

    async fn clear_intent(&self, secret: &SecretId, id: &VersionId) -> Result<()> {
        self.move_label(AHEAD, secret, Some(id), None).await
    }

    async fn check_room(&self, secret: &SecretId) -> Result<()> {
        let call = AwsCall { action: "ListSecretVersionIds", secret };
        let request = self.client.list_secret_version_ids().secret_id(secret.as_str()).include_deprecated(true);
        let answer = request.send().await.map_err(|error| call.failed(&of_any_call(error)))?;
        let versions = answer.versions.unwrap_or_default();
        // The lease was written just now.
        let now = versions.iter().filter_map(|version| version.created_date).map(|date| date.secs()).max();
        let is_kept = |version: &&SecretVersionsListEntry| {
            let age = now.zip(version.created_date).map(|(now, created)| now - created.secs());
            !version.version_stages().is_empty() || age.is_none_or(|age| age < REMOVABLE_AFTER)
        };
        let versions = versions.iter().filter(is_kept).count();
        if versions <= MOST_VERSIONS - ROOM {
            return Ok(());
        }
        let message = format!(
            "the secret {secret} has {versions} versions that Secrets Manager keeps; the limit is {MOST_VERSIONS}"
        );
        Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(
            "rotate less often, or wait: Secrets Manager removes versions without labels 24 hours after they were created",
        ))
    }
}

impl Lease for AwsSecretsManager {
    async fn take_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        seen: Option<&VersionId>,
        rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        // A write takes its label from any other version, so this one gets the label CLAIM first.
        let value = SecretString::from(r#"{"lease":"the version's id is lease-END-ID; END is a Unix time"}"#);
        self.put_beside(secret, (holder, CLAIM), &value, rotation_token).await?;
        match self.move_label(LEASE, secret, seen, Some(holder)).await {
            Err(error) if error.kind() == ErrorKind::StoreConflict => {
                // The answer to an earlier call may have been lost.
                let is_moved = self.describe(secret).await?.holder(LEASE) == Some(holder);
                if is_moved { Ok(()) } else { Err(error) }
            }
            moved => moved,
        }
    }

    async fn release_lease(&self, secret: &SecretId, holder: &VersionId, version: &VersionId) -> Result<()> {
        self.move_label(LEASE, secret, Some(holder), Some(version)).await
    }
}

fn text_of(call: &AwsCall<'_>, answer: GetSecretValueOutput) -> Result<SecretString> {
    match (answer.secret_string, answer.secret_binary) {
        (Some(text), _) => Ok(SecretString::from(text)),
        (None, Some(_)) => {
            let message = format!("the secret {} has a binary value", call.secret);
            let hint = "store the document as text: `aws secretsmanager put-secret-value --secret-string`";
            Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint))
        }
        (None, None) => Err(incomplete(call)),
    }
}

/// Returns `None` if the answer has no name.
fn description(answer: DescribeSecretOutput) -> Option<Description> {
    let rules = answer.rotation_rules.map(|rules| RotationRules {
        automatically_after_days: rules.automatically_after_days,
        schedule_expression: rules.schedule_expression,
        duration: rules.duration,
    });
    let labelled = answer.version_ids_to_stages.unwrap_or_default().into_iter();
    let mut versions: Vec<LabelledVersion> =
        labelled.map(|(id, labels)| LabelledVersion { id: VersionId::from_store(id), labels }).collect();
    versions.sort_by(|left, right| left.id.cmp(&right.id));
    Some(Description {
        name: answer.name?,
        arn: answer.arn,
        rotation_enabled: answer.rotation_enabled,
        rotation_rules: rules,
        rotation_function: answer.rotation_lambda_arn,
        last_rotated: answer.last_rotated_date.and_then(timestamp),
        next_rotation: answer.next_rotation_date.and_then(timestamp),
        versions,
    })
}

fn timestamp(time: aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.secs()).ok()
}
