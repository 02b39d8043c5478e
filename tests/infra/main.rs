//! Tests of `infra/`: scripts are run, policies are evaluated, manifests and examples are parsed.

mod agent;
mod aws;
mod aws_alarms;
mod aws_events;
mod aws_operator;
mod aws_policy;
mod aws_world;
mod doctor;
mod iam;
mod image;
mod kubernetes;
mod kubernetes_aws;
mod kubernetes_cluster;
mod kubernetes_csi;
mod kubernetes_external_secrets;
mod kubernetes_files;
mod kubernetes_operator;
mod kubernetes_restart;
mod kubernetes_schema;
mod linux_packages;
mod package;
mod pipelines;
mod policies;
mod release;
mod schedulers;
mod scripts;
mod stack;
mod terraform;
mod terraform_form;
mod terraform_reader;
mod terraform_secrets;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use simulators::{Simulation, SimulationSettings};

use openbao_plugin::testing::bao::{self, Bao, Plugin};

const CLIENT: (&str, &str) = ("5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "hush-hush-client-secret");
const NAME: &str = "vault-plugin-secrets-genesys";
const ENGINE: &str = env!("CARGO_BIN_EXE_vault-plugin-secrets-genesys");
const ROTATOR: &str = env!("CARGO_BIN_EXE_genesys-rotator");

/// A path under `infra/vault/`.
fn infra(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/vault").join(path)
}

/// The text of a file under `infra/vault/`.
fn text(path: &str) -> String {
    std::fs::read_to_string(infra(path)).expect("it can be read")
}

async fn simulate() -> Simulation {
    let clients = vec![(CLIENT.0.to_owned(), CLIENT.1.to_owned())];
    let settings = SimulationSettings { clients, ..SimulationSettings::default() };
    Simulation::start(settings).await.expect("the simulators start")
}

/// The engine, with the addresses of a simulator.
fn plugin(simulation: &Simulation) -> Plugin {
    let url = simulation.genesys_url();
    let environment = ["ROTATOR_LOGIN_URL", "ROTATOR_API_URL"].map(|name| format!("{name}={url}")).into();
    Plugin { name: NAME, version: concat!("v", env!("CARGO_PKG_VERSION")), binary: ENGINE.into(), environment }
}

/// A server with the engine at `genesys-cloud/`, and a config `main`.
async fn configured() -> Option<(Bao, Simulation)> {
    let simulation = simulate().await;
    let plugin = plugin(&simulation);
    let bao = Bao::with(&plugin).await?;
    bao.mount(&plugin, "genesys-cloud").await;
    let config = json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    bao.post("genesys-cloud/config/main", config).await;
    Some((bao, simulation))
}

/// The same with roles `ci` and `other` of each kind.
async fn start() -> Option<(Bao, Simulation)> {
    let (bao, simulation) = configured().await?;
    for role in ["ci", "other"] {
        bao.post(&format!("genesys-cloud/roles/{role}"), json!({"config": "main"})).await;
        let fixed = json!({"config": "main", "rotation_period": "1h"});
        bao.post(&format!("genesys-cloud/static-roles/{role}"), fixed).await;
    }
    Some((bao, simulation))
}

/// Runs a command without blocking the simulator of this process.
async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("it does not panic")
}

/// The standard output of a command that must succeed.
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
