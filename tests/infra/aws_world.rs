//! The stack on the simulators: the real function, one document of each kind, and an operator.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_secretsmanager::types::RotationRulesType;
use serde_json::{Value, json};
use simulators::secrets_manager::{Access, SecretsManagerSettings};
use simulators::{Simulation, SimulationSettings};
use uuid::Uuid;

use super::stack::FUNCTION_ARN;

const LAMBDA: &str = env!("CARGO_BIN_EXE_genesys-rotator-lambda");
/// The access key of simulated functions.
pub const FUNCTION_KEY: &str = "ASIASIMULATED0000000";
/// The secret of every client.
pub const SECRET_VALUE: &str = "hush-hush-client-secret";
/// The secret that `credentials` names.
pub const CREDENTIALS: &str = "other/credentials";
/// The secret that `admin_credentials` names.
pub const ADMIN: &str = "other/admin";

/// The simulators, the function with the settings of the stack, and an operator.
pub struct World {
    pub simulation: Simulation,
    pub operator: Client,
}

impl World {
    /// Starts the simulators with the function's environment of the stack.
    pub async fn start(stack: &Value) -> Self {
        let variables = stack["Resources"]["Function"]["Properties"]["Environment"]["Variables"].as_object();
        let variables = variables.expect("variables").iter();
        let clients = ["mine", "other", "admin"].map(|id| (id.to_owned(), SECRET_VALUE.to_owned()));
        let settings = SimulationSettings {
            clients: clients.into(),
            cxone_clients: vec![("app".to_owned(), SECRET_VALUE.to_owned())],
            cxone_access_keys: vec![("key".to_owned(), SECRET_VALUE.to_owned())],
            function: Some(LAMBDA.into()),
            function_environment: variables
                .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
                .collect(),
            secrets_manager: SecretsManagerSettings {
                retries: 0,
                writes_per_second: None,
                ..SecretsManagerSettings::default()
            },
            ..SimulationSettings::default()
        };
        let simulation = Simulation::start(settings).await.expect("the simulators start");
        simulation.genesys.set(|settings| settings.unpublished_endpoints = true);
        let operator = operator(&simulation.secrets_manager_url());
        Self { simulation, operator }
    }

    /// Stores a document.
    pub async fn create(&self, name: &str, document: &Value) {
        self.operator
            .create_secret()
            .name(name)
            .secret_string(document.to_string())
            .send()
            .await
            .expect("it is created");
    }

    /// Attaches the function, which rotates immediately or only tests. Returns whether this succeeded.
    pub async fn rotate(&self, name: &str, immediately: bool) -> bool {
        let rules = RotationRulesType::builder().schedule_expression("rate(4 hours)").build();
        let rotate = self.operator.rotate_secret().secret_id(name).client_request_token(Uuid::new_v4().to_string());
        let rotate = rotate.rotation_lambda_arn(FUNCTION_ARN).rotation_rules(rules).rotate_immediately(immediately);
        let accepted = rotate.send().await.is_ok();
        self.simulation.secrets_manager.settled().await;
        let outcomes = self.simulation.secrets_manager.rotation_outcomes();
        // A successful test of the configuration has no outcome.
        accepted && outcomes.last().map_or(!immediately, |outcome| outcome.succeeded)
    }

    /// The calls of the function.
    pub fn calls(&self) -> Vec<Access> {
        let calls = self.simulation.secrets_manager.accesses().into_iter();
        calls.filter(|call| call.access_key == FUNCTION_KEY).collect()
    }
}

fn operator(url: &str) -> Client {
    let config = Config::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("us-east-1"));
    let credentials = Credentials::new("AKIDOPERATOR", "operator", None, None, "test");
    Client::from_conf(config.endpoint_url(url).credentials_provider(credentials).build())
}

/// One document of each kind.
pub fn documents() -> Vec<(&'static str, Value)> {
    let with = |fields: Value| {
        let mut document = json!({"region": "mypurecloud.ie", "client_id": "mine", "client_secret": SECRET_VALUE});
        document.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        document
    };
    let clients = ["mine", "other"].map(|id| json!({"client_id": id, "client_secret": SECRET_VALUE}));
    let cxone = json!({
        "platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com", "client_id": "app",
        "client_secret": SECRET_VALUE, "access_key_id": "key", "access_key_secret": SECRET_VALUE,
    });
    vec![
        ("genesys/plain", with(json!({}))),
        ("genesys/elsewhere", json!({"region": "mypurecloud.ie", "credentials": CREDENTIALS})),
        (
            "genesys/generated",
            with(json!({"token": "generated", "resource_owner": "5f3c8a52-0f00-4e71-9d0c-6f2b3c9d1e10"})),
        ),
        ("genesys/api-token", with(json!({"token": "api-token", "name": "ci"}))),
        ("genesys/cxone", cxone),
        ("genesys/in-place", with(json!({"client_id": "alone", "rotate": "client_secret", "accept_gap": true}))),
        // Must be last: it changes the client secrets.
        (
            "genesys/alternating",
            with(json!({"rotate": "client_secret", "clients": clients, "admin_credentials": ADMIN})),
        ),
    ]
}
