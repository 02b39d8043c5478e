//! Linters for the pipeline examples, offline.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Value, manifest, stdout, yaml};

const ACTION: &str = "infra/github-action/action.yml";
const WORKFLOW: &str = "infra/pipelines/github/workflow.yml";
const OWN_WORKFLOWS: [&str; 2] = [".github/workflows/ci.yml", ".github/workflows/release.yml"];
/// Other files that the forge reads, with their schemas.
const FORGE: [(&str, &str); 4] = [
    ("vendor.dependabot", ".github/dependabot.yml"),
    ("vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
    ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/idea.yml"),
    ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/problem.yml"),
];
const GITLAB: &str = "infra/pipelines/gitlab/gitlab-ci.yml";
const YAMLLINT: &str = "{extends: default, rules: {line-length: {max: 140}, document-start: disable, truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}}}";

/// A program next to the tests' Python; `None` without it.
#[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter")]
fn tool(name: &str) -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("PYTHON")?);
    Some(python.parent()?.join(name))
}

/// Runs a linter, which must find nothing.
fn passes(name: &str, arguments: &[&str], files: &[&str]) {
    let Some(tool) = tool(name) else { return };
    let mut command = Command::new(tool);
    command.args(arguments).args(files).current_dir(manifest("")).env_clear();
    let done = command.output().expect("it runs");
    let printed = [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(done.status.success(), "{name}: {printed}");
}

#[test]
fn zizmor_finds_nothing() {
    passes(
        "zizmor",
        &["--offline", "--no-progress", "--no-ignores", "--persona", "pedantic"],
        &[ACTION, WORKFLOW, OWN_WORKFLOWS[0], OWN_WORKFLOWS[1]],
    );
}

#[test]
fn files_match_their_published_schemas() {
    let own = OWN_WORKFLOWS.map(|file| ("vendor.github-workflows", file));
    let examples =
        [("vendor.github-actions", ACTION), ("vendor.github-workflows", WORKFLOW), ("vendor.gitlab-ci", GITLAB)];
    for (schema, file) in own.into_iter().chain(examples).chain(FORGE) {
        let gitlab: &[&str] = if file == GITLAB { &["--data-transform", "gitlab-ci"] } else { &[] };
        passes("check-jsonschema", &[&["--builtin-schema", schema], gitlab].concat(), &[file]);
    }
}

#[test]
fn yamllint_finds_nothing() {
    passes("yamllint", &["--strict", "-d", YAMLLINT], &[ACTION, WORKFLOW, GITLAB, ".github"]);
}

/// Collects the scripts of a file: `run:` of GitHub, `script:` of GitLab.
fn scripts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("run", Value::String(text)) => found.push(text.clone()),
                    ("script", Value::Array(lines)) => {
                        found.push(lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"));
                    }
                    _ => scripts(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| scripts(value, found)),
        _ => {}
    }
}

#[test]
fn shellcheck_finds_nothing() {
    let mut found = Vec::new();
    for file in [ACTION, WORKFLOW, GITLAB] {
        let Some(whole) = yaml(file.strip_prefix("infra/").expect("it is there")) else { return };
        scripts(&whole, &mut found);
    }
    for file in OWN_WORKFLOWS {
        let Some(whole) = yaml(&format!("../{file}")) else { return };
        scripts(&whole, &mut found);
    }
    assert!(found.len() >= 20, "{found:#?}");
    let place = tempfile::tempdir().expect("a directory");
    let mut files = vec!["infra/pipelines/report.sh".to_owned(), "infra/github-action/install.sh".to_owned()];
    for (number, text) in found.iter().enumerate() {
        let path = place.path().join(number.to_string());
        fs::write(&path, text).expect("it is written");
        files.push(path.display().to_string());
    }
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    passes("shellcheck", &["--shell=bash", "--norc"], &files);
}

/// The blocks of a Terraform file, as JSON.
fn hcl(path: &str) -> Option<Value> {
    let mut command = Command::new(tool("hcl2tojson")?);
    command.arg(manifest("infra/pipelines/terraform").join(path));
    let text = stdout(&command.output().expect("it runs"));
    serde_json::from_str(&text.replace("\\\"", "")).ok()
}

#[test]
fn terraform_reads_the_token_from_the_environment_or_an_ephemeral_resource() {
    let Some(exec) = hcl("exec/main.tf") else { return };
    let provider = &exec["provider"][0]["genesyscloud"];
    assert!(provider.is_object() && provider.get("access_token").is_none(), "{exec}");
    let ephemeral = hcl("ephemeral/main.tf").expect("it can be read");
    assert_eq!(ephemeral["ephemeral"][0]["aws_secretsmanager_secret_version"]["genesys"]["secret_id"], "genesys/prod");
    assert_eq!(ephemeral["provider"][1]["genesyscloud"]["access_token"], "${local.genesys.access_token}");
    let kept = ephemeral["data"].as_array().expect("data").iter().any(|data| data.to_string().contains("secret"));
    assert!(!kept, "{ephemeral}");
}
