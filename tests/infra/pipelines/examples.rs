//! The examples for GitLab, Jenkins and Kafka Connect.

use std::collections::BTreeMap;
use std::process::Output;

use serde_json::{Value, json};

use super::{SECRET, Workplace, document, output, pipelines, stdout, yaml};
use crate::bao::Bao;
use crate::{infra, start, text};

const AUDIENCE: &str = "https://openbao.example.com:8200";
/// A job's ID token, signed as by GitLab, and its public key.
const IDENTITY: &str = "
import base64, json, sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
coded = lambda raw: base64.urlsafe_b64encode(raw).rstrip(b'=')
parts = [{'alg': 'RS256', 'typ': 'JWT'}, {'sub': 'project_path:team/reports', 'aud': sys.argv[1], 'iat': 1767322000, 'exp': 32503680000}]
signed = b'.'.join(coded(json.dumps(part).encode()) for part in parts)
signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
print(json.dumps({'jwt': (signed + b'.' + coded(signature)).decode(), 'key': public.decode()}))
";

/// Runs the script of a job as GitLab's runner does: in one shell, until a command fails.
async fn job(workplace: &Workplace, job: &Value, given: &BTreeMap<&str, &str>) -> Output {
    let lines: Vec<_> = job["script"].as_array().expect("lines").iter().filter_map(Value::as_str).collect();
    let mut command = workplace.command("bash", &["-eo", "pipefail", "-c", &lines.join("\n")]);
    for (name, value) in job["variables"].as_object().expect("variables") {
        command.env(name, value.as_str().expect("a text"));
    }
    // `given` overrides the addresses of the example.
    command.envs(given);
    output(command).await
}

#[tokio::test]
async fn the_gitlab_job_on_aws_reads_the_api() {
    let Some(pipeline) = yaml("pipelines/gitlab/gitlab-ci.yml") else { return };
    let workplace = Workplace::new().await;
    let done = job(&workplace, &pipeline["from-aws"], &[("AWS_ID_TOKEN", "an identity")].into()).await;
    assert!(stdout(&done).contains("\"entities\""));
    assert_eq!(workplace.called(), ["GetSecretValue"]);
    let printed = [done.stdout, done.stderr].concat();
    assert!(!String::from_utf8_lossy(&printed).contains(&workplace.token));
}

