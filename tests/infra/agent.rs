//! Runs the agents of `agent.yaml` and `injector.yaml` with another login method.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::kubernetes_files::{documents, manifest};
use super::{output, start, text};
use crate::bao::{Bao, program};

/// The annotations of `injector.yaml` that vault-k8s 1.7.2 to 1.7.6 know. OpenBao's Helm chart 0.29.2 installs 1.7.2, and
/// openbao-k8s 1.4.0 has the same names. An injector ignores all others.
const ANNOTATIONS: [&str; 11] = [
    "agent-inject",
    "agent-inject-perms-access_token",
    "agent-inject-secret-access_token",
    "agent-inject-template-access_token",
    "agent-limits-ephemeral",
    "agent-limits-mem",
    "agent-run-as-same-user",
    "agent-service-account-token-volume-name",
    "role",
    "secret-volume-path",
    "template-config-exit-on-retry-failure",
];

/// Runs an agent until it has written its files.
async fn run(configs: &[PathBuf], home: &Path) {
    let mut command = Command::new(program().expect("the server runs"));
    command.arg("agent").args(configs.iter().map(|file| format!("-config={}", file.display())));
    command.env_clear().env("HOME", home);
    let output = output(command).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Writes a login of a reader to a file.
async fn log_in(bao: &Bao, file: &Path) {
    fs::write(file, bao.token(&text("policies/reader.hcl")).await).expect("it is written");
}

#[tokio::test]
async fn the_agent_writes_valid_tokens_to_files() {
    let Some(documents) = documents("kubernetes/agent.yaml") else { return };
    let Some((bao, simulation)) = start().await else { return };
    let home = tempfile::tempdir().expect("a directory");
    let place = home.path().display().to_string();
    log_in(&bao, &home.path().join("login")).await;
    let config = documents[1]["data"]["agent.hcl"].as_str().expect("a text");
    let method = "method \"kubernetes\" {\n    config = {\n      role       = \"genesys-reader\"\n      \
         token_path = \"/var/run/secrets/openbao/token\"\n    }\n  }";
    assert!(config.contains(method), "{config}");
    let login = format!("method \"token_file\" {{\nconfig = {{ token_file_path = \"{place}/login\" }}\n}}");
    let config = config.replace(method, &login).replace("https://openbao.vault.svc:8200", &bao.url);
    let config = format!("exit_after_auth = true\n{config}");
    let alternatives = ["leased.hcl", "shared.hcl"].map(|name| documents[1]["data"][name].as_str().expect("a text"));
    let files = [config.as_str()].into_iter().chain(alternatives).enumerate().map(|(number, text)| {
        let file = home.path().join(format!("{number}.hcl"));
        fs::write(&file, text.replace("/run/genesys", &place)).expect("it is written");
        file
    });
    run(&files.collect::<Vec<_>>(), home.path()).await;
    let live = simulation.genesys.live_tokens();
    for file in ["static", "leased", "shared"] {
        let token = fs::read_to_string(home.path().join(file)).expect("a file");
        assert!(live.contains(&token), "{file}: {token}");
    }
}

/// The injector makes a template of each pair of annotations, and appends its name to the directory of the secrets.
#[tokio::test]
async fn the_injected_agent_writes_a_valid_token_and_nothing_else() {
    let Some(deployment) = manifest("injector.yaml", "Deployment", "genesys-injected") else { return };
    let Some((bao, simulation)) = start().await else { return };
    let home = tempfile::tempdir().expect("a directory");
    let place = home.path().display().to_string();
    log_in(&bao, &home.path().join("login")).await;
    let annotations = deployment["spec"]["template"]["metadata"]["annotations"].as_object().expect("annotations");
    let mut names: Vec<_> = annotations.keys().filter_map(|name| name.strip_prefix("vault.hashicorp.com/")).collect();
    names.sort_unstable();
    assert!(annotations.len() == names.len() && names == ANNOTATIONS, "{annotations:?}");
    let annotation = |name: &str| annotations[&format!("vault.hashicorp.com/{name}")].as_str().expect("a text");
    let of = |name: &str| Value::from(annotation(&format!("agent-inject-{name}-access_token")));
    let exits = annotation("template-config-exit-on-retry-failure");
    assert_eq!(exits, "false", "the pod must stay ready while OpenBao is down");
    assert!(of("template").as_str().is_some_and(|template| template.contains(of("secret").as_str().expect("a path"))));
    let config = json!({
        "exit_after_auth": true,
        "vault": {"address": bao.url},
        "auto_auth": {"method": [{"type": "token_file", "config": {"token_file_path": format!("{place}/login")}}]},
        "template": [{
            "destination": format!("{place}/access_token"), "contents": of("template"), "perms": of("perms"),
            "left_delimiter": "{{", "right_delimiter": "}}",
        }],
        "template_config": {"exit_on_retry_failure": exits.parse::<bool>().expect("true or false")},
    });
    fs::write(home.path().join("agent.json"), config.to_string()).expect("it is written");

    run(&[home.path().join("agent.json")], home.path()).await;
    let token = fs::read_to_string(home.path().join("access_token")).expect("a file");
    assert!(simulation.genesys.live_tokens().contains(&token), "{token:?}");
    let reader = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        reader["command"].as_array().and_then(|words| words.last()),
        Some(&Value::from(format!("{}/access_token", annotation("secret-volume-path"))))
    );
    // agent-run-as-same-user reads the user of the first container.
    assert_eq!(reader["securityContext"]["runAsUser"], 65532);
}
