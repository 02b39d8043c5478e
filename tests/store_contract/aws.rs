//! AWS Secrets Manager through the AWS SDK, against the strict simulator.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Credentials, SharedCredentialsProvider};
use genesys_rotator::rotation::{CURRENT, ErrorKind, PENDING, SecretId, VersionId};
use genesys_rotator::store::aws::AwsSecretsManager;
use reqwest::StatusCode;
use serde_json::json;
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::{Simulation, SimulationSettings};
use uuid::Uuid;

use crate::contract::{tests, with_every_intent_row, with_every_row};
use crate::fixture::{DOCUMENT, Fixture, Secret, StoreRotator, kind_of, rotator};

/// A server with the API of Secrets Manager. It runs until `server` is dropped.
pub struct Aws<T> {
    rotator: StoreRotator<AwsSecretsManager>,
    client: Client,
    server: T,
}

impl<T> Aws<T> {
    pub fn at(url: &str, server: T) -> Self {
        let credentials = Credentials::new("AKIDEXAMPLE", "example", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(url)
            .build();
        Self { rotator: rotator(AwsSecretsManager::new(&config)), client: Client::new(&config), server }
    }

    /// The server.
    pub fn server(&self) -> &T {
        &self.server
    }

    async fn value(&self, secret: &SecretId, version: &str) -> Option<String> {
        let get = self.client.get_secret_value().secret_id(secret.as_str()).version_id(version);
        get.send().await.ok()?.secret_string
    }
}

impl<T> Fixture for Aws<T> {
    type Store = AwsSecretsManager;

    fn rotator(&self) -> &StoreRotator<AwsSecretsManager> {
        &self.rotator
    }

    async fn create(&self, value: &str) -> SecretId {
        let name = Uuid::new_v4().to_string();
        self.client.create_secret().name(&name).secret_string(value).send().await.expect("the secret is created");
        SecretId::new(name)
    }

    fn unknown(&self) -> SecretId {
        SecretId::new("no/such/secret")
    }

