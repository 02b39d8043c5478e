//! Shared tokens.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use crate::bao::until;
use crate::scene::{SECOND, Scene, errors};

const RATE_LIMIT: &str = r#"{"error":"invalid_request","description":"rate limit exceeded; try again later"}"#;

#[tokio::test]
async fn a_hundred_concurrent_readers_cost_one_exchange() {
    let Some(scene) = Scene::start().await else { return };
    let minted = scene.simulation.genesys.minted();
    scene.simulation.faults.add(Fault::once("POST /oauth/token", Effect::Delay(SECOND / 2)));
    let answers = join_all((0..100).map(|_| scene.read("token/ci"))).await;
    assert_eq!(scene.simulation.genesys.minted(), minted + 1);
    let tokens: Vec<_> = answers.iter().map(|answer| &answer["data"]["access_token"]).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0] && token.is_string()));
    assert!(answers.iter().all(|answer| answer["lease_id"] == "" && answer["lease_duration"] == 0));
}

#[tokio::test]
async fn a_hundred_concurrent_readers_share_a_failure() {
    let Some(scene) = Scene::start().await else { return };
    scene.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let minted = scene.simulation.genesys.minted();
    scene.simulation.faults.add(Fault::once("POST /oauth/token", Effect::Delay(SECOND)));
    let answers = join_all((0..100).map(|_| scene.call("GET", "token/ci", Value::Null))).await;
    assert!(answers.iter().all(|(status, _)| *status == 400));
    let made = scene.simulation.genesys.minted() - minted;
    assert!(made < 10, "{made} tokens were minted");
}

#[tokio::test]
async fn a_shared_token_is_returned_while_enough_life_is_left() {
    let Some(scene) = Scene::start().await else { return };
    scene.simulation.genesys.set(|settings| settings.token_lifetime = 1_000);
    let token = async |path: &str| scene.read(path).await["data"]["access_token"].clone();
    let first = token("token/ci").await;
    assert_eq!(token("token/ci?minimum_seconds=850").await, first);
    assert_eq!(token("token/ci?minimum_seconds=14m").await, first);
    let minted = scene.simulation.genesys.minted();
    let (status, answer) = scene.call("GET", "token/ci?minimum_seconds=950", Value::Null).await;
    assert_eq!(status, 400, "{answer}");
    assert!(errors(&answer).contains("live 999 s\nhint: request at most 899"), "{answer}");
    assert_eq!(scene.simulation.genesys.minted(), minted, "no token is minted for an impossible minimum");
}

#[tokio::test]
async fn a_change_of_the_client_or_the_probes_mints_another_token() {
    let Some(scene) = Scene::start().await else { return };
    let token = async || scene.read("token/ci").await["data"]["access_token"].clone();
    let first = token().await;
    scene.write("roles/ci", json!({"probes": ["GET /api/v2/tokens/me"]})).await;
    let second = token().await;
    assert_ne!(first, second);
    scene.write("roles/ci", json!({"ttl": 60})).await;
    assert_eq!(token().await, second, "lease times do not matter");
}

#[tokio::test]
async fn a_shared_token_survives_the_process_and_is_revoked_with_its_role() {
    let Some(scene) = Scene::start().await else { return };
    let token = async || scene.read("token/ci").await["data"]["access_token"].clone();
    let first = token().await;
    scene.bao.reload(&scene.plugin).await;
    assert_eq!(token().await, first);
    assert_eq!(scene.call("DELETE", "roles/ci", Value::Null).await.0, 204);
    assert!(scene.live().is_empty());
}

