//! Readers that wait for `ttl`: the agent of OpenBao.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::bao::{program, until};
use crate::scene::{Scene, config};

const ROLES: usize = 40;
/// A rotation is due after three quarters of it at the latest.
const TOKEN_LIFETIME: Duration = Duration::from_secs(30);
/// The life that a token in a file must have left.
const LEFT: Duration = Duration::from_secs(3);
const ROTATIONS: usize = 50;

/// Ends with the test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Agent {
    /// An agent that writes the token of each role to the file of its name.
    fn start(scene: &Scene, directory: &str) -> Self {
        fs::write(format!("{directory}/login"), &scene.bao.root).expect("it is written");
        let templates = (0..ROLES).map(|role| {
            let contents = format!(
                r#"{{{{ with secret \"genesys-cloud/static-creds/{role}\" }}}}{{{{ .Data.access_token }}}}{{{{ end }}}}"#
            );
            format!("template {{\n contents = \"{contents}\"\n destination = \"{directory}/token-{role}\"\n}}\n")
        });
        let settings = format!(
            "vault {{\n address = \"{}\"\n}}\nauto_auth {{\n method \"token_file\" {{\n config = {{ token_file_path = \"{directory}/login\" }}\n }}\n}}\n{}",
            scene.bao.url,
            templates.collect::<String>()
        );
        fs::write(format!("{directory}/agent.hcl"), settings).expect("it is written");
        let mut command = Command::new(program().expect("the server runs"));
        command.args(["agent", &format!("-config={directory}/agent.hcl")]).env_clear().env("HOME", directory);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the agent starts"))
    }
}

#[tokio::test]
async fn an_agent_replaces_each_token_before_it_expires() {
    let Some(scene) = Scene::empty().await else { return };
    scene.write("config/main", config()).await;
    scene.simulation.genesys.set(|settings| settings.token_lifetime = TOKEN_LIFETIME.as_secs());
    for role in 0..ROLES {
        scene.write(&format!("static-roles/{role}"), json!({"config": "main", "rotation_period": "1h"})).await;
    }
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().display().to_string();
    let _agent = Agent::start(&scene, &directory);
    let token = |role: usize| fs::read_to_string(format!("{directory}/token-{role}")).unwrap_or_default();
    until("the agent has written all files", async || (0..ROLES).all(|role| !token(role).is_empty())).await;
    let mut seen = BTreeSet::new();
    while seen.len() < ROLES + ROTATIONS {
        for role in 0..ROLES {
            let issued = scene.simulation.genesys.issued_tokens();
            let is_fresh = |held: &str| {
                issued.iter().any(|token| token.text == held && token.issued.elapsed() < TOKEN_LIFETIME - LEFT)
            };
            let held = token(role);
            assert!(is_fresh(&held), "the token of role {role} has expired, or is about to");
            seen.insert(held);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn static_creds_has_the_fields_that_agents_and_operators_read() {
    let Some(scene) = Scene::empty().await else { return };
    scene.write("config/main", config()).await;
    scene.write("static-roles/ci", json!({"config": "main", "rotation_period": "1h"})).await;
    let read = scene.read("static-creds/ci").await["data"].clone();
    let fields: Vec<_> = read.as_object().expect("fields").keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "access_token",
            "api_url",
            "expires_at",
            "last_rotation",
            "last_vault_rotation",
            "rotation_period",
            "token_ttl",
            "token_type",
            "ttl"
        ]
    );
    let next = scene.read("static-roles/ci").await["data"]["next_rotation"].clone();
    let seconds = |field: &str| read[field].as_i64().expect("seconds");
    assert!(
        seconds("ttl") <= 3_600 && seconds("ttl") >= 1_795,
        "the first rotation is up to half a period early: {read}"
    );
    assert!((86_390..86_400).contains(&seconds("token_ttl")) && seconds("rotation_period") == 3_600, "{read}");
    let time = |value: &serde_json::Value| value.as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
    let until_next = time(&next).duration_since(time(&read["last_vault_rotation"])).as_secs();
    assert!((0..5).contains(&(until_next - seconds("ttl"))), "{next} {read}");
}
