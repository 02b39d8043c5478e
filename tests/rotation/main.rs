//! Whole rotations: the real Lambda binary, called by the simulated Secrets Manager's orchestrator,
//! over real sockets.

#![cfg(all(feature = "sim", feature = "lambda"))]

mod access_keys;
mod answers;
mod bad_input;
mod concurrency;
mod crashes;
mod cxone;
mod dead_secrets;
mod edits;
mod faults;
mod in_memory;
mod interruptions;
mod modes;
mod permits;
mod readers;
mod rotation_tokens;
mod slow;
mod store_faults;
mod unknowns;
mod whole;

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use serde_json::{Value, json};
use simulators::function;
use simulators::invoke::Invoke;
use simulators::secrets_manager::{RotationOutcome, SecretsManagerSettings, VersionView};
use simulators::{Simulation, SimulationSettings};
use uuid::Uuid;

const LAMBDA: &str = env!("CARGO_BIN_EXE_genesys-rotator-lambda");
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:genesys-rotator";
const CLIENT_ID: &str = "5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10";
const CLIENT_SECRET: &str = "hush-hush-client-secret-0123456789";
const SECRET: &str = "genesys/token";

/// Both simulators, the function, and a client of the AWS SDK.
struct World {
    simulation: Simulation,
    aws: Client,
}

impl World {
    async fn new() -> Self {
        Self::with(SecretsManagerSettings {
            retries: 0,
            retry_delay: Duration::from_millis(10),
            ..SecretsManagerSettings::default()
        })
        .await
    }

    async fn with(secrets_manager: SecretsManagerSettings) -> Self {
        Self::in_environment(secrets_manager, &[]).await
    }

    async fn in_environment(secrets_manager: SecretsManagerSettings, environment: &[(&str, &str)]) -> Self {
        let mut function_environment = vec![("ROTATOR_LOG".to_owned(), "trace".to_owned())];
        function_environment.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = SimulationSettings {
            clients: vec![(CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())],
            cxone_clients: vec![(cxone::CLIENT.0.to_owned(), cxone::CLIENT.1.to_owned())],
            cxone_access_keys: vec![(cxone::KEY.0.to_owned(), cxone::KEY.1.to_owned())],
            function: Some(LAMBDA.into()),
            function_environment,
            function_settings: function::FunctionSettings::default(),
            secrets_manager,
            ..SimulationSettings::default()
        };
        let simulation = Simulation::start(settings).await.expect("the simulators start");
        let aws = aws_client(&simulation.secrets_manager_url());
        Self { simulation, aws }
    }

    /// A world with one secret, ready to be rotated.
    async fn with_secret() -> Self {
        let world = Self::new().await;
        world.create(SECRET, &document()).await;
        world
    }

    async fn create(&self, name: &str, document: &Value) {
        self.create_text(name, &document.to_string()).await;
    }

    async fn create_text(&self, name: &str, value: &str) {
        let create = self.aws.create_secret().name(name).secret_string(value);
        create.send().await.expect("the secret is created");
    }

    /// Rotates and waits for the end, whatever it is.
    async fn rotate(&self) -> RotationOutcome {
        let version = Uuid::new_v4().to_string();
        self.rotate_to(SECRET, &version).await
    }

    async fn rotate_to(&self, name: &str, version: &str) -> RotationOutcome {
        let rotate = self.aws.rotate_secret().secret_id(name).client_request_token(version);
        rotate.rotation_lambda_arn(FUNCTION_ARN).rotation_rules(daily()).send().await.expect("the rotation starts");
        self.simulation.secrets_manager.settled().await;
        let outcomes = self.simulation.secrets_manager.rotation_outcomes();
        outcomes.last().cloned().expect("a rotation has ended")
    }

    /// Calls the function as the service would, outside any rotation.
    async fn invoke(&self, step: &str, secret: &str, version: &str) -> Result<Value, (String, String)> {
        self.invoke_with(json!({
            "Step": step, "SecretId": secret, "ClientRequestToken": version, "RotationToken": rotation_token(),
        }))
        .await
    }

    async fn invoke_with(&self, event: Value) -> Result<Value, (String, String)> {
        let function = self.simulation.function.as_ref().expect("a function");
        let answer = function.invoke(event, Duration::from_secs(30)).await;
        answer.map_err(|error| (error.error_type, error.message))
    }

    fn versions(&self, name: &str) -> Vec<VersionView> {
        self.simulation.secrets_manager.versions(name)
    }

    fn holder(&self, label: &str) -> Option<VersionView> {
        self.versions(SECRET).into_iter().find(|version| version.labels.iter().any(|have| have == label))
    }

    /// What a reader reads.
    fn current(&self) -> Value {
        let value = self.holder("AWSCURRENT").and_then(|version| version.value).expect("a current value");
        serde_json::from_str(&value).expect("the current value is JSON")
    }

    fn current_token(&self) -> Option<String> {
        self.current()["access_token"].as_str().map(str::to_owned)
    }

    fn logs(&self) -> Vec<String> {
        self.simulation.function.as_ref().expect("a function").logs()
    }

    /// No log line of the function, at the finest level there is, holds a secret; and no token
    /// lives that is stored nowhere.
    fn assert_clean(&self) {
        let logs = self.logs().join("\n");
        let mut secrets = vec![CLIENT_SECRET.to_owned(), base64(&format!("{CLIENT_ID}:{CLIENT_SECRET}"))];
        secrets.extend([cxone::CLIENT.1.to_owned(), cxone::KEY.1.to_owned(), cxone::encoded_key()]);
        secrets.push(base64(&format!("{}:{}", cxone::CLIENT.0, cxone::CLIENT.1)));
        secrets.extend(self.simulation.genesys.live_tokens());
        secrets.extend(self.simulation.cxone.live_tokens());
        secrets.extend(self.all_values().iter().filter_map(|value| token_in(value)));
        let events = self.simulation.secrets_manager.events();
        secrets.extend(events.iter().filter_map(|event| event["RotationToken"].as_str().map(str::to_owned)));
        secrets.push(rotation_token());
        for secret in secrets {
            assert!(!logs.contains(&secret), "a log line holds a secret:\n{logs}");
        }
        self.assert_no_stray_tokens();
    }

    fn assert_no_stray_tokens(&self) {
        let stored: Vec<String> = self.all_values().iter().filter_map(|value| token_in(value)).collect();
        for token in self.simulation.genesys.live_tokens() {
            assert!(stored.contains(&token), "a token lives that is stored nowhere");
        }
    }

    fn all_values(&self) -> Vec<String> {
        self.versions(SECRET).into_iter().filter_map(|version| version.value).collect()
    }
}

fn aws_client(url: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "example", None, None, "test"))
        .endpoint_url(url);
    Client::from_conf(config.build())
}

fn daily() -> aws_sdk_secretsmanager::types::RotationRulesType {
    aws_sdk_secretsmanager::types::RotationRulesType::builder().schedule_expression("rate(4 hours)").build()
}

fn document() -> Value {
    json!({"region": "mypurecloud.ie", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
}

fn rotation_token() -> String {
    "a-rotation-token-that-must-stay-secret-0123456789".to_owned()
}

fn version_id() -> String {
    Uuid::new_v4().to_string()
}

fn token_in(value: &str) -> Option<String> {
    let document: Value = serde_json::from_str(value).ok()?;
    document["access_token"].as_str().map(str::to_owned)
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
