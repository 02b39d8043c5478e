//! The GitHub workflow and action.

use std::fs;

use serde_json::{Value, json};

use super::install::release;
use super::runner::Runner;
use super::{Command, ROTATOR, SECRET, Workplace, output, script, stdout, yaml};

const WORKFLOW: &str = "pipelines/github/workflow.yml";

#[tokio::test]
async fn steps_after_the_action_have_the_token_and_the_log_masks_it() {
    let Some(mut workflow) = yaml(WORKFLOW) else { return };
    let (workplace, _server, release) = release().await;
    for step in workflow["jobs"]["report"]["steps"].as_array_mut().expect("steps") {
        if let Some(with) = step["with"].as_object_mut().filter(|with| with.contains_key("version")) {
            with.extend(release.as_object().expect("an object").clone());
        }
    }
    let mut runner = Runner::new(&workplace);
    assert!(runner.run(&workflow["jobs"]["report"]).await, "{}", runner.log());
    assert_eq!(runner.environment["GENESYSCLOUD_ACCESS_TOKEN"], workplace.token);
    assert_eq!(runner.environment["GENESYSCLOUD_REGION"], "eu-west-1");
    assert!(runner.log().contains("\"entities\"") && !runner.log().contains(&workplace.token), "{}", runner.log());
    let policy: Value = serde_json::from_str(&super::pipelines("aws-reader.json")).expect("JSON");
    assert_eq!(workplace.called(), ["GetSecretValue"]);
    assert_eq!(policy["Statement"][0]["Action"], "secretsmanager:GetSecretValue");
}

#[tokio::test]
async fn exec_passes_the_token_to_one_command_only() {
    let Some(workflow) = yaml(WORKFLOW) else { return };
    let workplace = Workplace::new().await;
    let mut runner = Runner::new(&workplace);
    assert!(runner.run(&workflow["jobs"]["apply"]).await, "{}", runner.log());
    let applied = "terraform apply -input=false -auto-approve in ";
    assert!(runner.log().contains(applied) && runner.log().contains("region eu-west-1\n"), "{}", runner.log());
    assert!(runner.log().contains("\"entities\"") && !runner.log().contains(&workplace.token), "{}", runner.log());
    assert!(runner.environment.is_empty(), "{:?}", runner.environment);
}

#[test]
fn jobs_have_minimal_permissions_and_pinned_actions() {
    for file in [WORKFLOW, "../.github/workflows/ci.yml", "../.github/workflows/release.yml"] {
        let Some(workflow) = yaml(file) else { return };
        assert_eq!(workflow["permissions"], json!({}), "{file}");
        for (name, job) in workflow["jobs"].as_object().expect("jobs") {
            if file == WORKFLOW {
                assert_eq!(job["permissions"], json!({"contents": "read", "id-token": "write"}), "{name}");
            }
            assert!(job["permissions"].is_object() && job["timeout-minutes"].is_u64(), "{file}: {name}");
            for step in job["steps"].as_array().expect("steps") {
                let Some(uses) = step["uses"].as_str() else { continue };
                let commit = uses.split_once('@').expect("a version").1;
                assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{uses}");
                let is_checkout = uses.starts_with("actions/checkout@");
                assert!(!is_checkout || step["with"]["persist-credentials"] == false, "{file}: {name}");
            }
        }
    }
}

/// The release workflow publishes nothing unless a tag was pushed: every other job follows from one that requires it.
#[test]
fn a_rehearsal_of_a_release_publishes_nothing() {
    let Some(workflow) = yaml("../.github/workflows/release.yml") else { return };
    let jobs = workflow["jobs"].as_object().expect("jobs");
    assert_eq!(jobs["build"]["permissions"], json!({"contents": "read"}));
    assert_eq!(jobs["sign"]["if"], "github.event_name == 'push'");
    for (name, needed) in [("draft", "sign"), ("verify", "draft"), ("images", "verify")] {
        assert!(jobs[name]["needs"].to_string().contains(&format!("{needed:?}")), "{name}");
        let condition = jobs[name]["if"].as_str().unwrap_or_default();
        assert!(!condition.contains("always") && !condition.contains("failure"), "{name}: {condition}");
    }
    assert_eq!(jobs.len(), 5, "a new job must depend on sign");
}

