//! Runs the agent of `kubernetes/agent.yaml` with another login method.

use std::fs;
use std::process::Command;

use super::kubernetes::documents;
use super::{output, start, stdout, text};
use crate::bao::program;

#[tokio::test]
async fn the_agent_writes_valid_tokens_to_files() {
    let Some(documents) = documents("kubernetes/agent.yaml") else { return };
    let Some((bao, simulation)) = start().await else { return };
    let home = tempfile::tempdir().expect("a directory");
    let place = home.path().display().to_string();
    fs::write(home.path().join("login"), bao.token(&text("policies/reader.hcl")).await).expect("it is written");
    let config = documents[1]["data"]["agent.hcl"].as_str().expect("a text");
    let method = "method \"kubernetes\" {\n    config = {\n      role = \"genesys-reader\"\n    }\n  }";
    assert!(config.contains(method), "{config}");
    let login = format!("method \"token_file\" {{\nconfig = {{ token_file_path = \"{place}/login\" }}\n}}");
    let config = config.replace(method, &login).replace("https://openbao.vault.svc:8200", &bao.url);
    let config = format!("exit_after_auth = true\n{}", config.replace("/run/genesys", &place));
    fs::write(home.path().join("agent.hcl"), config).expect("it is written");

    let mut command = Command::new(program().expect("the server runs"));
    command.args(["agent", &format!("-config={place}/agent.hcl")]).env_clear().env("HOME", home.path());
    stdout(&output(command).await);
    let live = simulation.genesys.live_tokens();
    for file in ["leased", "shared"] {
        let token = fs::read_to_string(home.path().join(file)).expect("a file");
        assert!(live.contains(&token), "{file}: {token}");
    }
}
