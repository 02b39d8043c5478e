//! Shared tokens.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use crate::hosted::{Hosted, Refused};
use crate::scene::{SECOND, Scene};

const EXCHANGE: &str = "POST /oauth/token";
/// The platform's answer to too many token requests.
pub const RATE_LIMIT: &str = r#"{"error":"invalid_request","description":"rate limit exceeded; try again later"}"#;

impl Hosted {
    /// An engine with the config `main` and the role `ci`.
    pub async fn with_shared_role() -> Self {
        let hosted = Self::start().await;
        hosted.write("roles/ci", json!({"config": "main"})).await;
        hosted
    }

    async fn shared_token(&self) -> Value {
        self.read("token/ci").await["access_token"].clone()
    }

    /// Moves the issue and the expiry of the stored token into the past.
    async fn age_shared_token(&self, seconds: i64) {
        let mut entry: Value = serde_json::from_str(&self.storage.text("shared/ci").expect("an entry")).expect("JSON");
        for field in ["issued_at", "expires_at"] {
            let time: jiff::Timestamp = entry["token"][field].as_str().expect("text").parse().expect("a time");
            entry["token"][field] = json!((time - jiff::SignedDuration::from_secs(seconds)).to_string());
        }
        self.store("shared/ci", &entry.to_string()).await;
    }
}

#[tokio::test]
async fn a_hundred_concurrent_readers_share_one_token_without_a_lease_that_survives_the_process() {
    let Some(scene) = Scene::start().await else { return };
    let minted = scene.simulation.genesys.minted();
    scene.simulation.faults.add(Fault::once(EXCHANGE, Effect::Delay(SECOND / 2)));
    let answers = join_all((0..100).map(|_| scene.read("token/ci"))).await;
    assert_eq!(scene.simulation.genesys.minted(), minted + 1);
    let tokens: Vec<_> = answers.iter().map(|answer| &answer["data"]["access_token"]).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0] && token.is_string()));
    assert!(answers.iter().all(|answer| answer["lease_id"] == "" && answer["lease_duration"] == 0));
    scene.bao.reload(&scene.plugin).await;
    assert_eq!(&scene.read("token/ci").await["data"]["access_token"], tokens[0]);
    let (status, answer) = scene.call("GET", "token/ci?minimum_seconds=80000", Value::Null).await;
    assert_eq!(status, 400, "a query parameter is a field: {answer}");
    assert_eq!(scene.call("DELETE", "roles/ci", Value::Null).await.0, 204);
    assert!(scene.live().is_empty(), "the token is revoked with its role");
}

#[tokio::test]
async fn a_hundred_concurrent_readers_share_a_failure() {
    let hosted = Hosted::with_shared_role().await;
    hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let minted = hosted.simulation.genesys.minted();
    hosted.simulation.faults.add(Fault::once(EXCHANGE, Effect::Delay(SECOND)));
    let answers = join_all((0..100).map(|_| hosted.call("read", "token/ci", Value::Null))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(Refused(400, _)))));
    let made = hosted.simulation.genesys.minted() - minted;
    assert!(made < 10, "{made} tokens were minted");
}

#[tokio::test]
async fn a_shared_token_is_returned_while_enough_life_is_left() {
    let hosted = Hosted::with_shared_role().await;
    hosted.simulation.genesys.set(|settings| settings.token_lifetime = 1_000);
    let first = hosted.shared_token().await;
    let with_minimum = |minimum: Value| hosted.call("read", "token/ci", json!({"minimum_seconds": minimum}));
    for minimum in [json!(850), json!("14m")] {
        assert_eq!(with_minimum(minimum).await.expect("the stored token").data["access_token"], first);
    }
    let minted = hosted.simulation.genesys.minted();
    let Err(Refused(400, message)) = with_minimum(json!(950)).await else { panic!("no token lives that long") };
    assert!(message.contains("live 999 s\nhint: request at most 899"), "{message}");
    assert_eq!(hosted.simulation.genesys.minted(), minted, "no token is minted for an impossible minimum");
}

