//! Tests of `infra/pipelines/` and `infra/github-action/`: shell commands are run, other files are parsed.

mod examples;
mod github;
mod install;
mod linters;
mod page;
mod runner;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use serde_json::{Value, json};
use simulators::Simulation;
use tempfile::TempDir;

use super::kubernetes_files::documents;
use super::{CLIENT, ROTATOR, output, simulate, stdout};
use crate::bao::program;

/// The secret that the examples name.
const SECRET: &str = "genesys/prod";
/// A stand-in for `terraform`, which prints its arguments and calls the API.
const TERRAFORM: &str = "#!/bin/bash
echo \"terraform $* in $PWD\"
[[ $1 != apply ]] || { echo \"region $GENESYSCLOUD_REGION\"; exec \"$HOME/infra/pipelines/report.sh\"; }
";

/// A directory with the examples and their programs, and a rotated secret in Secrets Manager.
struct Workplace {
    simulation: Simulation,
    home: TempDir,
    environment: BTreeMap<String, String>,
    token: String,
}

impl Workplace {
    async fn new() -> Self {
        let simulation = simulate().await;
        let home = tempfile::tempdir().expect("a directory");
        let bin = home.path().join("bin");
        fs::create_dir(&bin).expect("a directory");
        symlink(manifest("infra"), home.path().join("infra")).expect("a link");
        symlink(ROTATOR, bin.join("genesys-rotator")).expect("a link");
        if let Some(bao) = program() {
            symlink(bao, bin.join("bao")).expect("a link");
        }
        script(&bin.join("terraform"), TERRAFORM);
        let environment = environment(&simulation, home.path());
        let mut workplace = Self { simulation, home, environment, token: String::new() };
        workplace.token = workplace.rotated().await;
        workplace.simulation.journal.clear();
        workplace
    }

    /// Stores the secret, rotates it, and returns its token.
    async fn rotated(&self) -> String {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "hush-hush-access-key", None, None, "test"))
            .endpoint_url(self.simulation.secrets_manager_url());
        let aws = Client::from_conf(config.build());
        let create = aws.create_secret().name(SECRET).secret_string(document().to_string());
        create.send().await.expect("the secret is created");
        stdout(&output(self.command(ROTATOR, &["rotate", "--local", SECRET])).await);
        let read = aws.get_secret_value().secret_id(SECRET).send().await.expect("it is there");
        let stored: Value = serde_json::from_str(read.secret_string().expect("a text")).expect("JSON");
        stored["access_token"].as_str().expect("a token").to_owned()
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.home.path()).env_clear().envs(&self.environment);
        command
    }

    /// The calls to Secrets Manager.
    fn called(&self) -> Vec<String> {
        let calls = self.simulation.journal.calls().into_iter().map(|call| call.operation);
        calls.filter(|operation| !operation.contains('/')).collect()
    }
}

fn environment(simulation: &Simulation, home: &Path) -> BTreeMap<String, String> {
    let (genesys, aws) = (simulation.genesys_url(), simulation.secrets_manager_url());
    let home = home.display().to_string();
    let path = format!("{home}/bin:/usr/local/bin:/usr/bin:/bin");
    let pairs = [
        ("HOME", home.as_str()),
        ("PATH", &path),
        ("TMPDIR", &home),
        ("ROTATOR_LOGIN_URL", &genesys),
        ("ROTATOR_API_URL", &genesys),
        // The result of the exchange of the runner's identity, which needs the real service.
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &aws),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hush-hush-access-key"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A document that all examples can read.
fn document() -> Value {
    json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1})
}

fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn pipelines(path: &str) -> String {
    fs::read_to_string(manifest("infra/pipelines").join(path)).expect(path)
}

/// A YAML file of `infra/`; `None` without the tests' Python.
fn yaml(path: &str) -> Option<Value> {
    documents(path).map(|mut documents| documents.remove(0))
}

pub fn script(path: &Path, text: &str) {
    fs::write(path, text).expect("it is written");
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("it may be run");
}