pub async fn sum(path: &str) -> String {
    let mut command = Command::new("sha256sum");
    command.arg(path);
    stdout(&output(command).await).split(' ').next().expect("a sum").to_owned()
}

#[tokio::test]
async fn the_action_runs_the_given_binary_if_its_checksum_matches() {
    if yaml(WORKFLOW).is_none() {
        return;
    }
    let workplace = Workplace::new().await;
    fs::remove_file(workplace.home.path().join("bin/genesys-rotator")).expect("it is there");
    let right = sum(ROTATOR).await;
    let mut with = json!({"secret": SECRET, "binary": ROTATOR, "sha256": right, "env-name": "TOKEN"});
    let mut runner = Runner::new(&workplace);
    assert!(runner.act(&with).await, "{}", runner.log());
    assert_eq!(runner.environment.into_iter().collect::<Vec<_>>(), [("TOKEN".to_owned(), workplace.token.clone())]);
    assert!(runner.printed.contains("genesys-rotator 0."), "the log has its version");
    for (name, value, words) in [
        ("sha256", "0".repeat(64), format!("::error::the checksum of {ROTATOR} is {right}, which does not match")),
        ("binary", "/no/such/file".to_owned(), "::error::/no/such/file is not an executable file".to_owned()),
    ] {
        let previous = std::mem::replace(&mut with[name], json!(value));
        let mut runner = Runner::new(&workplace);
        assert!(!runner.act(&with).await && runner.log().contains(&words), "{}", runner.log());
        assert!(runner.environment.is_empty(), "{:?}", runner.environment);
        with[name] = previous;
    }
}

#[tokio::test]
async fn the_action_builds_a_missing_binary_on_request() {
    if yaml(WORKFLOW).is_none() {
        return;
    }
    let workplace = Workplace::new().await;
    let bin = workplace.home.path().join("bin");
    fs::remove_file(bin.join("genesys-rotator")).expect("it is there");
    let expected = "install --locked --path . --root";
    let cargo = format!(
        "#!/bin/bash\nset -eu\n[[ -f Cargo.lock && $* == '{expected} '*' --bin genesys-rotator --no-default-features --features cli' ]]\n\
         echo built; cp {ROTATOR} \"$6/bin/genesys-rotator\"\n"
    );
    script(&bin.join("cargo"), &cargo);
    let mut runner = Runner::new(&workplace);
    let mut with = json!({"secret": SECRET});
    assert!(!runner.act(&with).await && runner.log().contains("set version and sha256"), "{}", runner.log());
    with["build"] = json!("true");
    let mut runner = Runner::new(&workplace);
    assert!(runner.act(&with).await && runner.log().starts_with("built\n"), "{}", runner.log());
    with["sha256"] = json!(sum(ROTATOR).await);
    let mut runner = Runner::new(&workplace);
    assert!(
        !runner.act(&with).await && runner.log().contains("::error::sha256 requires binary or version"),
        "{}",
        runner.log()
    );
}

#[tokio::test]
async fn the_action_fails_if_the_token_expires_too_soon() {
    if yaml(WORKFLOW).is_none() {
        return;
    }
    let workplace = Workplace::new().await;
    let mut runner = Runner::new(&workplace);
    assert!(!runner.act(&json!({"secret": SECRET, "minimum-life": "30h"})).await);
    assert!(runner.log().contains("error: genesys/prod: the token is valid for 23 h"), "{}", runner.log());
    assert!(runner.environment.is_empty(), "{:?}", runner.environment);
}