#[tokio::test]
async fn an_expiring_token_is_returned_with_a_warning_while_the_platform_is_down() {
    let Some(scene) = Scene::start().await else { return };
    scene.simulation.genesys.set(|settings| settings.token_lifetime = 20);
    let first = scene.read("token/ci").await["data"]["access_token"].clone();
    let page = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/json", RATE_LIMIT);
    scene
        .simulation
        .faults
        .add(Fault::always("POST /oauth/token", Effect::Answer(page.with_header("retry-after", "60"))));
    until("the token is about to expire", async || {
        let answer = scene.read("token/ci").await;
        assert_eq!(answer["data"]["access_token"], first);
        answer["warnings"].to_string().contains("RateLimited")
    })
    .await;
    let (status, answer) = scene.call("GET", "token/ci?minimum_seconds=5", Value::Null).await;
    assert_eq!(status, 502, "a caller that needs more life gets an error: {answer}");
    assert!(errors(&answer).contains("RateLimited"), "{answer}");
}

#[tokio::test]
async fn an_expired_token_is_never_returned_even_for_a_minimum_of_zero() {
    let Some(scene) = Scene::start().await else { return };
    scene.simulation.genesys.set(|settings| settings.token_lifetime = 3);
    let first = scene.read("token/ci?minimum_seconds=0").await["data"]["access_token"].clone();
    until("the token has expired and another one is returned", async || {
        let data = scene.read("token/ci?minimum_seconds=0").await["data"].clone();
        assert!(data["ttl"].as_u64().is_some_and(|ttl| ttl > 0), "{data}");
        data["access_token"] != first
    })
    .await;
}

#[tokio::test]
async fn a_recent_failure_is_repeated_without_minting_another_token() {
    let Some(scene) = Scene::start().await else { return };
    scene.write("roles/ci", json!({"probes": ["GET /api/v2/nowhere"]})).await;
    let minted = scene.simulation.genesys.minted();
    for _ in 0..50 {
        assert_eq!(scene.call("GET", "token/ci", Value::Null).await.0, 400);
    }
    let made = scene.simulation.genesys.minted() - minted;
    assert!(made < 25, "{made} tokens were minted");
    scene.write("roles/ci", json!({"probes": []})).await;
    scene.read("token/ci").await;
}

#[tokio::test]
async fn long_lived_tokens_are_leased_shared_and_rotated_like_access_tokens() {
    let Some(scene) = Scene::start().await else { return };
    let (status, answer) = scene.call("POST", "roles/ci", json!({"token": "generated"})).await;
    assert!(status == 400 && errors(&answer).contains("resource_owner"), "{answer}");
    scene.write("roles/ci", json!({"token": "generated", "resource_owner": "5f3c8a52-0f00"})).await;
    let (status, answer) = scene.call("GET", "creds/ci", Value::Null).await;
    assert!(status == 400 && errors(&answer).contains("does not offer"), "{answer}");
    assert!(scene.live().is_empty(), "the access token was revoked");
    scene.simulation.genesys.set(|settings| settings.unpublished_endpoints = true);
    let leased = scene.read("creds/ci").await;
    assert!(leased["data"]["ttl"].as_u64().is_some_and(|ttl| ttl > 31_000_000), "{leased}");
    let shared = scene.read("token/ci").await["data"]["access_token"].clone();
    assert_eq!(scene.live().len(), 2, "their access tokens were revoked");
    scene.write("roles/ci", json!({"token": "access"})).await;
    assert_ne!(scene.read("token/ci").await["data"]["access_token"], shared);
    assert_eq!(scene.revoke(&leased["lease_id"]).await.0, 204);
    let role = json!({"config": "main", "rotation_period": "30d", "token": "api-token", "token_name": "reports"});
    scene.write("static-roles/reports", role).await;
    let read = scene.read("static-roles/reports").await["data"].clone();
    assert_eq!((&read["token"], &read["token_name"]), (&json!("api-token"), &json!("reports")));
    let first = scene.read("static-creds/reports").await["data"].clone();
    scene.write("rotate-role/reports", json!({})).await;
    let second = scene.read("static-creds/reports").await["data"].clone();
    assert!(first["access_token"] != second["access_token"] && second["ttl"].as_u64() > Some(31_000_000), "{second}");
}
