//! The scripts of `infra/vault/`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use super::{CLIENT, ENGINE, NAME, infra, output, plugin, simulate, stdout, text};
use crate::bao::{Bao, free_port, program, signal, until};

/// Stops the script when this process ends, as `WATCHED` does for servers.
const WATCHED: &str = r#"exec 3<&0; { read -r _ <&3 || kill -TERM $$; } & exec "$@" 3<&- </dev/null"#;

#[test]
fn every_script_is_valid_bash() {
    let scripts: Vec<_> = fs::read_dir(infra("")).expect("a directory").flatten().map(|entry| entry.path()).collect();
    let scripts: Vec<_> = scripts.iter().filter(|path| path.extension().is_some_and(|ending| ending == "sh")).collect();
    assert_eq!(scripts.len(), 2);
    for script in scripts {
        stdout(&Command::new("bash").arg("-n").arg(script).output().expect("bash"));
        let text = fs::read_to_string(script).expect("a script");
        assert!(text.starts_with("#!/usr/bin/env bash\n") && text.contains("\nset -euo pipefail\n"), "{script:?}");
    }
}

/// Runs `register.sh` with the root token of a server, or without a server.
async fn register(bao: Option<&Bao>, arguments: &[&str]) -> Output {
    let mut command = Command::new(infra("register.sh"));
    command.args(arguments).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", "/nowhere");
    if let Some(bao) = bao {
        command.env("BAO_ADDR", &bao.url).env("BAO_TOKEN", &bao.root);
    }
    output(command).await
}

#[tokio::test]
async fn register_enables_the_engine_and_reloads_it_on_the_next_run() {
    let simulation = simulate().await;
    let plugin = plugin(&simulation);
    let Some(bao) = Bao::configured(&plugin, |plugins| format!("plugin_directory = {plugins:?}\n")) else { return };
    let program = program().expect("it runs");
    let environment: Vec<_> = plugin.environment.iter().flat_map(|pair| ["-e", pair]).collect();
    let arguments = [&["-c", program.to_str().expect("a path")], &environment[..], &[ENGINE]].concat();
    let version = plugin.version;
    let said = stdout(&register(Some(&bao), &arguments).await);
    assert_eq!(said, format!("registered {NAME} {version}\nenabled genesys-cloud/\n"));
    let entry = bao.read(&format!("sys/plugins/catalog/secret/{NAME}?version={version}")).await;
    assert_eq!((&entry["command"], &entry["version"]), (&json!(NAME), &json!(version)));

    // The next step of the README.
    let write = format!(
        "printf %s {} | \"$0\" write genesys-cloud/config/main region=mypurecloud.ie client_id={} client_secret=-",
        CLIENT.1, CLIENT.0
    );
    let mut command = Command::new("sh");
    command.args(["-c", &write]).arg(&program).env("BAO_ADDR", &bao.url).env("BAO_TOKEN", &bao.root);
    stdout(&output(command).await);
    bao.post("genesys-cloud/roles/ci", json!({"config": "main", "ttl": "15m"})).await;
    let before = bao.engines();
    let said = stdout(&register(Some(&bao), &arguments).await);
    assert_eq!(said, format!("registered {NAME} {version}\nreloaded genesys-cloud/\n"));
    until("the old process is gone", async || bao.engines().iter().all(|engine| !before.contains(engine))).await;
    let (status, answer) = bao.call("GET", "genesys-cloud/creds/ci", Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(simulation.genesys.live_tokens().len(), 1);
}

#[tokio::test]
async fn wrong_usage_prints_help() {
    for (arguments, expected) in [
        (&[][..], "usage: register.sh"),
        (&["-x", ENGINE], "usage: register.sh"),
        (&["-c", "bao", "/no/such/file"], "hint: make build"),
        (&["-c", "bao", "-m", "genesys/", ENGINE], "hint: choose a name that does not end in sys"),
        (&[ENGINE], "hint: install one, or name it with -c"),
    ] {
        let output = register(None, arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(expected), "{arguments:?}: {said}");
    }
    let said = stdout(&register(None, &["-h"]).await);
    assert!(said.starts_with("usage: register.sh"), "{said}");
}

#[tokio::test]
async fn openbao_registers_the_engine_of_its_configuration() {
    let simulation = simulate().await;
    let plugin = plugin(&simulation);
    let sum = stdout(&Command::new(ENGINE).arg("--sha256").output().expect("it runs"));
    let sample = text("openbao.hcl").replace(&"0".repeat(64), sum.trim());
    let config = |plugins: &std::path::Path| sample.replace("/etc/openbao/plugins", &plugins.display().to_string());
    let Some(bao) = Bao::configured(&plugin, config) else { return };
    bao.mount(&plugin, "genesys-cloud").await;
    assert_eq!(bao.call("LIST", "genesys-cloud/roles", Value::Null).await.0, 404, "the mount works and has no role");
}

/// `dev.sh`, which is stopped when this is dropped.
struct Development(Child);

impl Drop for Development {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn the_development_server_works_and_cleans_up() {
    let Some(program) = program() else { return };
    let home = tempfile::Builder::new().prefix("dev").tempdir_in("/tmp").expect("a directory");
    let binaries = std::path::Path::new(ENGINE).parent().expect("a directory");
    let mut command = Command::new("bash");
    command.args(["-c", WATCHED, "bash"]).arg(infra("dev.sh")).arg(program).arg(binaries);
    command.env("VAULT_DEV_PORT", free_port().to_string()).env("TMPDIR", home.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut development = Development(command.spawn().expect("bash"));
    let lines = BufReader::new(development.0.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let said: Vec<_> = lines.take_while(|line| !line.starts_with("Ctrl-C")).collect();
    let commands: Vec<_> = said.iter().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(commands.len(), 3, "{said:#?}");
    for command in commands {
        let printed = stdout(&Command::new("sh").args(["-c", command]).output().expect("a shell"));
        assert!(printed.contains("access_token") && printed.contains("http://127.0.0.1:"), "{command}: {printed}");
    }
    signal(development.0.id(), "INT");
    // `wait` closes the pipe, which would also stop the script.
    let mut watched = development.0.stdin.take().expect("a pipe");
    assert_eq!(development.0.wait().expect("it ends").code(), Some(130));
    watched.write_all(b"\n").ok();
    assert_eq!(fs::read_dir(home.path()).expect("a directory").count(), 0);
}
