//! Rotations by the command line.

use std::process::{Output, Stdio};
use std::time::Duration;

use openbao_plugin::testing::bao::{ROOT, signal};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::ledger::RotationEnd;
use crate::secrets::{Driver, Secret};
use crate::world::World;

const BINARY: &str = env!("CARGO_BIN_EXE_genesys-rotator");
/// How many secrets `status --watch` reads.
const WATCHED: usize = 8;

/// Rotates a secret, and kills the command after a while.
pub async fn rotate(world: &World, secret: &Secret, kill_after: Option<Duration>) -> RotationEnd {
    let typed = secret.typed(world);
    let mut arguments = vec!["rotate", &typed, "--output", "json"];
    if secret.driver == Driver::Local {
        arguments.push("--local");
    }
    let child = command(world, &arguments).stdout(Stdio::piped()).spawn().expect("the command starts");
    let id = child.id().expect("it was not waited for");
    world.ledger.with(|entries| entries.commands.insert(id));
    let mut output = Box::pin(child.wait_with_output());
    let output = tokio::select! {
        biased;
        output = &mut output => output,
        () = sleep(kill_after.unwrap_or(Duration::MAX)) => {
            // It was not waited for, so the id is still its own.
            signal(id, "KILL");
            output.await
        }
    };
    world.ledger.with(|entries| entries.commands.remove(&id));
    end_of(&output.expect("the command can be waited for"))
}

fn end_of(output: &Output) -> RotationEnd {
    if output.status.code().is_none() {
        return RotationEnd::Killed;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = text.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    match (report["promoted"].as_bool(), output.status.success()) {
        (Some(true), true) => RotationEnd::Promoted,
        _ => RotationEnd::Failed(report["error"]["type"].as_str().unwrap_or("no report").to_owned()),
    }
}

/// What `status` prints of all secrets outside the engine.
pub async fn status(world: &World) -> Vec<Value> {
    let typed = typed(world);
    let mut arguments = vec!["status", "--output", "json"];
    arguments.extend(typed.iter().map(String::as_str));
    let output = command(world, &arguments).output().await.expect("the command runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let statuses: Vec<_> = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(statuses.len(), typed.len(), "every secret has a line");
    statuses
}

fn typed(world: &World) -> Vec<String> {
    let secrets = world.secrets.iter().filter(|secret| secret.driver != Driver::Engine);
    secrets.map(|secret| secret.typed(world)).collect()
}

/// Starts `status --watch`, which runs as long as the soak.
pub fn watch(world: &World) -> Child {
    let typed = typed(world);
    let mut arguments = vec!["status"];
    arguments.extend(typed.iter().take(WATCHED).map(String::as_str));
    arguments.extend(["--watch", "1"]);
    command(world, &arguments).stdout(Stdio::null()).spawn().expect("the command starts")
}

fn command(world: &World, arguments: &[&str]) -> Command {
    let (genesys, aws) = (world.simulation.genesys_url(), world.simulation.secrets_manager_url());
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().envs([
        ("ROTATOR_LOGIN_URL", genesys.as_str()),
        ("ROTATOR_API_URL", &genesys),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &aws),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "example"),
        ("VAULT_ADDR", &world.bao.url),
        ("VAULT_TOKEN", ROOT),
    ]);
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}
