//! The calls of External Secrets Operator 2.9.0 and of the AWS provider 3.1.1 of the Secrets Store CSI driver to Secrets Manager.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use serde_json::{Value, json};
use simulators::Simulation;
use simulators::secrets_manager::Access;

use super::iam::Policy;
use super::kubernetes_files::manifests;
use super::stack::repository;
use super::{CLIENT, ROTATOR, output, simulate, stdout};

const READER: &str = "AKIDREADER";

/// The statements of `aws-reader.json` for the account of the simulator.
fn policy() -> Policy {
    let text = std::fs::read_to_string(repository("infra/kubernetes/aws-reader.json")).expect("the policy");
    let policy: Value =
        serde_json::from_str(&text.replace("eu-west-1:123456789012", "us-east-1:000000000000")).expect("JSON");
    Policy(policy["Statement"].as_array().expect("statements").clone())
}

fn client(simulation: &Simulation, key: &str) -> Client {
    let config = Config::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("us-east-1"));
    let credentials = Credentials::new(key, "hush-hush-access-key", None, None, "test");
    Client::from_conf(config.endpoint_url(simulation.secrets_manager_url()).credentials_provider(credentials).build())
}

/// A rotated secret that names its client in another secret, as the page says.
async fn rotated() -> Simulation {
    let simulation = simulate().await;
    let page = std::fs::read_to_string(repository("docs/kubernetes.md")).expect("the page");
    let document = page.lines().find(|line| line.contains(r#""credentials""#)).expect("the document");
    let client_document = json!({"client_id": CLIENT.0, "client_secret": CLIENT.1});
    let owner = client(&simulation, "AKIDOWNER");
    for (name, text) in [("genesys/client", client_document.to_string()), ("genesys/prod", document.to_owned())] {
        owner.create_secret().name(name).secret_string(text).send().await.expect("it is created");
    }
    rotate(&simulation).await;
    simulation
}

async fn rotate(simulation: &Simulation) {
    let url = simulation.genesys_url();
    let mut command = std::process::Command::new(ROTATOR);
    command.args(["rotate", "--local", "genesys/prod"]).env_clear();
    command.envs([("ROTATOR_LOGIN_URL", url.as_str()), ("ROTATOR_API_URL", &url), ("AWS_REGION", "us-east-1")]);
    command.envs([("AWS_ACCESS_KEY_ID", "AKIDOWNER"), ("AWS_SECRET_ACCESS_KEY", "hush-hush-access-key")]);
    command.env("AWS_ENDPOINT_URL", simulation.secrets_manager_url());
    stdout(&output(command).await);
}

/// The calls of the reader since the start, each of which the policy must allow.
fn allowed(simulation: &Simulation) -> Vec<String> {
    let calls = simulation.secrets_manager.accesses().into_iter().filter(|call| call.access_key == READER);
    calls
        .map(|call| {
            assert_eq!(policy().allowing(&call).len(), 1, "{call:?}");
            call.action
        })
        .collect()
}

fn document(manifests: &Value, file: &str, kind: &str) -> Value {
    let documents = manifests["files"][file].as_array().expect("documents");
    documents.iter().find(|document| document["kind"] == kind).expect("the document").clone()
}

#[tokio::test]
async fn external_secrets_copies_the_token_and_never_sees_the_client_secret() {
    let Some(manifests) = manifests() else { return };
    let (external, store) =
        (document(&manifests, "eso-aws.yaml", "ExternalSecret"), document(&manifests, "eso-aws.yaml", "SecretStore"));
    assert_eq!(external["spec"]["secretStoreRef"]["name"], store["metadata"]["name"]);
    let simulation = rotated().await;
    let reader = client(&simulation, READER);
    for _ in 0..2 {
        rotate(&simulation).await;
        // One read for all properties of a key.
        let key = external["spec"]["data"][0]["remoteRef"]["key"].as_str().expect("a name");
        let read =
            reader.get_secret_value().secret_id(key).version_stage("AWSCURRENT").send().await.expect("it is read");
        let value: Value = serde_json::from_str(read.secret_string().expect("a text")).expect("JSON");
        let mut secret = serde_json::Map::new();
        for entry in external["spec"]["data"].as_array().expect("entries") {
            assert_eq!(entry["remoteRef"]["key"], key);
            let property = entry["remoteRef"]["property"].as_str().expect("a name");
            assert!(value[property].is_string(), "{property}");
            secret.insert(entry["secretKey"].as_str().expect("a name").to_owned(), value[property].clone());
        }
        let live = simulation.genesys.live_tokens();
        assert_eq!(secret["access_token"], live.last().expect("a token").as_str());
        assert!(!value.to_string().contains(CLIENT.1));
    }
    assert_eq!(allowed(&simulation), ["GetSecretValue", "GetSecretValue"]);
}

#[tokio::test]
async fn the_csi_provider_writes_a_document_without_the_client_secret() {
    let Some(manifests) = manifests() else { return };
    let class = document(&manifests, "csi-aws.yaml", "SecretProviderClass");
    let object = &class["objects"][0];
    let simulation = rotated().await;
    let reader = client(&simulation, READER);
    let name = object["objectName"].as_str().expect("a name");
    let label = object["objectVersionLabel"].as_str().expect("a label");
    let mount = async || {
        let read = reader.get_secret_value().secret_id(name).version_stage(label).send().await.expect("it is read");
        let value: Value = serde_json::from_str(read.secret_string().expect("a text")).expect("JSON");
        assert!(!value.to_string().contains(CLIENT.1), "the provider writes the whole document to a file");
        let files = object["jmesPath"].as_array().expect("entries").iter().map(|entry| {
            let text = |field: &str| entry[field].as_str().expect("a text").to_owned();
            (text("objectAlias"), value[text("path")].as_str().expect("a text").to_owned())
        });
        files.collect::<BTreeMap<_, _>>()
    };
    // Since 1.6, the driver does not say which version the pod has, so that the provider reads at each poll.
    let first = mount().await;
    assert_eq!(first.keys().collect::<Vec<_>>(), ["access_token", "expires_at"]);
    assert_eq!(mount().await, first, "a poll between rotations changes nothing");
    rotate(&simulation).await;
    let second = mount().await;
    let live = simulation.genesys.live_tokens();
    assert!(first != second && [first, second].iter().all(|files| live.contains(&files["access_token"])));
    assert_eq!(allowed(&simulation), ["GetSecretValue"; 3]);
}

#[tokio::test]
async fn the_policy_of_readers_allows_the_current_version_of_one_secret() {
    let simulation = rotated().await;
    let reader = client(&simulation, READER);
    let _ = reader.get_secret_value().secret_id("genesys/prod").version_stage("AWSCURRENT").send().await;
    let call = simulation.secrets_manager.accesses().pop().expect("a call");
    let policy = policy();
    assert_eq!(policy.allowing(&call), ["ReadTheToken"]);
    let other = |change: &dyn Fn(&mut Access)| {
        let mut call = call.clone();
        change(&mut call);
        call
    };
    // Drivers before 1.6 look for a new version first.
    let describe = other(&|call| {
        call.action = "DescribeSecret".to_owned();
        call.version_stage = None;
    });
    assert_eq!(policy.allowing(&describe), ["SeeItsVersions"]);
    for closed in [
        other(&|call| call.version_stage = None),
        other(&|call| call.version_stage = Some("AWSPREVIOUS".to_owned())),
        other(&|call| call.version_stage = Some("AWSPENDING".to_owned())),
        other(&|call| call.secret = call.secret.replace("genesys/prod", "genesys/client")),
        other(&|call| call.secret = call.secret.replace("genesys/prod", "genesys/prod-2")),
        other(&|call| call.action = "PutSecretValue".to_owned()),
        other(&|call| call.action = "RotateSecret".to_owned()),
    ] {
        assert_eq!(policy.allowing(&closed), [""; 0], "{closed:?}");
    }
}

/// The role's trust policy names the service account of the manifests.
#[test]
fn the_role_trusts_one_service_account() {
    let Some(manifests) = manifests() else { return };
    let text = std::fs::read_to_string(repository("infra/kubernetes/aws-trust.json")).expect("the policy");
    let trust: Value = serde_json::from_str(&text).expect("JSON");
    let condition = trust["Statement"][0]["Condition"]["StringEquals"].as_object().expect("conditions");
    for file in ["eso-aws.yaml", "csi-aws.yaml"] {
        let account = document(&manifests, file, "ServiceAccount")["metadata"].clone();
        assert!(account["annotations"]["eks.amazonaws.com/role-arn"].is_string());
        let subject = format!("system:serviceaccount:ci:{}", account["name"].as_str().expect("a name"));
        let own = condition.iter().find(|(key, _)| key.ends_with(":sub")).expect("a subject");
        assert_eq!(*own.1, json!(subject), "{file}");
    }
    assert!(condition.iter().any(|(key, value)| key.ends_with(":aud") && value == "sts.amazonaws.com"));
}
