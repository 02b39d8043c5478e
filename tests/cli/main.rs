//! The command line end to end: the real binary, its output streams and its exit code.

#![cfg(all(feature = "cli", feature = "lambda"))]

mod adopt;
mod api;
mod aws;
mod check;
mod cxone;
mod doctor;
mod exec;
mod file;
mod fleet;
mod foreign;
mod idle;
mod init;
mod interrupt;
mod kinds;
mod logs;
mod man;
mod monitoring;
mod readers;
mod revoke;
mod serve;
mod sim;
mod states;
mod support;
mod terminal;
mod token;
mod usage;
mod vault;
mod vault_aws;
mod versions;
mod watch;

use openbao_plugin::testing::bao;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_secretsmanager::types::RotationRulesType;
use serde_json::{Value, json};
use simulators::secrets_manager::SecretsManagerSettings;
use simulators::{Simulation, SimulationSettings};
use tempfile::TempDir;

const SECOND: Duration = Duration::from_secs(1);
const BINARY: &str = env!("CARGO_BIN_EXE_genesys-rotator");
const LAMBDA: &str = env!("CARGO_BIN_EXE_genesys-rotator-lambda");
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:rotate-genesys";
const CLIENT_ID: &str = "5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10";
const CLIENT_SECRET: &str = "hush-hush-client-secret-0123456789";
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// Output and exit code of a command.
struct Transcript {
    stdout: String,
    stderr: String,
    exit: Option<i32>,
}

impl Transcript {
    fn of(done: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
        Self { stdout: text(done.stdout), stderr: text(done.stderr), exit: done.status.code() }
    }

    /// The lines of stdout as JSON.
    fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Message and hint of the error. Progress lines are skipped.
    fn error(&self) -> (&str, &str) {
        let is_progress = |line: &str| STEPS.iter().any(|step| line.ends_with(&format!("  {step}")));
        let lines: Vec<_> = self.stderr.lines().filter(|line| !is_progress(line)).collect();
        let [error, hint] = lines[..] else { panic!("stderr is not one error and one hint: {}", self.stderr) };
        let error = error.strip_prefix("error: ").expect("the first line is the error");
        (error, hint.strip_prefix("hint: ").expect("the second line is the hint"))
    }
}

fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs a command to its end without blocking the simulators.
async fn output(mut command: Command) -> Transcript {
    let done = tokio::task::spawn_blocking(move || command.output()).await.expect("the task completes");
    Transcript::of(done.expect("the binary runs"))
}

fn run_with(arguments: &[&str], environment: &[(&str, &str)]) -> Transcript {
    Transcript::of(command(arguments, environment).output().expect("the binary runs"))
}

fn run(arguments: &[&str]) -> Transcript {
    run_with(arguments, &[])
}

