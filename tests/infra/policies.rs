//! The policies, evaluated by a real server.

use serde_json::{Value, json};

use super::{start, text};
use crate::bao::Bao;

/// Sends requests with a token of one policy and returns unexpected results; `true` means allowed.
async fn surprises(bao: &Bao, policy: &str, expected: &[(&str, &str, bool)]) -> Vec<String> {
    let token = bao.token(&text(&format!("policies/{policy}.hcl"))).await;
    let mut surprises = Vec::new();
    for (method, path, may) in expected {
        let body = if matches!(*method, "PUT" | "POST") { json!({}) } else { Value::Null };
        let (status, answer) = bao.call_as(&token, method, path, body).await;
        if (status != 403) != *may {
            surprises.push(format!("{policy}: {method} {path}: {status} {answer}"));
        }
    }
    surprises
}

#[tokio::test]
async fn a_reader_reads_tokens_of_its_role_and_nothing_else() {
    let Some((bao, _simulation)) = start().await else { return };
    let may = ["creds/ci", "token/ci", "static-creds/ci"];
    let may_not = [
        "creds/other",
        "token/other",
        "static-creds/other",
        "creds/ci2",
        "roles/ci",
        "static-roles/ci",
        "config/main",
        "config",
    ];
    let paths: Vec<_> = may.map(|path| (path, true)).into_iter().chain(may_not.map(|path| (path, false))).collect();
    let paths: Vec<_> = paths.iter().map(|(path, may)| (format!("genesys-cloud/{path}"), *may)).collect();
    let mut expected: Vec<_> = paths.iter().map(|(path, may)| ("GET", path.as_str(), *may)).collect();
    expected.extend([
        ("PUT", "genesys-cloud/rotate-role/ci", false),
        ("PUT", "genesys-cloud/rotate-root/main", false),
        ("PUT", "genesys-cloud/config/main", false),
        ("LIST", "genesys-cloud/roles", false),
        ("DELETE", "genesys-cloud/roles/ci", false),
    ]);
    assert_eq!(surprises(&bao, "reader", &expected).await, [""; 0]);
}

