//! The README's way from nothing to a leased token, step by step, with the built binary and `bao` alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{CLIENT, ENGINE, output, plugin, simulate, stdout};
use crate::bao::{Bao, program};

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
const SECTION: &str = "\n## Have Vault or OpenBao hand out tokens\n";

/// The commands of the section, those that go on over several lines in one.
fn commands() -> Vec<String> {
    let section = README.split_once(SECTION).expect("the section").1;
    let section = section.split("\n## ").next().expect("its text").replace("\\\n", "");
    section.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_person_who_follows_the_readme_reads_a_leased_token() {
    let simulation = simulate().await;
    let plugin = plugin(&simulation);
    let Some(bao) = Bao::configured(&plugin, |plugins| format!("plugin_directory = {plugins:?}\n")) else { return };
    let plugins = bao.server.home().join("plugins");
    fs::remove_file(plugins.join(plugin.name)).expect("the reader installs it");
    let home = tempfile::tempdir().expect("a directory");
    symlink(program().expect("bao"), home.path().join("bao")).expect("a link");
    fs::create_dir_all(home.path().join("target/release")).expect("a directory");
    symlink(ENGINE, home.path().join("target/release").join(plugin.name)).expect("a link");
    fs::write(home.path().join("client-secret"), CLIENT.1).expect("a file");
    let mut printed = Vec::new();
    // What it builds is built.
    for command in commands().iter().filter(|command| *command != "make build") {
        let command =
            command.replace("/etc/openbao/plugins", &plugins.display().to_string()).replace("my-id", CLIENT.0);
        printed.push(stdout(&output(shell(&command, home.path(), &bao)).await));
    }
    assert_eq!(printed.len(), 8, "the commands of the section");
    let shows_a_token = |printed: &String| printed.contains("access_token") && printed.contains("api_url");
    assert_eq!(printed.iter().filter(|printed| shows_a_token(printed)).count(), 2);
    assert!(printed[5].contains("lease_duration     1h"), "{}", printed[5]);
    assert_eq!(bao.call("GET", "genesys-cloud/token/ci", Value::Null).await.0, 200);
}

fn shell(line: &str, directory: &Path, bao: &Bao) -> Command {
    let mut command = Command::new("sh");
    command.args(["-ec", line]).current_dir(directory).env_clear().env("HOME", directory);
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", directory.display()));
    command.env("BAO_ADDR", &bao.url).env("BAO_TOKEN", &bao.root);
    command
}