    async fn every_value(&self, secret: &SecretId) -> Vec<String> {
        let list = self.client.list_secret_version_ids().secret_id(secret.as_str()).include_deprecated(true);
        let versions = list.send().await.expect("the versions are listed");
        let mut values = Vec::new();
        for version in versions.versions() {
            values.extend(self.value(secret, version.version_id().expect("an id")).await);
        }
        values
    }
}

async fn simulated() -> Aws<Simulation> {
    let simulation = Simulation::start(SimulationSettings::default()).await.expect("the simulators start");
    Aws::at(&simulation.secrets_manager_url(), simulation)
}

with_every_row!(tests simulated);
with_every_intent_row!(tests simulated);

#[tokio::test]
async fn a_pending_label_on_the_current_version_does_not_block_the_next_rotation() {
    let fixture = simulated().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let current = secret.current_id().await;
    let label = fixture.client.update_secret_version_stage().secret_id(secret.id.as_str()).version_stage(PENDING);
    label.move_to_version_id(current.as_str()).send().await.expect("the label is moved");
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
    assert_ne!(secret.current_id().await, current);
}

#[tokio::test]
async fn a_secret_without_a_value_has_no_current_version() {
    let fixture = simulated().await;
    fixture.client.create_secret().name("empty").send().await.expect("the secret is created");
    let secret = Secret { fixture: &fixture, id: SecretId::new("empty") };
    assert_eq!(secret.holder(CURRENT).await, None);
    assert_eq!(secret.rotate().await.error.map(|error| error.kind()), Some(ErrorKind::NoCurrentVersion));
}

#[tokio::test]
async fn each_rejected_request_has_its_kind_and_a_hint_that_is_not_about_the_network() {
    use ErrorKind::{DocumentInvalid, SecretNotFound, StoreConflict, StoreDenied, StoreUnavailable};
    let (get, put, stage) = ("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage");
    for (operation, code, message, kind, hint) in [
        (put, "LimitExceededException", "too many versions", DocumentInvalid, "100 versions"),
        (stage, "LimitExceededException", "too many labels", DocumentInvalid, "20 labels"),
        (put, "InvalidParameterException", "hush", DocumentInvalid, "65536 bytes"),
        (put, "ValidationException", "Value 'hush' at 'secretString' is too long", DocumentInvalid, "65536 bytes"),
        (get, "InvalidParameterException", "Invalid name.", SecretNotFound, "name"),
        (get, "ExpiredTokenException", "hush", StoreDenied, "aws sso login"),
        (get, "UnrecognizedClientException", "hush", StoreDenied, "aws sso login"),
        (put, "EncryptionFailure", "the key is disabled", StoreDenied, "kms:GenerateDataKey"),
        (get, "DecryptionFailure", "the key is disabled", StoreDenied, "kms:Decrypt"),
        (put, "InvalidRequestException", "not possible on a replica secret", StoreDenied, "primary region"),
        (put, "InvalidRequestException", "the secret is managed by rds", StoreDenied, "secret of your own"),
        (put, "InvalidRequestException", "hush", StoreDenied, "describe-secret"),
        (put, "PreconditionNotMetException", "hush", StoreDenied, "describe-secret"),
        (put, "MalformedPolicyDocumentException", "hush", StoreDenied, "resource-policy"),
        (put, "PublicPolicyException", "hush", StoreDenied, "resource-policy"),
        (stage, "ResourceExistsException", "hush", StoreConflict, "changed the secret"),
        (put, "SomeNewException", "hush", StoreUnavailable, "API reference"),
        (stage, "InvalidParameterException", "hush", StoreUnavailable, "API reference"),
    ] {
        let fixture = simulated().await;
        let secret = Secret::holding(&fixture, DOCUMENT).await;
        let body = json!({"__type": code, "Message": message, "message": message}).to_string();
        let answer = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", body);
        fixture.server.faults.add(Fault::always(operation, Effect::Answer(answer)));
        let error = secret.rotate().await.error.expect("an error");
        assert_eq!(error.kind(), kind, "{operation} {code}: {error}");
        assert!(error.hint().contains(hint) && !error.hint().contains("VPC"), "{operation} {code}: {}", error.hint());
        assert!(error.to_string().contains(code) && !format!("{error:?}").contains("hush"), "{error:?}");
    }
}

#[tokio::test]
async fn a_rotation_that_secrets_manager_does_not_start_has_the_reason_and_a_hint() {
    use ErrorKind::{RotationDisabled, SecretNotFound, StoreConflict, StoreDenied};
    let fixture = simulated().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    for (code, message, kind, hint) in [
        ("InvalidRequestException", "A previous rotation isn't complete.", StoreConflict, "wait for it"),
        ("InvalidRequestException", "No Lambda rotation function is set.", RotationDisabled, "--rotation-lambda-arn"),
        ("InvalidRequestException", "The secret is marked for deletion.", SecretNotFound, "restore-secret"),
        ("AccessDeniedException", "Secrets Manager cannot invoke the function.", StoreDenied, "add-permission"),
        ("AccessDeniedException", "not authorized", StoreDenied, "allow secretsmanager:RotateSecret"),
        ("ResourceNotFoundException", "cannot invoke, previous rotation", SecretNotFound, "name"),
    ] {
        let body = json!({"__type": code, "Message": message, "message": message}).to_string();
        let answer = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", body);
        fixture.server.faults.clear();
        fixture.server.faults.add(Fault::always("RotateSecret", Effect::Answer(answer)));
        let started = fixture.store().start_rotation(&secret.id, &VersionId::random()).await;
        let error = started.expect_err("the rotation does not start");
        assert_eq!(error.kind(), kind, "{message}: {error}");
        assert!(error.hint().contains(hint), "{message}: {}", error.hint());
    }
}

#[tokio::test]
async fn the_hint_names_the_denied_action() {
    let fixture = simulated().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    fixture.server.secrets_manager.set(|settings| settings.denied = ["PutSecretValue".to_owned()].into());
    let error = secret.rotate().await.error.expect("an error");
    assert_eq!(error.kind(), ErrorKind::StoreDenied);
    assert!(error.hint().contains("secretsmanager:PutSecretValue"), "{}", error.hint());
    assert!(fixture.rotator.issuer.live().is_empty(), "the token that could not be stored is revoked");
    fixture.server.secrets_manager.set(|settings| settings.denied.clear());
    assert_eq!(kind_of(secret.rotate().await.error.map_or(Ok(()), Err)), None);
}