#[tokio::test]
async fn the_reader_policy_can_be_adapted_to_another_role() {
    let Some((bao, _simulation)) = start().await else { return };
    let policy = text("policies/reader.hcl");
    assert!(policy.contains(r#"sed 's/ci"/NAME"/'"#), "the comment describes the command");
    let token = bao.token(&policy.replace("ci\"", "other\"")).await;
    for (path, expected) in [("creds/other", 200), ("static-creds/other", 200), ("creds/ci", 403)] {
        let path = format!("genesys-cloud/{path}");
        assert_eq!(bao.call_as(&token, "GET", &path, Value::Null).await.0, expected, "{path}");
    }
}

#[tokio::test]
async fn a_reader_renews_its_own_lease_and_loses_it_with_its_login() {
    let Some((bao, simulation)) = start().await else { return };
    let token = bao.token(&text("policies/reader.hcl")).await;
    let before = simulation.genesys.live_tokens().len();
    let (_, leased) = bao.call_as(&token, "GET", "genesys-cloud/creds/ci", Value::Null).await;
    let renewal = json!({"lease_id": leased["lease_id"], "increment": 60});
    assert_eq!(bao.call_as(&token, "PUT", "sys/leases/renew", renewal).await.0, 200);
    assert_eq!(bao.call_as(&token, "PUT", "auth/token/revoke-self", Value::Null).await.0, 204);
    crate::bao::until("the token is dead", async || simulation.genesys.live_tokens().len() == before).await;
}

#[tokio::test]
async fn an_operator_sets_everything_up_and_reads_no_token() {
    let Some((bao, _simulation)) = start().await else { return };
    let expected = [
        ("LIST", "genesys-cloud/config", true),
        ("GET", "genesys-cloud/config/main", true),
        ("PUT", "genesys-cloud/config/main", true),
        ("LIST", "genesys-cloud/roles", true),
        ("PUT", "genesys-cloud/roles/ci", true),
        ("LIST", "genesys-cloud/static-roles", true),
        ("GET", "genesys-cloud/static-roles/ci", true),
        ("PUT", "genesys-cloud/rotate-role/ci", true),
        ("PUT", "genesys-cloud/rotate-root/main", true),
        ("PUT", "genesys-cloud/rotate-token/ci", true),
        ("PUT", "genesys-cloud/revoke/main", true),
        ("PUT", "genesys-cloud/tidy", true),
        ("LIST", "sys/leases/lookup/genesys-cloud/creds/ci", true),
        ("PUT", "sys/leases/revoke-prefix/genesys-cloud/creds/ci", true),
        ("PUT", "sys/leases/revoke-force/genesys-cloud/creds/ci", true),
        ("DELETE", "genesys-cloud/roles/other", true),
        ("GET", "genesys-cloud/creds/ci", false),
        ("GET", "genesys-cloud/token/ci", false),
        ("GET", "genesys-cloud/static-creds/ci", false),
        ("PUT", "sys/leases/revoke-prefix/secret", false),
        ("GET", "sys/mounts", false),
    ];
    assert_eq!(surprises(&bao, "operator", &expected).await, [""; 0]);
}

#[tokio::test]
async fn a_team_manages_the_roles_of_its_prefix_and_nothing_else() {
    let Some((bao, _simulation)) = start().await else { return };
    let expected = [
        ("PUT", "genesys-cloud/roles/reports-a", true),
        ("PUT", "genesys-cloud/static-roles/reports-a", true),
        ("PUT", "genesys-cloud/rotate-role/reports-a", true),
        ("GET", "genesys-cloud/creds/reports-a", true),
        ("GET", "genesys-cloud/token/reports-a", true),
        ("GET", "genesys-cloud/static-creds/reports-a", true),
        ("DELETE", "genesys-cloud/roles/reports-a", true),
        ("PUT", "genesys-cloud/roles/ci", false),
        ("GET", "genesys-cloud/creds/ci", false),
        ("GET", "genesys-cloud/static-creds/ci", false),
        ("PUT", "genesys-cloud/config/main", false),
        ("GET", "genesys-cloud/config/main", false),
        ("PUT", "genesys-cloud/rotate-root/main", false),
    ];
    assert_eq!(surprises(&bao, "team", &expected).await, [""; 0]);
}

#[tokio::test]
async fn monitoring_reads_the_status_and_nothing_else() {
    let Some((bao, _simulation)) = start().await else { return };
    let expected = [
        ("GET", "genesys-cloud/status", true),
        ("GET", "genesys-cloud/status/main", true),
        ("LIST", "genesys-cloud/status", true),
        ("GET", "genesys-cloud/config/main", false),
        ("GET", "genesys-cloud/static-creds/ci", false),
        ("GET", "genesys-cloud/creds/ci", false),
        ("PUT", "genesys-cloud/tidy", false),
    ];
    assert_eq!(surprises(&bao, "monitor", &expected).await, [""; 0]);
}

#[tokio::test]
async fn what_an_operator_is_denied_a_broader_policy_does_not_grant() {
    let Some((bao, _simulation)) = start().await else { return };
    let broad = r#"path "genesys-cloud/*" { capabilities = ["read"] }"#;
    for (name, policy) in [
        ("operator", text("policies/operator.hcl")),
        ("broad", broad.to_owned()),
        ("reader", text("policies/reader.hcl")),
    ] {
        bao.post(&format!("sys/policies/acl/{name}"), json!({"policy": policy})).await;
    }
    // A policy with the exact path takes precedence over one with a prefix.
    for (policies, expected) in
        [(["operator", "broad"], 403), (["broad", "default"], 200), (["operator", "reader"], 200)]
    {
        let answer = bao.post("auth/token/create", json!({ "policies": policies })).await;
        let token = answer["auth"]["client_token"].as_str().expect("a token");
        let (status, answer) = bao.call_as(token, "GET", "genesys-cloud/creds/ci", Value::Null).await;
        assert_eq!(status, expected, "{policies:?}: {answer}");
    }
}

#[tokio::test]
async fn rotating_the_clients_secret_takes_sudo() {
    let Some((bao, _simulation)) = start().await else { return };
    let without = text("policies/operator.hcl").replace(", \"sudo\"", "");
    let token = bao.token(&without).await;
    let (status, _) = bao.call_as(&token, "PUT", "genesys-cloud/rotate-root/main", json!({})).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_rotator_rotates_static_roles_and_reads_no_token() {
    let Some((bao, _simulation)) = start().await else { return };
    let expected = [
        ("PUT", "genesys-cloud/rotate-role/ci", true),
        ("GET", "genesys-cloud/static-roles/ci", true),
        ("LIST", "genesys-cloud/static-roles", true),
        ("GET", "genesys-cloud/static-creds/ci", false),
        ("GET", "genesys-cloud/creds/ci", false),
        ("PUT", "genesys-cloud/static-roles/ci", false),
        ("PUT", "genesys-cloud/rotate-root/main", false),
        ("GET", "genesys-cloud/config/main", false),
    ];
    assert_eq!(surprises(&bao, "rotator", &expected).await, [""; 0]);
}