/// The simulators, and a directory for file secrets.
struct Scene {
    simulation: Simulation,
    aws: Client,
    directory: TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self::with_token_lifetime(None).await
    }

    async fn with_token_lifetime(token_lifetime: Option<u64>) -> Self {
        let settings = SimulationSettings {
            clients: vec![(CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())],
            cxone_clients: vec![(cxone::CLIENT.0.to_owned(), cxone::CLIENT.1.to_owned())],
            cxone_access_keys: vec![(cxone::KEY.0.to_owned(), cxone::KEY.1.to_owned())],
            function: Some(LAMBDA.into()),
            token_lifetime,
            secrets_manager: SecretsManagerSettings { retries: 0, ..SecretsManagerSettings::default() },
            ..SimulationSettings::default()
        };
        let simulation = Simulation::start(settings).await.expect("the simulators start");
        let aws = aws_client(&simulation.secrets_manager_url());
        Self { simulation, aws, directory: TempDir::new().expect("a temporary directory can be created") }
    }

    /// Creates a file secret. Returns its path and its reference on the command line.
    fn file(&self, name: &str) -> (PathBuf, String) {
        let path = write(self.directory.path(), name, &document(CLIENT_SECRET).to_string());
        let typed = format!("file:{}", path.display());
        (path, typed)
    }

    /// Creates a secret in Secrets Manager with a rotation schedule, whose set-up has rotated it once.
    async fn rotating(&self, name: &str) {
        self.stored(name).await;
        let rules = RotationRulesType::builder().schedule_expression("rate(4 hours)").build();
        let set_up = self.aws.rotate_secret().secret_id(name).rotation_lambda_arn(FUNCTION_ARN).rotation_rules(rules);
        set_up.send().await.expect("the rotation starts");
        self.simulation.secrets_manager.settled().await;
    }

    async fn stored(&self, name: &str) {
        let create = self.aws.create_secret().name(name).secret_string(document(CLIENT_SECRET).to_string());
        create.send().await.expect("the secret is created");
    }

    /// The current value of a secret in Secrets Manager.
    fn current(&self, name: &str) -> Value {
        let versions = self.simulation.secrets_manager.versions(name).into_iter();
        let current = versions.filter(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
        let value = current.filter_map(|version| version.value).next().expect("a version is current");
        serde_json::from_str(&value).expect("the value is JSON")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let (genesys, aws) = (self.simulation.genesys_url(), self.simulation.secrets_manager_url());
        let environment = [
            ("ROTATOR_LOGIN_URL", genesys.as_str()),
            ("ROTATOR_API_URL", &genesys),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &aws),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hush-hush-access-key"),
            ("ROTATOR_LOG", "trace"),
        ];
        command(arguments, &environment)
    }

    async fn run(&self, arguments: &[&str]) -> Transcript {
        self.run_command(self.command(arguments)).await
    }

    async fn run_command(&self, command: Command) -> Transcript {
        self.without_log(output(command).await)
    }

    /// Runs without these variables and without the AWS configuration of the machine.
    async fn run_without(&self, variables: &[&str], arguments: &[&str]) -> Transcript {
        let mut command = self.command(arguments);
        for name in variables {
            command.env_remove(name);
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
        self.run_command(command).await
    }

    /// Asserts that neither stream contains a secret, and removes the TRACE log, which is enabled only for this check.
    fn without_log(&self, mut transcript: Transcript) -> Transcript {
        let mut secrets = vec![CLIENT_SECRET.to_owned(), "hush-hush-access-key".to_owned()];
        secrets.extend([cxone::CLIENT.1.to_owned(), cxone::KEY.1.to_owned()]);
        secrets.extend(self.simulation.genesys.live_tokens());
        secrets.extend(self.simulation.cxone.live_tokens());
        for (secret, text) in
            secrets.iter().flat_map(|secret| [(secret, &transcript.stdout), (secret, &transcript.stderr)])
        {
            assert!(!text.contains(secret), "a secret was printed: {text}");
        }
        // An API response on stdout may contain the secret of a new client.
        for client in self.simulation.genesys.clients() {
            assert!(!transcript.stderr.contains(&client.secret), "a secret was printed: {}", transcript.stderr);
        }
        let is_log = |line: &&str| line.starts_with("20") && line.contains("Z ");
        let lines: Vec<_> =
            transcript.stderr.lines().filter(|line| !is_log(line)).map(|line| format!("{line}\n")).collect();
        transcript.stderr = lines.concat();
        transcript
    }
}

fn document(client_secret: &str) -> Value {
    json!({"region": "eu-west-1", "client_id": CLIENT_ID, "client_secret": client_secret, "ours": 1})
}

fn aws_client(url: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "hush-hush-access-key", None, None, "test"))
        .endpoint_url(url);
    Client::from_conf(config.build())
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).expect("the file can be written");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode can be set");
    path
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("the file exists")).expect("the file contains JSON")
}

/// The steps of a report with their outcomes.
fn steps(report: &Value) -> Vec<(&str, &str)> {
    let steps = report["steps"].as_array().expect("a list of steps").iter();
    steps.map(|step| (step["step"].as_str().expect("a name"), step["outcome"].as_str().expect("an outcome"))).collect()
}