/// Configures login with ID tokens and returns one.
async fn identity(bao: &Bao, policy: &str) -> Option<String> {
    let mut command = std::process::Command::new(python()?);
    command.args(["-c", IDENTITY, AUDIENCE]);
    let made: Value = serde_json::from_str(&stdout(&output(command).await)).expect("JSON");
    bao.post("sys/policies/acl/genesys-reader", json!({"policy": text(policy)})).await;
    bao.post("sys/auth/jwt", json!({"type": "jwt"})).await;
    bao.post("auth/jwt/config", json!({"jwt_validation_pubkeys": [made["key"]]})).await;
    let role = json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": [AUDIENCE],
        "bound_subject": "project_path:team/reports", "policies": ["genesys-reader"], "ttl": "10m"});
    bao.post("auth/jwt/role/genesys-reader", role).await;
    Some(made["jwt"].as_str().expect("a text").to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter")]
fn python() -> Option<std::ffi::OsString> {
    std::env::var_os("PYTHON")
}

/// Stores the document in KV, rotates it, and returns the token.
async fn in_kv(bao: &Bao, workplace: &Workplace) -> String {
    bao.put("team/genesys", &document().to_string()).await;
    let mut command = workplace.command("genesys-rotator", &["rotate", "vault:secret/team/genesys"]);
    command.env("VAULT_ADDR", &bao.url).env("VAULT_TOKEN", &bao.root);
    stdout(&output(command).await);
    bao.get("team/genesys").await["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn the_gitlab_job_on_kv_logs_in_with_its_id_token_and_reads_the_api() {
    let (Some(pipeline), Some(bao)) = (yaml("pipelines/gitlab/gitlab-ci.yml"), Bao::start()) else { return };
    let workplace = Workplace::new().await;
    let token = in_kv(&bao, &workplace).await;
    let jwt = identity(&bao, "policies/kv-reader.hcl").await.expect("Python is available");
    let given = [("VAULT_ADDR", bao.url.as_str()), ("VAULT_ID_TOKEN", &jwt)].into();
    let done = job(&workplace, &pipeline["from-kv"], &given).await;
    assert!(stdout(&done).contains("\"entities\""));
    let printed = [done.stdout, done.stderr].concat();
    assert!(!String::from_utf8_lossy(&printed).contains(&token));
}

#[tokio::test]
async fn the_gitlab_job_on_the_engine_needs_no_rotator() {
    let Some(pipeline) = yaml("pipelines/gitlab/gitlab-ci.yml") else { return };
    let Some((bao, simulation)) = start().await else { return };
    let workplace = Workplace::new().await;
    let jwt = identity(&bao, "policies/reader.hcl").await.expect("Python is available");
    let api_url = simulation.genesys_url();
    let given = [("VAULT_ADDR", bao.url.as_str()), ("VAULT_ID_TOKEN", &jwt), ("GENESYSCLOUD_API_URL", &api_url)].into();
    let done = job(&workplace, &pipeline["from-the-engine"], &given).await;
    assert!(stdout(&done).contains("\"entities\""));
}

/// The `sh` steps of a Jenkinsfile, which must be in single quotes.
fn steps(text: &str) -> Vec<String> {
    assert!(!text.contains("sh \""), "Groovy inserts secrets into double quotes");
    let steps = text.split("sh '").skip(1);
    let steps = steps.map(|rest| match rest.strip_prefix("''") {
        Some(rest) => rest.split("'''").next(),
        None => rest.split('\'').next(),
    });
    // In Groovy, a backslash at the end of a line continues the line, as in a shell.
    steps.map(|step| step.expect("an end").replace("\\\n", "")).collect()
}

#[tokio::test]
async fn the_steps_of_the_jenkinsfile_read_the_api() {
    let Some(bao) = Bao::start() else { return };
    let workplace = Workplace::new().await;
    in_kv(&bao, &workplace).await;
    let policy = json!({"policy": text("policies/kv-reader.hcl")});
    bao.post("sys/policies/acl/genesys-reader", policy).await;
    bao.post("sys/auth/approle", json!({"type": "approle"})).await;
    bao.post("auth/approle/role/jenkins", json!({"token_policies": ["genesys-reader"]})).await;
    let role = bao.read("auth/approle/role/jenkins/role-id").await;
    let secret = bao.post("auth/approle/role/jenkins/secret-id", json!({})).await;
    let steps = steps(&pipelines("jenkins/Jenkinsfile"));
    assert_eq!(steps.len(), 2, "{steps:#?}");
    for step in steps {
        let mut command = workplace.command("sh", &["-xe", "-c", &step]);
        command.env("VAULT_ADDR", &bao.url);
        command.env("VAULT_ROLE_ID", role["role_id"].as_str().expect("a text"));
        command.env("VAULT_SECRET_ID", secret["data"]["secret_id"].as_str().expect("a text"));
        assert!(stdout(&output(command).await).contains("\"entities\""), "{step}");
    }
}

/// The properties of a worker's configuration.
fn properties(path: &str) -> BTreeMap<String, String> {
    let text = pipelines(path);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once('=').expect(line)).map(|(name, value)| (name.into(), value.into())).collect()
}

/// Provider, path and key of `${PROVIDER:PATH:KEY}` in a connector's configuration.
fn reference(path: &str) -> (String, String, String) {
    let connector: Value = serde_json::from_str(&pipelines(path)).expect("JSON");
    let header = connector["config"]["http.headers.authorization"].as_str().expect("a text");
    let inner = header.strip_prefix("Bearer ${").and_then(|rest| rest.strip_suffix('}')).expect(header);
    let [provider, path, key] = inner.split(':').collect::<Vec<_>>()[..] else { panic!("{inner}") };
    (provider.to_owned(), path.to_owned(), key.split('?').next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn kafka_connect_reads_a_field_that_rotation_writes() {
    let workplace = Workplace::new().await;
    let (provider, path, key) = reference("kafka-connect/aws-connector.json");
    let worker = properties("kafka-connect/aws-worker.properties");
    assert_eq!((worker["config.providers"].as_str(), path.as_str()), (provider.as_str(), SECRET));
    assert!(worker.contains_key(&format!("config.providers.{provider}.class")));
    let versions = workplace.simulation.secrets_manager.versions(&path);
    let current = versions.iter().find(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
    let stored: Value =
        serde_json::from_str(current.and_then(|it| it.value.as_deref()).expect("a value")).expect("JSON");
    assert_eq!(stored[&key], workplace.token);
    let flat = stored.as_object().expect("an object").values().all(Value::is_string);
    assert!(flat, "the provider reads only strings");

    let (provider, path, key) = reference("kafka-connect/vault-connector.json");
    let worker = properties("kafka-connect/vault-worker.properties");
    assert_eq!((worker["config.providers"].as_str(), key.as_str()), (provider.as_str(), "access_token"));
    assert_eq!(worker["config.providers.vault.param.vault.engine.version"], "2");
    let policy = std::fs::read_to_string(infra("policies/kv-reader.hcl")).expect("a policy");
    let (mount, rest) = path.split_once('/').expect("a mount");
    assert!(policy.contains(&format!("\"{mount}/data/{rest}\"")), "{policy}");
}
