//! The Kubernetes manifests: parsed, and their commands are run.

use std::process::Command;

use serde_json::{Value, json};

use super::kubernetes_cluster::{Cluster, service_account_token_in};
use super::kubernetes_files::documents;
use super::{CLIENT, ROTATOR, output, stdout};

/// The namespace of the CronJob: pods in the readers' namespace cannot log in as the rotator.
const ROTATORS: &str = "genesys-rotator";

/// The kinds of the documents, which must share one namespace.
fn kinds<'a>(documents: &'a [Value], namespace: &str) -> Vec<&'a str> {
    assert!(documents.iter().all(|document| document["metadata"]["namespace"] == namespace));
    documents.iter().filter_map(|document| document["kind"].as_str()).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

/// The CronJob's container, with its login and its command, against OpenBao.
#[tokio::test]
async fn the_cron_job_rotates_with_its_login_and_its_policy() {
    let Some(documents) = documents("kubernetes/rotate-kv.yaml") else { return };
    assert_eq!(kinds(&documents, ROTATORS), ["ServiceAccount", "CronJob"]);
    let job = &documents[1]["spec"]["jobTemplate"]["spec"];
    assert!(job["ttlSecondsAfterFinished"].is_u64(), "an alert on failed jobs must clear after the repair");
    let pod = &job["template"]["spec"];
    assert_eq!(job["template"]["metadata"]["labels"]["app"], "genesys-rotator", "the page reads the log by this label");
    let account = pod["serviceAccountName"].as_str().expect("a name");
    assert_eq!(account, documents[0]["metadata"]["name"]);
    let container = &pod["containers"][0];
    let words = texts(&container["command"]);
    assert_eq!(words, ["genesys-rotator", "rotate", "vault:secret/team/genesys"]);

    let Some(Cluster { bao, simulation }) = Cluster::start().await else { return };
    let document = json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    bao.put("team/genesys", &document.to_string()).await;
    let projected = &pod["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    let file = tempfile::NamedTempFile::new().expect("a file");
    let audience = projected["audience"].as_str().expect("an audience");
    std::fs::write(file.path(), service_account_token_in(ROTATORS, account, audience)).expect("it is written");
    let mount = format!("{}/{}", container["volumeMounts"][0]["mountPath"].as_str().expect("a path"), "token");
    let rotate = async || {
        let mut command = Command::new(ROTATOR);
        command.args(&words[1..]).env_clear();
        for pair in container["env"].as_array().expect("a list") {
            let value = pair["value"].as_str().expect("a text");
            let value = value.replace("https://openbao.vault.svc:8200", &bao.url);
            command
                .env(pair["name"].as_str().expect("a name"), value.replace(&mount, &file.path().display().to_string()));
        }
        let url = simulation.genesys_url();
        command.env("ROTATOR_LOGIN_URL", &url).env("ROTATOR_API_URL", &url);
        output(command).await
    };
    stdout(&rotate().await);

    let reader = bao.token(&super::text("policies/kv-reader.hcl")).await;
    let (status, answer) = bao.call_as(&reader, "GET", "secret/data/team/genesys", Value::Null).await;
    let token = answer["data"]["data"]["access_token"].as_str().expect("a token").to_owned();
    assert!(status == 200 && simulation.genesys.live_tokens().contains(&token), "{answer}");
    for (method, path) in [
        ("GET", "secret/data/genesys-rotator/pending/team/genesys"),
        ("GET", "secret/data/team/other"),
        ("PUT", "secret/data/team/genesys"),
    ] {
        assert_eq!(bao.call_as(&reader, method, path, Value::Null).await.0, 403, "{method} {path}");
    }

    // The client in a secret of its own, which the policy permits in a comment.
    bao.put("private/genesys", &document.to_string()).await;
    bao.put("team/genesys", r#"{"credentials": "secret/private/genesys"}"#).await;
    assert!(!rotate().await.status.success(), "the policy does not permit it");
    let policy = super::text("policies/kv-rotator.hcl");
    let begins = policy.find("# path").expect("a path in a comment");
    let policy = format!("{}{}", &policy[..begins], policy[begins..].replacen("\n#", "\n", 2).replacen('#', "", 1));
    bao.post("sys/policies/acl/kv-rotator", json!({"policy": policy})).await;
    stdout(&rotate().await);
    let (_, answer) = bao.call_as(&reader, "GET", "secret/data/team/genesys", Value::Null).await;
    let token = answer["data"]["data"]["access_token"].as_str().expect("a token").to_owned();
    assert!(simulation.genesys.live_tokens().contains(&token) && !answer.to_string().contains(CLIENT.1));
    assert_eq!(bao.call_as(&reader, "GET", "secret/data/private/genesys", Value::Null).await.0, 403);
}

#[tokio::test]
async fn the_roles_accept_only_their_service_account_and_audience() {
    let Some(cluster) = Cluster::start().await else { return };
    for (role, namespace, account, audience, expected) in [
        ("genesys-reader", "ci", "genesys-reader", "openbao", 200),
        ("genesys-reader", "ci", "genesys-reader", "https://kubernetes.default.svc", 403),
        ("genesys-reader", "ci", "genesys-rotator", "openbao", 403),
        ("genesys-reader", ROTATORS, "genesys-reader", "openbao", 403),
        ("genesys-rotator", ROTATORS, "genesys-reader", "openbao", 403),
        ("genesys-rotator", ROTATORS, "genesys-rotator", "openbao", 200),
        ("genesys-rotator", "ci", "genesys-rotator", "openbao", 403),
    ] {
        let login = service_account_token_in(namespace, account, audience);
        let (status, answer) = cluster.try_log_in(role, &login).await;
        assert_eq!(status, expected, "{role} {namespace} {account} {audience}: {answer}");
        if status == 200 {
            assert_eq!(
                answer["auth"]["lease_duration"], 600,
                "a login of an operator that does not revoke it ends soon"
            );
        }
    }
}

#[test]
fn the_readers_pod_shares_a_directory_with_its_agent() {
    let Some(documents) = documents("kubernetes/agent.yaml") else { return };
    assert_eq!(kinds(&documents, "ci"), ["ServiceAccount", "ConfigMap", "Deployment"]);
    let pod = &documents[2]["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], documents[0]["metadata"]["name"]);
    let agent = &pod["initContainers"][0];
    assert_eq!(texts(&agent["command"]), ["bao", "agent", "-config=/etc/agent/agent.hcl"]);
    assert_eq!(agent["restartPolicy"], "Always", "a native sidecar needs restartPolicy Always");
    let probe =
        ["periodSeconds", "failureThreshold"].map(|field| agent["startupProbe"][field].as_u64().expect("a number"));
    assert!(probe[0] * probe[1] >= 3_600, "kubelet must not kill an agent that waits for OpenBao");
    assert_eq!(pod["volumes"][0]["configMap"]["name"], documents[1]["metadata"]["name"]);
    for container in [agent, &pod["containers"][0]] {
        let mounts = container["volumeMounts"].as_array().expect("mounts");
        assert!(mounts.iter().any(|mount| mount["mountPath"] == "/run/genesys" && mount["name"] == "genesys"));
    }
}
