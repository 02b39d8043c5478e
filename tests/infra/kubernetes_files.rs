//! The files of `infra/kubernetes` and the commands of docs/kubernetes.md.

use std::process::Command;

use serde_json::Value;

use super::stack::{python, repository, script};
use super::stdout;

/// Where the manifests are.
pub const DIRECTORY: &str = "infra/kubernetes";
const READ: &str = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";

/// The documents of a YAML file of `infra/`; `None` without the tests' Python.
pub fn documents(path: &str) -> Option<Vec<Value>> {
    let mut command = Command::new(python()?);
    command.args(["-c", READ]).arg(repository("infra").join(path));
    Some(serde_json::from_str(&stdout(&command.output().expect("it runs"))).expect("JSON"))
}

/// The commands of docs/kubernetes.md, each on one line.
pub fn page_commands() -> Vec<String> {
    let page = std::fs::read_to_string(repository("docs/kubernetes.md")).expect("the page");
    let page = page.replace("\\\n", " ");
    page.lines().filter_map(|line| line.strip_prefix("$ ").map(str::to_owned)).collect()
}

/// The documents of all manifests (`files`) and what is invalid (`errors`); `None` without the tests' Python.
pub fn manifests() -> Option<Value> {
    script("kubernetes_manifests.py", DIRECTORY, &[])
}

/// The document of a manifest with this kind and name.
pub fn manifest(file: &str, kind: &str, name: &str) -> Option<Value> {
    let is_it = |document: &Value| document["kind"] == kind && document["metadata"]["name"] == name;
    Some(documents(&format!("kubernetes/{file}"))?.into_iter().find(is_it).expect("the document"))
}
