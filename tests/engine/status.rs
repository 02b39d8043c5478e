//! `status` and the log: what monitoring sees, and who caused a token.

use std::collections::HashSet;

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};

use crate::hosted::{Hosted, Refused};
use crate::scene::Scene;
use crate::static_nodes::STANDBY;

const EXCHANGE: &str = "POST /oauth/token";
const MONITOR: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/infra/vault/policies/monitor.hcl"));

/// Parses OpenMetrics text strictly, and returns its samples.
fn samples(text: &str) -> Vec<(String, f64)> {
    let body = text.strip_suffix("# EOF\n").expect("the text ends with # EOF");
    assert!(!body.contains("# EOF") && !body.contains("\n\n") && !body.contains('\r'), "{text}");
    let (mut family, mut kind, mut families, mut samples) = ("", "", HashSet::new(), Vec::new());
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name, rest) = (words.next(), words.next().expect("a name"), words.next().expect("a text"));
            match word {
                Some("TYPE") => {
                    assert!(families.insert(name), "{name} is declared twice");
                    assert!(matches!(rest, "counter" | "gauge"), "{line}");
                    (family, kind) = (name, rest);
                }
                Some("UNIT") => assert!(name == family && name.ends_with(&format!("_{rest}")), "{line}"),
                Some("HELP") => assert!(name == family && !rest.is_empty(), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').map_or((series, ""), |(name, labels)| (name, labels));
        let suffix = if kind == "counter" { "_total" } else { "" };
        assert_eq!(name, format!("{family}{suffix}"), "a sample follows its family");
        assert!(name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'), "{name}");
        if !labels.is_empty() {
            for label in labels.strip_suffix('}').expect("a closing brace").split(',') {
                let (key, quoted) = label.split_once('=').expect("a label");
                let value = quoted.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect("quotes");
                assert!(key.chars().all(char::is_alphabetic) && !value.contains(['"', '\\']), "{label}");
            }
        }
        samples.push((series.to_owned(), value.parse().expect("a number")));
    }
    let all: HashSet<_> = samples.iter().map(|(series, _)| series).collect();
    assert_eq!(all.len(), samples.len(), "a series occurs once");
    samples
}

fn value_of(samples: &[(String, f64)], series: &str) -> Option<f64> {
    samples.iter().find(|(name, _)| name == series).map(|(_, value)| *value)
}

#[tokio::test]
async fn the_status_counts_tokens_revocations_and_failures_by_config() {
    let hosted = Hosted::with_role().await;
    hosted.write("roles/ci", json!({"config": "main"})).await;
    let lease = hosted.call("read", "creds/ci", Value::Null).await.expect("a token").lease.expect("a lease");
    hosted.read("token/ci").await;
    hosted.revoke(&lease).await.expect("a revocation");
    hosted.simulation.faults.add(Fault::always(EXCHANGE, Effect::Drop));
    assert!(hosted.call("read", "creds/ci", Value::Null).await.is_err());
    hosted.simulation.faults.clear();
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    assert!(hosted.call("update", "rotate-role/ci", json!({})).await.is_err());
    let status = hosted.read("status/main").await;
    assert_eq!(status["issued"], json!({"leased": 1, "shared": 1, "static": 1}), "{status}");
    assert_eq!((&status["revoked"], &status["revocations_owed"]), (&json!(1), &json!(0)));
    assert_eq!(status["failed"]["issue"], json!({"PlatformUnavailable": 1}));
    assert_eq!(status["failed"]["rotate-role"]["TokenRejected"], 1);
    assert_eq!((&status["static_roles"], &status["static_roles_failing"]), (&json!(1), &json!(["ci"])));
    let role = hosted.read("static-roles/ci").await;
    for (one, other) in
        [("last_rotation", "last_rotation"), ("oldest_token", "last_rotation"), ("first_expiry", "expires_at")]
    {
        assert_eq!(status[one], role[other], "{one}");
    }
    assert!(status["process_start_time_seconds"].as_i64().is_some_and(|start| start > 1_700_000_000));
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = false);
    hosted.write("static-roles/other", json!({"config": "main", "rotation_period": 3_600})).await;
    let whole = hosted.read("status").await;
    assert_eq!((&whole["configs"], &whole["static_roles"]), (&json!(["main"]), &json!(2)));
    assert_eq!(hosted.call("list", "status/", Value::Null).await.expect("a list").data["keys"], json!(["main"]));
    assert_eq!(hosted.call("read", "status/none", Value::Null).await.expect("an answer").data, Value::Null);
    let text = whole["openmetrics"].as_str().expect("a text");
    let samples = samples(text);
    for (series, expected) in [
        (r#"genesys_tokens_issued_total{config="main",use="leased"}"#, 1.0),
        (r#"genesys_tokens_revoked_total{config="main"}"#, 1.0),
        (r#"genesys_failures_by_type_total{config="main",action="issue",type="PlatformUnavailable"}"#, 1.0),
        (r#"genesys_failures_total{config="main",action="issue"}"#, 1.0),
        (r#"genesys_failures_total{config="main",action="revoke"}"#, 0.0),
        (r#"genesys_static_roles{config="main"}"#, 2.0),
        (r#"genesys_revocations_owed{config="main"}"#, 0.0),
    ] {
        assert_eq!(value_of(&samples, series), Some(expected), "{series}\n{text}");
    }
    for secret in hosted.live() {
        assert!(!whole.to_string().contains(&secret), "the status holds no secret");
    }
    hosted.restart().await;
    assert_eq!(hosted.read("status/main").await["issued"], json!({}), "counters are those of the process");
}

#[tokio::test]
async fn a_role_that_is_due_is_in_the_queue_and_a_revocation_that_is_owed_is_counted() {
    let hosted = Hosted::with_role().await;
    assert_eq!(hosted.read("status/main").await["queue"], json!([]));
    hosted.simulation.faults.add(Fault::always(EXCHANGE, Effect::Hang));
    hosted.age().await;
    assert_eq!(hosted.read("status/main").await["queue"], json!(["ci"]));
    hosted.simulation.faults.clear();
    hosted.simulation.faults.add(Fault::always("DELETE /api/v2/tokens/me", Effect::Drop));
    let revoking = json!({"revoke_previous": true});
    assert!(hosted.call("update", "rotate-role/ci", revoking).await.is_err());
    let status = hosted.read("status").await;
    let samples = samples(status["openmetrics"].as_str().expect("a text"));
    assert_eq!(value_of(&samples, r#"genesys_revocations_owed{config="main"}"#), Some(1.0));
    hosted.store("static-roles/broken", "hush").await;
    assert_eq!(hosted.read("status").await["static_roles_damaged"], json!(["broken"]), "it hides nothing else");
}

#[tokio::test]
async fn the_log_names_the_caller_of_each_token_and_no_display_name_forges_a_line() {
    let hosted = Hosted::with_shared_role().await;
    let forged = "ci\n{\"@message\":\"forged\",\"@level\":\"error\"}\u{1b}[2J";
    for (path, id) in [("creds/ci", "request-1"), ("token/ci", "request-2"), ("token/ci", "request-3")] {
        hosted.call_as((id, forged), "read", path, json!({})).await.expect("a token");
    }
    let lines = || hosted.lines().into_iter().filter(|line| line["request.id"].is_string()).collect::<Vec<_>>();
    crate::hosted::until("both tokens are logged", || lines().len() == 2).await;
    let lines = lines();
    let of = |line: &Value| (line["request.id"].clone(), line["@message"].clone());
    assert_eq!(of(&lines[0]), (json!("request-1"), json!("a leased token was created")));
    assert_eq!(of(&lines[1]), (json!("request-2"), json!("a shared token was created")), "not the reader after it");
    let name = lines[0]["requester.display_name"].as_str().expect("a name");
    assert!(name.starts_with("ci\\n{") && !name.contains(['\n', '\u{1b}']), "{name:?}");
    assert!(hosted.lines().iter().all(|line| line["@message"] != "forged"));
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn the_log_names_the_caller_of_each_request_to_rotate_or_revoke_also_if_it_fails() {
    let hosted = Hosted::with_role().await;
    hosted.write("roles/ci", json!({"config": "main"})).await;
    let token = hosted.token().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let requests = ["rotate-role/ci", "rotate-token/ci", "rotate-root/main", "revoke/main", "tidy"];
    for path in requests {
        // Most of them fail.
        let _ = hosted.call_as((path, "operator"), "update", path, json!({"token": token})).await;
    }
    for path in requests {
        let is_named = |line: &Value| line["request.id"] == path && line["requester.display_name"] == "operator";
        crate::hosted::until(path, || hosted.lines().iter().any(is_named)).await;
    }
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn the_status_has_the_last_and_the_next_rotation_of_a_client_secret() {
    let hosted = Hosted::start().await;
    let of = async || samples(hosted.read("status").await["openmetrics"].as_str().expect("a text"));
    let [last, next] = ["last", "next"]
        .map(|which| format!(r#"genesys_client_secret_{which}_rotation_timestamp_seconds{{config="main"}}"#));
    assert_eq!((value_of(&of().await, &last), value_of(&of().await, &next)), (None, None));
    hosted.write("config/main", json!({"rotation_period": "30d", "accept_gap": true})).await;
    let planned = of().await;
    assert_eq!(value_of(&planned, &last), None, "no rotation yet");
    assert!(value_of(&planned, &next).is_some());
    hosted.call("update", "rotate-root/main", json!({})).await.expect("a rotation");
    let (samples, shown, status) = (of().await, hosted.read("config/main").await, hosted.read("status/main").await);
    let time =
        |text: &Value| text.as_str().map(|text| text.parse::<jiff::Timestamp>().expect("a time").as_second() as f64);
    assert!(value_of(&samples, &last).is_some() && value_of(&samples, &last) == time(&shown["last_vault_rotation"]));
    assert_eq!(value_of(&samples, &next), time(&shown["next_rotation"]));
    assert_eq!(status["last_client_secret_rotation"], shown["last_vault_rotation"]);
}

/// The policy and the command of the page.
// The command blocks this thread, while the simulator needs another one.
#[tokio::test(flavor = "multi_thread")]
async fn in_openbao_a_monitoring_policy_reads_the_status_and_no_token() {
    let Some(scene) = Scene::start().await else { return };
    scene.read("creds/ci").await;
    let monitor = scene.bao.token(MONITOR).await;
    let read = async |method: &str, path: &str| {
        scene.bao.call_as(&monitor, method, &format!("genesys-cloud/{path}"), Value::Null).await
    };
    let (status, answer) = read("GET", "status").await;
    assert_eq!((status, &answer["lease_id"]), (200, &json!("")), "{answer}");
    assert_eq!(read("GET", "status/main").await.1["data"]["issued"], json!({"leased": 1}));
    assert_eq!(read("LIST", "status").await.1["data"]["keys"], json!(["main"]));
    assert_eq!(read("GET", "status/none").await.0, 404);
    for path in ["creds/ci", "token/ci", "config/main", "roles/ci"] {
        assert_eq!(read("GET", path).await.0, 403, "{path}");
    }
    let output = scene.bao.command(&["read", "-field=openmetrics", "genesys-cloud/status"]);
    let text = String::from_utf8(output.stdout).expect("text");
    // The command prints the value without a line break of its own.
    assert_eq!(value_of(&samples(&text), r#"genesys_tokens_issued_total{config="main",use="leased"}"#), Some(1.0));
    let log = scene.bao.log();
    assert!(log.contains("requester.display_name=token"), "{log}");
}

#[tokio::test]
async fn a_standby_forwards_the_status() {
    let hosted = Hosted::with_role().await;
    hosted.system.set_replication_state(STANDBY);
    for path in ["status", "status/main"] {
        let Refused(status, said) = hosted.call("read", path, Value::Null).await.expect_err("a standby");
        assert!(status == 500 && said.contains("readonly"), "{path}: {said}");
    }
}
