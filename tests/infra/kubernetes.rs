//! The Kubernetes manifests: parsed, and their commands are run.

use std::process::Command;

use serde_json::{Value, json};

use super::{CLIENT, ROTATOR, infra, output, simulate, stdout, text};
use crate::bao::Bao;

const READ: &str = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";

/// The documents of a manifest; `None` without the tests' Python.
pub fn documents(path: &str) -> Option<Vec<Value>> {
    let mut command = Command::new(python()?);
    command.args(["-c", READ]).arg(infra(path));
    Some(serde_json::from_str(&stdout(&command.output().expect("it runs"))).expect("JSON"))
}

#[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter")]
fn python() -> Option<std::ffi::OsString> {
    std::env::var_os("PYTHON")
}

/// The kinds of the documents, which must share one namespace.
fn kinds(documents: &[Value]) -> Vec<&str> {
    assert!(documents.iter().all(|document| document["metadata"]["namespace"] == "ci"));
    documents.iter().filter_map(|document| document["kind"].as_str()).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn the_cron_job_rotates_with_its_policy() {
    let Some(documents) = documents("kubernetes/rotate-kv.yaml") else { return };
    assert_eq!(kinds(&documents), ["ServiceAccount", "CronJob"]);
    let pod = &documents[1]["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], documents[0]["metadata"]["name"]);
    let container = &pod["containers"][0];
    let words = texts(&container["command"]);
    assert_eq!(words, ["genesys-rotator", "rotate", "vault:secret/team/genesys"]);
    let names: Vec<_> = container["env"].as_array().expect("a list").iter().map(|pair| &pair["name"]).collect();
    assert_eq!(names, ["VAULT_ADDR", "VAULT_KUBERNETES_ROLE", "ROTATOR_LOG"]);

    let (Some(bao), simulation) = (Bao::start(), simulate().await) else { return };
    let document = json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    bao.put("team/genesys", &document.to_string()).await;
    let mut command = Command::new(ROTATOR);
    command.args(&words[1..]).env_clear().env("VAULT_ADDR", &bao.url).env("ROTATOR_LOG", "info");
    command.env("VAULT_TOKEN", bao.token(&text("policies/kv-rotator.hcl")).await);
    let url = simulation.genesys_url();
    command.env("ROTATOR_LOGIN_URL", &url).env("ROTATOR_API_URL", &url);
    stdout(&output(command).await);

    let reader = bao.token(&text("policies/kv-reader.hcl")).await;
    let (status, answer) = bao.call_as(&reader, "GET", "secret/data/team/genesys", Value::Null).await;
    let token = answer["data"]["data"]["access_token"].as_str().expect("a token").to_owned();
    assert_eq!((status, simulation.genesys.live_tokens()), (200, vec![token]));
    for (method, path) in [
        ("GET", "secret/data/genesys-rotator/pending/team/genesys"),
        ("GET", "secret/data/team/other"),
        ("PUT", "secret/data/team/genesys"),
    ] {
        assert_eq!(bao.call_as(&reader, method, path, Value::Null).await.0, 403, "{method} {path}");
    }
}

#[test]
fn the_readers_pod_shares_a_directory_with_its_agent() {
    let Some(documents) = documents("kubernetes/agent.yaml") else { return };
    assert_eq!(kinds(&documents), ["ServiceAccount", "ConfigMap", "Deployment"]);
    let pod = &documents[2]["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], documents[0]["metadata"]["name"]);
    let agent = &pod["initContainers"][0];
    assert_eq!(texts(&agent["command"]), ["bao", "agent", "-config=/etc/agent/agent.hcl"]);
    assert_eq!(agent["restartPolicy"], "Always", "a native sidecar needs restartPolicy Always");
    assert_eq!(pod["volumes"][0]["configMap"]["name"], documents[1]["metadata"]["name"]);
    for container in [agent, &pod["containers"][0]] {
        let mounts = container["volumeMounts"].as_array().expect("mounts");
        assert!(mounts.iter().any(|mount| mount["mountPath"] == "/run/genesys" && mount["name"] == "genesys"));
    }
}

#[test]
fn manifests_name_policies_that_the_pages_write() {
    let pages = ["docs/kv.md", "docs/vault-openbao.md", "infra/vault/README.md"].map(|page| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        std::fs::read_to_string(path).expect("the page")
    });
    let manifests = ["agent.yaml", "rotate-kv.yaml"].map(|name| text(&format!("kubernetes/{name}")));
    let names = manifests.iter().flat_map(|manifest| manifest.split("token_policies=").skip(1));
    let names: Vec<_> = names.filter_map(|rest| rest.split_whitespace().next()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        let command = format!("bao policy write {name} infra/vault/policies/");
        assert!(pages.iter().any(|page| page.contains(&command)), "{command}");
    }
}
