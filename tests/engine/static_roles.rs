//! Static roles: writes, reads, rotations and deletions.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;

use crate::hosted::{Hosted, Refused, role, token_in, until};

const BAD_REQUEST: i64 = 400;
const PROBE: &str = "GET /api/v2/users";

fn fail_with(hosted: &Hosted, operation: &str, status: StatusCode) {
    let body = json!({"status": status.as_u16(), "code": "not.found", "message": "It is not there."}).to_string();
    let answer = Effect::Answer(FaultAnswer::new(status, "application/json", body));
    hosted.simulation.faults.add(Fault::always(operation, answer));
}

#[tokio::test]
async fn writing_a_role_mints_its_first_token() {
    let hosted = Hosted::with_role().await;
    assert_eq!(hosted.simulation.genesys.minted(), 2, "one for the config, one for the role");
    let read = hosted.read("static-creds/ci").await;
    assert_eq!(hosted.live(), [read["access_token"].as_str().unwrap()]);
    assert_eq!((&read["token_type"], &read["rotation_period"]), (&json!("bearer"), &json!(3_600)));
    assert_eq!(read["api_url"], hosted.simulation.genesys_url());
    assert!(read["token_ttl"].as_u64().is_some_and(|ttl| (86_000..86_400).contains(&ttl)), "{read}");
    assert!(read["ttl"].as_u64().is_some_and(|ttl| ttl <= 3_600), "{read}");
    let shown = hosted.read("static-roles/ci").await;
    assert_eq!((&shown["config"], &shown["rotation_period"]), (&json!("main"), &json!(3_600)));
    assert_eq!(shown["probes"], role()["probes"]);
    assert_eq!((&shown["last_rotation"], &shown["expires_at"]), (&read["last_rotation"], &read["expires_at"]));
    let (last, next) = (shown["last_rotation"].as_str().unwrap(), shown["next_rotation"].as_str().unwrap());
    assert!(last < next && next < read["expires_at"].as_str().unwrap(), "{shown}");
    assert_eq!(shown["last_error"], Value::Null);
    assert_eq!(hosted.call("list", "static-roles/", Value::Null).await.unwrap().data["keys"], json!(["ci"]));
    assert_eq!(hosted.storage.keys(), ["config/main", "static-creds/ci", "static-roles/ci"]);
    assert!(hosted.storage.is_seal_wrapped("static-creds/ci") && !hosted.storage.is_seal_wrapped("static-roles/ci"));
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn reading_the_token_makes_no_call_to_the_host() {
    let hosted = Hosted::with_role().await;
    let first = hosted.token().await;
    let asked = hosted.system.times_asked();
    hosted.storage.take_calls();
    for _ in 0..10 {
        assert_eq!(hosted.token().await, first);
    }
    let calls = hosted.storage.take_calls();
    // The write woke the background task, which lists the roles.
    assert!(calls.iter().all(|call| call.starts_with("list ")), "{calls:?}");
    assert!(hosted.system.times_asked() <= asked + 1);
}

#[tokio::test]
async fn a_role_whose_first_token_fails_is_not_stored() {
    let hosted = Hosted::start().await;
    fail_with(&hosted, PROBE, StatusCode::NOT_FOUND);
    let refused = hosted.call("write", "static-roles/ci", role()).await.unwrap_err();
    assert!(refused.0 == BAD_REQUEST && refused.1.starts_with("ProbeFailed: "), "{refused:?}");
    assert_eq!(hosted.storage.keys(), ["config/main"]);
    assert!(hosted.live().is_empty(), "the rejected token was revoked");
    hosted.simulation.faults.clear();
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let refused = hosted.call("write", "static-roles/ci", role()).await.unwrap_err();
    assert!(refused.0 == BAD_REQUEST && refused.1.starts_with("TokenRejected: "), "{refused:?}");
    assert_eq!(hosted.storage.keys(), ["config/main"]);
    let missing = hosted.call("read", "static-creds/ci", Value::Null).await.unwrap_err();
    assert!(missing.0 == BAD_REQUEST && missing.1.starts_with("there is no static role \"ci\""), "{missing:?}");
    assert_eq!(hosted.call("read", "static-roles/ci", Value::Null).await.unwrap().data, Value::Null);
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn invalid_settings_are_rejected_before_a_token_is_minted() {
    let hosted = Hosted::start().await;
    let minted = hosted.simulation.genesys.minted();
    for (data, says) in [
        (json!({"rotation_period": 3_600}), "config is missing"),
        (json!({"config": "main"}), "rotation_period is missing"),
        (json!({"config": "main", "rotation_period": "59s"}), "rotation_period is 59 s: it must be at least 60 s"),
        (json!({"config": "none", "rotation_period": 3_600}), "there is no config \"none\""),
        (json!({"config": "main", "rotation_period": 3_600, "probes": ["POST /x"]}), "GET /path"),
    ] {
        let Refused(kind, message) = hosted.call("write", "static-roles/ci", data).await.unwrap_err();
        assert!(kind == BAD_REQUEST && message.contains(says) && message.contains("\nhint: "), "{message}");
    }
    let unknown = hosted.call("update", "rotate-role/none", Value::Null).await.unwrap_err();
    assert!(unknown.0 == BAD_REQUEST && unknown.1.contains("there is no static role"), "{unknown:?}");
    assert_eq!(hosted.simulation.genesys.minted(), minted);
}

#[tokio::test]
async fn a_failed_rotation_keeps_the_token_and_stores_last_error() {
    let hosted = Hosted::with_role().await;
    let token = hosted.token().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    for failures in 1..=2 {
        let refused = hosted.call("update", "rotate-role/ci", Value::Null).await.unwrap_err();
        assert!(refused.0 == BAD_REQUEST && refused.1.starts_with("TokenRejected: "), "{refused:?}");
        let shown = hosted.read("static-roles/ci").await;
        assert_eq!(shown["last_error"]["type"], "TokenRejected");
        assert_eq!(shown["last_error"]["failures"], failures);
        assert_eq!(hosted.token().await, token);
        assert!(hosted.is_live(&token));
    }
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = false);
    hosted.call("update", "rotate-role/ci", Value::Null).await.unwrap();
    assert_eq!(hosted.read("static-roles/ci").await["last_error"], Value::Null);
    let fresh = hosted.token().await;
    assert!(
        fresh != token && hosted.is_live(&fresh) && hosted.is_live(&token),
        "the former token stays valid until it expires"
    );
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn two_concurrent_rotations_of_one_role_both_succeed() {
    let hosted = Hosted::with_role().await;
    let rotate = || hosted.call("update", "rotate-role/ci", Value::Null);
    let (one, other, _) = tokio::join!(rotate(), rotate(), hosted.tick());
    one.unwrap();
    other.unwrap();
    let token = hosted.token().await;
    assert_eq!(hosted.live().last(), Some(&token));
    assert_eq!(hosted.stored_token(), Some(token));
    assert!(hosted.storage.text("static-pending/ci").is_none());
    // `issued_at` has whole seconds: the requests share a rotation if a second begins between them and its exchange.
    let minted = hosted.simulation.genesys.minted();
    assert!((3..=4).contains(&minted), "{minted} tokens were minted");
}

#[tokio::test]
async fn a_change_of_the_period_alone_keeps_the_token() {
    let hosted = Hosted::with_role().await;
    let token = hosted.token().await;
    let answer = hosted.write("static-roles/ci", json!({"rotation_period": "30d"})).await;
    assert!(
        answer.warnings[0].starts_with("rotation_period is 2592000 s, but tokens of this OAuth client live 86399 s")
    );
    assert_eq!(hosted.token().await, token);
    let shown = hosted.read("static-roles/ci").await;
    assert_eq!((&shown["rotation_period"], &shown["config"]), (&json!(2_592_000), &json!("main")));
    assert_eq!(shown["probes"], role()["probes"]);
    assert!(shown["next_rotation"].as_str() < shown["expires_at"].as_str(), "{shown}");
    let shortest = hosted.write("static-roles/ci", json!({"rotation_period": 60})).await;
    assert_eq!(shortest.warnings, [""; 0]);
}

#[tokio::test]
async fn a_change_of_the_probes_is_stored_only_with_a_new_token_that_passes_them() {
    let hosted = Hosted::with_role().await;
    let token = hosted.token().await;
    let other = json!({"probes": ["GET /api/v2/routing/queues?pageSize=1"]});
    fail_with(&hosted, "GET /api/v2/routing/queues", StatusCode::NOT_FOUND);
    let refused = hosted.call("write", "static-roles/ci", other.clone()).await.unwrap_err();
    assert!(refused.1.starts_with("ProbeFailed: "), "{refused:?}");
    assert_eq!(hosted.read("static-roles/ci").await["probes"], role()["probes"]);
    assert_eq!((hosted.token().await, hosted.live()), (token.clone(), vec![token.clone()]));
    assert!(hosted.storage.text("static-pending/ci").is_none());
    hosted.simulation.faults.clear();
    hosted.write("static-roles/ci", other.clone()).await;
    assert_eq!(hosted.read("static-roles/ci").await["probes"], other["probes"]);
    assert_ne!(hosted.token().await, token);
}

#[tokio::test]
async fn a_change_of_the_configs_client_rotates_its_static_roles() {
    let hosted = Hosted::with_role().await;
    let token = hosted.token().await;
    hosted.simulation.genesys.add_client(OAuthClient::new("5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "hush-too"));
    let other = json!({"client_id": "5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "client_secret": "hush-too"});
    hosted.write("config/main", other).await;
    hosted.tick().await;
    until("the role has a token of the other client", || hosted.stored_token().is_some_and(|stored| stored != token))
        .await;
    assert!(hosted.is_live(&hosted.token().await));
}

#[tokio::test]
async fn deleting_a_role_revokes_its_current_and_staged_tokens() {
    let hosted = Hosted::with_role().await;
    fail_with(&hosted, PROBE, StatusCode::NOT_FOUND);
    hosted.call("update", "rotate-role/ci", Value::Null).await.unwrap_err();
    assert!(hosted.storage.text("static-pending/ci").is_some(), "the staged version stays for the next attempt");
    assert_eq!(hosted.live().len(), 2);
    let deleted = hosted.call("delete", "static-roles/ci", Value::Null).await.unwrap();
    assert!(deleted.warnings.is_empty());
    assert!(hosted.live().is_empty());
    assert_eq!(hosted.storage.keys(), ["config/main"]);
    hosted.call("delete", "static-roles/ci", Value::Null).await.unwrap();
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn an_expired_token_is_not_returned() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    hosted.call("update", "rotate-role/ci", Value::Null).await.unwrap_err();
    hosted.edit(|document| document["expires_at"] = json!("2020-01-02T00:00:00Z")).await;
    let refused = hosted.call("read", "static-creds/ci", Value::Null).await.unwrap_err();
    assert!(
        refused.0 == BAD_REQUEST && refused.1.starts_with("TokenRejected: the token of the static role"),
        "{refused:?}"
    );
    assert!(refused.1.contains("has expired and could not be rotated: "), "{refused:?}");
}

#[tokio::test]
async fn a_damaged_entry_affects_only_its_role() {
    let hosted = Hosted::with_role().await;
    hosted.write("static-roles/hurt", role()).await;
    hosted.store("static-creds/hurt", r#"{"version":"1","document":"hush"}"#).await;
    hosted.store("static-roles/broken", "hush").await;
    let former = hosted.token().await;
    hosted.age().await;
    hosted.tick().await;
    until("the other role is rotated", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
    for (path, key) in [("static-creds/hurt", "static-creds/hurt"), ("static-roles/broken", "static-roles/broken")] {
        let refused = hosted.call("read", path, Value::Null).await.unwrap_err();
        assert!(refused.1.contains(key) && refused.1.contains("damaged") && !refused.1.contains("hush"), "{refused:?}");
    }
    for name in ["hurt", "broken"] {
        hosted.call("delete", &format!("static-roles/{name}"), Value::Null).await.unwrap();
    }
    hosted.write("static-roles/hurt", role()).await;
    assert!(hosted.storage.text("static-creds/hurt").and_then(|stored| token_in(&stored)).is_some());
    hosted.assert_no_secrets_logged();
}

#[tokio::test]
async fn a_damaged_staged_version_is_reported_and_retried_less_and_less_often() {
    let hosted = Hosted::with_role().await;
    hosted.store("static-pending/ci", "hush").await;
    hosted.tick().await;
    let role = || hosted.storage.text("static-roles/ci").unwrap_or_default();
    until("the rotation has failed", || role().contains("last_error")).await;
    let shown = hosted.read("static-roles/ci").await;
    assert_eq!(
        (&shown["last_error"]["type"], &shown["last_error"]["failures"]),
        (&json!("DocumentInvalid"), &json!(1))
    );
    crate::static_nodes::pass(&hosted).await;
    crate::static_nodes::pass(&hosted).await;
    assert_eq!(hosted.read("static-roles/ci").await["last_error"]["failures"], 1);
    assert!(hosted.is_live(&hosted.token().await));
}

#[tokio::test]
async fn without_automated_rotation_readers_learn_when_to_look_again_and_who_rotates() {
    let hosted = Hosted::with_role().await;
    hosted.write("static-roles/ci", json!({"disable_automated_rotation": true})).await;
    let read = hosted.read("static-creds/ci").await;
    let (ttl, left) = (read["ttl"].as_u64().unwrap(), read["token_ttl"].as_u64().unwrap());
    assert!(ttl.abs_diff(left / 2) <= 1, "{read}");
    hosted.edit(|document| document["expires_at"] = json!("2020-01-02T00:00:00Z")).await;
    let refused = hosted.call("read", "static-creds/ci", Value::Null).await.unwrap_err();
    assert!(
        refused.1.contains("automated rotation is disabled") && refused.1.contains("rotate-role/ci"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_requested_rotation_that_failed_is_retried_without_automated_rotation() {
    let hosted = Hosted::with_role().await;
    hosted.write("static-roles/ci", json!({"disable_automated_rotation": true})).await;
    let former = hosted.token().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let revoking = json!({"revoke_previous": true});
    hosted.call("update", "rotate-role/ci", revoking).await.expect_err("the new token is rejected");
    assert!(hosted.read("static-roles/ci").await["next_rotation"].is_string());
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = false);
    let mut role: Value = serde_json::from_str(&hosted.storage.text("static-roles/ci").unwrap()).unwrap();
    role["last_error"]["at"] = json!("2020-01-01T00:00:00Z");
    hosted.store("static-roles/ci", &role.to_string()).await;
    hosted.tick().await;
    until("the role is rotated", || hosted.stored_token().is_some_and(|stored| stored != former)).await;
    hosted.tick().await;
    until("the former token is revoked", || !hosted.is_live(&former)).await;
    assert_eq!(hosted.read("static-roles/ci").await["next_rotation"], Value::Null);
}

#[tokio::test]
async fn concurrent_rotate_role_requests_share_rotations() {
    let hosted = Hosted::with_role().await;
    let minted = hosted.simulation.genesys.minted();
    let slow = Effect::Delay(Duration::from_millis(300));
    hosted.simulation.faults.add(Fault::always("GET /api/v2/users/me", slow));
    let rotations = (0..30).map(|_| hosted.call("write", "rotate-role/ci", json!({})));
    assert!(join_all(rotations).await.iter().all(Result::is_ok));
    let made = hosted.simulation.genesys.minted() - minted;
    assert!(made <= 6, "{made} tokens were minted");
}
