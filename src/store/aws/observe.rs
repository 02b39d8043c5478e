//! Observes the behavior of Secrets Manager that the rotation depends on, with a secret of its own.

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::client::AwsSecretsManager;
use super::failure::{AwsCall, of_any_call};
use crate::rotation::{AHEAD, CURRENT, Observation, PENDING, PREVIOUS, Result, SecretId, VersionId};

const FIRST: &str = r#"{"value":"first"}"#;
const SECOND: &str = r#"{"value":"second"}"#;

impl AwsSecretsManager {
    /// Observes the rotation rules of a secret, which is only described.
    ///
    /// # Errors
    /// As for reading.
    pub async fn observe_rules(&self, secret: &SecretId) -> Result<Vec<Observation>> {
        let call = AwsCall { action: "DescribeSecret", secret };
        let described = self.client.describe_secret().secret_id(secret.as_str()).send().await;
        let described = described.map_err(|error| call.failed(&of_any_call(error)))?;
        let rules = described.rotation_rules();
        let days = rules.is_some_and(|rules| rules.automatically_after_days().is_some());
        let expression = rules.is_some_and(|rules| rules.schedule_expression().is_some());
        let seen = match (days, expression) {
            (true, true) => "both",
            (true, false) => "days",
            (false, true) => "an expression",
            (false, false) => "none",
        };
        let rules = &["both", "days", "an expression", "none"];
        Ok(vec![Observation::new("secrets-manager.rotation-rules", rules, seen)])
    }

    /// Creates the secret `name`, observes versions and labels, and deletes it without recovery, also after a failure.
    ///
    /// # Errors
    /// The secret cannot be created or deleted, or a call is not answered.
    pub async fn observe_versions(&self, name: &SecretId) -> Result<Vec<Observation>> {
        let create = AwsCall { action: "CreateSecret", secret: name };
        let first = VersionId::random();
        let request = self.client.create_secret().name(name.as_str()).client_request_token(first.as_str());
        let created = request.secret_string(FIRST).send().await.map_err(of_any_call);
        let seen = match &created {
            Ok(_) => self.observe_created(name, &first).await,
            Err(error @ SdkError::ServiceError(_)) => return Err(create.failed(error)),
            // The answer may be lost, and the secret exist.
            Err(error) => Err(create.failed(error)),
        };
        let delete = AwsCall { action: "DeleteSecret", secret: name };
        let request = self.client.delete_secret().secret_id(name.as_str()).force_delete_without_recovery(true);
        request.send().await.map_err(|error| delete.failed(&of_any_call(error)))?;
        seen
    }

    async fn observe_created(&self, name: &SecretId, first: &VersionId) -> Result<Vec<Observation>> {
        let second = VersionId::random();
        let put = |version: &VersionId, value: &str, label: &str| {
            let request = self.client.put_secret_value().secret_id(name.as_str()).secret_string(value);
            request.client_request_token(version.as_str()).version_stages(label).send()
        };
        let move_current = |from: Option<&VersionId>| {
            let request = self.client.update_secret_version_stage().secret_id(name.as_str()).version_stage(CURRENT);
            let from = from.map(|version| version.as_str().to_owned());
            request.move_to_version_id(second.as_str()).set_remove_from_version_id(from).send()
        };
        let pending = self.client.get_secret_value().secret_id(name.as_str()).version_stage(PENDING).send().await;
        let mut seen = vec![
            Observation::new("secrets-manager.read-missing-label", &["ResourceNotFoundException"], outcome(&pending)),
            Observation::new("secrets-manager.put-same-value-again", &["accepted"], {
                outcome(&put(first, FIRST, CURRENT).await)
            }),
            Observation::new("secrets-manager.put-another-value", &["ResourceExistsException"], {
                outcome(&put(first, SECOND, CURRENT).await)
            }),
            Observation::new("secrets-manager.put-with-own-label", &["accepted"], {
                outcome(&put(&second, SECOND, AHEAD).await)
            }),
        ];
        let described = self.describe_observed(name).await?;
        seen.push(Observation::new("secrets-manager.describe-after-put", &["shows the label", "is stale"], {
            if has_label(&described, &second, AHEAD) { "shows the label" } else { "is stale" }
        }));
        let rejected = &["InvalidParameterException"];
        seen.push(Observation::new("secrets-manager.move-current-without-holder", rejected, {
            outcome(&move_current(None).await)
        }));
        seen.push(Observation::new("secrets-manager.move-current-from-another", rejected, {
            outcome(&move_current(Some(&second)).await)
        }));
        seen.push(Observation::new("secrets-manager.move-current", &["accepted"], {
            outcome(&move_current(Some(first)).await)
        }));
        let described = self.describe_observed(name).await?;
        seen.push(Observation::new("secrets-manager.previous-label", &["moved", "is stale"], {
            if has_label(&described, first, PREVIOUS) { "moved" } else { "is stale" }
        }));
        Ok(seen)
    }

    async fn describe_observed(&self, name: &SecretId) -> Result<DescribeSecretOutput> {
        let call = AwsCall { action: "DescribeSecret", secret: name };
        let described = self.client.describe_secret().secret_id(name.as_str()).send().await;
        described.map_err(|error| call.failed(&of_any_call(error)))
    }
}

/// The error code of a call, or that it succeeded.
fn outcome<T, E: ProvideErrorMetadata>(done: &std::result::Result<T, SdkError<E, HttpResponse>>) -> String {
    match done {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.code().unwrap_or("no answer").to_owned(),
    }
}

fn has_label(described: &DescribeSecretOutput, version: &VersionId, label: &str) -> bool {
    let labels = described.version_ids_to_stages().and_then(|versions| versions.get(version.as_str()));
    labels.is_some_and(|labels| labels.iter().any(|held| held == label))
}