#[tokio::test]
async fn a_change_of_the_probes_mints_another_token() {
    let hosted = Hosted::with_shared_role().await;
    let first = hosted.shared_token().await;
    hosted.write("roles/ci", json!({"probes": ["GET /api/v2/tokens/me"]})).await;
    let second = hosted.shared_token().await;
    assert_ne!(first, second);
    hosted.write("roles/ci", json!({"ttl": 60})).await;
    assert_eq!(hosted.shared_token().await, second, "lease times do not matter");
}

#[tokio::test]
async fn an_expiring_token_is_returned_with_a_warning_while_the_platform_is_down() {
    let hosted = Hosted::with_shared_role().await;
    let first = hosted.shared_token().await;
    hosted.age_shared_token(86_200).await;
    let page =
        FaultAnswer::new(StatusCode::BAD_REQUEST, "application/json", RATE_LIMIT).with_header("retry-after", "60");
    hosted.simulation.faults.add(Fault::always(EXCHANGE, Effect::Answer(page)));
    let answer = hosted.call("read", "token/ci", Value::Null).await.expect("the stored token");
    assert_eq!(answer.data["access_token"], first);
    assert!(answer.warnings.concat().contains("RateLimited"), "{answer:?}");
    let Err(Refused(status, message)) = hosted.call("read", "token/ci", json!({"minimum_seconds": 250})).await else {
        panic!("a caller that needs more life gets an error")
    };
    assert!(status == 502 && message.contains("RateLimited"), "{status} {message}");
}

#[tokio::test]
async fn an_expired_token_is_never_returned_even_for_a_minimum_of_zero() {
    let hosted = Hosted::with_shared_role().await;
    let without_minimum =
        async || hosted.call("read", "token/ci", json!({"minimum_seconds": 0})).await.expect("a token");
    let mut former = without_minimum().await.data["access_token"].clone();
    // Less than a second is left, or nothing.
    for seconds in [86_398, 86_399, 90_000] {
        hosted.age_shared_token(seconds).await;
        let next = without_minimum().await.data;
        assert!(next["access_token"] != former && next["ttl"].as_u64() > Some(0), "{next}");
        former = next["access_token"].clone();
    }
}

#[tokio::test]
async fn a_recent_failure_is_repeated_without_minting_another_token() {
    let hosted = Hosted::with_shared_role().await;
    hosted.write("roles/ci", json!({"probes": ["GET /api/v2/nowhere"]})).await;
    let minted = hosted.simulation.genesys.minted();
    for _ in 0..50 {
        hosted.call("read", "token/ci", Value::Null).await.expect_err("the probe fails");
    }
    let made = hosted.simulation.genesys.minted() - minted;
    assert!(made < 25, "{made} tokens were minted");
    hosted.write("roles/ci", json!({"probes": []})).await;
    hosted.shared_token().await;
}

#[tokio::test]
async fn long_lived_tokens_are_leased_shared_and_rotated_like_access_tokens() {
    let hosted = Hosted::with_shared_role().await;
    assert!(hosted.rejected("write", "roles/ci", json!({"token": "generated"})).await.contains("resource_owner"));
    hosted.write("roles/ci", json!({"token": "generated", "resource_owner": "5f3c8a52-0f00"})).await;
    assert!(hosted.rejected("read", "creds/ci", Value::Null).await.contains("does not offer"));
    assert!(hosted.live().is_empty(), "the access token was revoked");
    hosted.simulation.genesys.set(|settings| settings.unpublished_endpoints = true);
    let leased = hosted.read("creds/ci").await;
    assert!(leased["ttl"].as_u64() > Some(31_000_000), "{leased}");
    let shared = hosted.shared_token().await;
    assert_eq!(hosted.live().len(), 2, "their access tokens were revoked");
    hosted.write("roles/ci", json!({"token": "access"})).await;
    assert_ne!(hosted.shared_token().await, shared);
    let role = json!({"config": "main", "rotation_period": "30d", "token": "api-token", "token_name": "reports"});
    hosted.write("static-roles/reports", role).await;
    let read = hosted.read("static-roles/reports").await;
    assert_eq!((&read["token"], &read["token_name"]), (&json!("api-token"), &json!("reports")));
    let first = hosted.read("static-creds/reports").await;
    hosted.write("rotate-role/reports", json!({})).await;
    let second = hosted.read("static-creds/reports").await;
    assert!(
        first["access_token"] != second["access_token"] && second["token_ttl"].as_u64() > Some(31_000_000),
        "{second}"
    );
}
