//! Requests and background work that overlap on a platform that hangs: who waits for whom, and what takes effect after it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select};
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;
use tokio::sync::Barrier;
use tokio::time::timeout;

use crate::hosted::{Hosted, Refused, role, token_in, until};
use crate::scene::CLIENT;

const OTHER: (&str, &str) = ("5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "hush-too");
const EXCHANGE: &str = "POST /oauth/token";

impl Hosted {
    /// An engine with the configs `main` and `other`, each with its own client.
    async fn with_two_configs() -> Self {
        let hosted = Self::start().await;
        hosted.simulation.genesys.add_client(OAuthClient::new(OTHER.0, OTHER.1));
        let other = json!({"region": "mypurecloud.ie", "client_id": OTHER.0, "client_secret": OTHER.1});
        hosted.write("config/other", other).await;
        hosted
    }

    /// Makes a role due.
    async fn age_role(&self, name: &str) {
        let key = format!("static-creds/{name}");
        let aged = self.storage.text(&key).expect("an entry").replace(r#"\"issued_at\":\"2"#, r#"\"issued_at\":\"1"#);
        self.store(&key, &aged).await;
    }

    fn token_of(&self, name: &str) -> Option<String> {
        token_in(&self.storage.text(&format!("static-creds/{name}"))?)
    }

    /// Token requests of a client are neither answered nor executed.
    fn hang(&self, client: (&str, &str)) {
        use base64::Engine;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", client.0, client.1));
        self.simulation.faults.choose_with(move |operation, headers| {
            let authorization = headers.get("authorization")?.to_str().ok()?;
            (operation == EXCHANGE && authorization.ends_with(&basic)).then_some(Effect::Hang)
        });
    }

    fn calls_of(&self, operation: &str) -> usize {
        self.simulation.journal.calls().iter().filter(|call| call.operation == operation).count()
    }

    /// Holds the next token request until the barrier's other side arrives.
    fn hold_exchange(&self) -> Arc<Barrier> {
        let barrier = Arc::new(Barrier::new(2));
        self.simulation.faults.add(Fault::once(EXCHANGE, Effect::Meet(barrier.clone())));
        barrier
    }
}

#[tokio::test]
async fn a_config_whose_platform_hangs_delays_no_rotation_of_another_config() {
    let hosted = Hosted::with_two_configs().await;
    let hanging: Vec<_> = (0..24).map(|number| format!("hanging-{number}")).collect();
    for name in &hanging {
        hosted.write(&format!("static-roles/{name}"), role()).await;
    }
    hosted.write("static-roles/free", json!({"config": "other", "rotation_period": 3_600})).await;
    for name in &hanging {
        hosted.age_role(name).await;
    }
    hosted.hang(CLIENT);
    let began = hosted.calls_of(EXCHANGE);
    hosted.tick().await;
    until("eight requests hang", || hosted.calls_of(EXCHANGE) >= began + 8).await;
    for round in 0..2 {
        let former = hosted.token_of("free").unwrap();
        hosted.age_role("free").await;
        hosted.tick().await;
        until("the role of the other config is rotated", || hosted.token_of("free").is_some_and(|now| now != former))
            .await;
        let failed = hanging
            .iter()
            .any(|name| hosted.storage.text(&format!("static-roles/{name}")).unwrap().contains("last_error"));
        assert!(!failed, "the rotations of the other config have not ended yet in round {round}");
    }
}

#[tokio::test]
async fn healing_a_config_whose_platform_hangs_delays_no_rotation() {
    let hosted = Hosted::with_two_configs().await;
    hosted.write("static-roles/free", json!({"config": "other", "rotation_period": 3_600})).await;
    let intent = json!({"client_id": CLIENT.0, "token": "hush-intent", "settled_at": 0});
    hosted.store("root-intent/main", &intent.to_string()).await;
    hosted.hang(CLIENT);
    let began = hosted.calls_of(EXCHANGE);
    hosted.tick().await;
    until("the healing hangs", || hosted.calls_of(EXCHANGE) > began).await;
    let former = hosted.token_of("free").unwrap();
    hosted.age_role("free").await;
    hosted.tick().await;
    until("the role of the other config is rotated", || hosted.token_of("free").is_some_and(|now| now != former)).await;
    assert!(!hosted.has_logged("the new secret is unknown"), "the healing still hangs");
}

#[tokio::test]
async fn callers_of_rotate_role_who_left_start_no_rotation() {
    let hosted = Hosted::with_role().await;
    let (minted, barrier) = (hosted.simulation.genesys.minted(), hosted.hold_exchange());
    let first = hosted.call("update", "rotate-role/ci", Value::Null);
    let others = async {
        until("the first rotation waits", || hosted.calls_of(EXCHANGE) > 2).await;
        let gone =
            (0..5).map(|_| timeout(Duration::from_millis(300), hosted.call("update", "rotate-role/ci", Value::Null)));
        assert!(join_all(gone).await.iter().all(Result::is_err), "the callers leave");
        let deleted = timeout(Duration::from_millis(300), hosted.call("delete", "static-roles/ci", Value::Null)).await;
        assert!(deleted.is_err(), "the caller leaves");
        barrier.wait().await;
    };
    let (first, ()) = tokio::join!(first, others);
    first.unwrap();
    hosted.call("update", "rotate-role/ci", Value::Null).await.expect("the role still exists");
    assert_eq!(hosted.simulation.genesys.minted() - minted, 2, "one for each caller who waited");
}

#[tokio::test]
async fn callers_of_rotate_role_share_one_failure() {
    let hosted = Hosted::with_role().await;
    let (began, barrier) = (hosted.calls_of(EXCHANGE), hosted.hold_exchange());
    let body = json!({"error": "invalid_client", "description": "client not found"}).to_string();
    let rejected = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/json", body);
    hosted.simulation.faults.add(Fault::always(EXCHANGE, Effect::Answer(rejected)));
    let first = hosted.call("update", "rotate-role/ci", Value::Null);
    let followers = async {
        until("the first rotation waits", || hosted.calls_of(EXCHANGE) > began).await;
        let followers = join_all((0..10).map(|_| hosted.call("update", "rotate-role/ci", Value::Null)));
        tokio::join!(followers, async {
            // These reads are answered after the requests before them have arrived.
            for _ in 0..3 {
                hosted.token().await;
            }
            barrier.wait().await;
        })
        .0
    };
    let (first, followers) = tokio::join!(first, followers);
    assert!(first.is_ok(), "{first:?}");
    for follower in followers {
        let Refused(status, message) = follower.unwrap_err();
        assert!(status == 400 && message.starts_with("CredentialsRejected: "), "{message}");
        assert!(message.contains("the engine retries by itself"), "{message}");
    }
    let rotations = hosted.calls_of(EXCHANGE) - began;
    assert!(rotations <= 4, "one success, and a failure that the followers share: {rotations}");
}

/// Requests that replace a token, with what they need.
const REPLACEMENTS: [&str; 2] = ["rotate-token/ci", "revoke/main"];

impl Hosted {
    /// An engine whose token, shared or of a static role, cannot be replaced; and the request that replaces it.
    async fn with_irreplaceable(path: &str) -> (Self, Value) {
        let hosted = if path == "revoke/main" { Self::with_role().await } else { Self::with_shared_role().await };
        let request = match path {
            "revoke/main" => json!({"token": hosted.token().await}),
            _ => hosted.read("token/ci").await["nothing"].clone(),
        };
        hosted.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
        (hosted, request)
    }
}

#[tokio::test]
async fn callers_who_left_while_a_token_was_replaced_request_no_token() {
    for path in REPLACEMENTS {
        let (hosted, request) = Hosted::with_irreplaceable(path).await;
        let (began, barrier) = (hosted.calls_of(EXCHANGE), hosted.hold_exchange());
        let call = || hosted.call("update", path, request.clone());
        let others = async {
            until("the first request waits", || hosted.calls_of(EXCHANGE) > began).await;
            let gone = (0..5).map(|_| timeout(Duration::from_millis(300), call()));
            assert!(join_all(gone).await.iter().all(Result::is_err), "the callers leave");
            // This read is answered after the cancellations have arrived.
            hosted.read("config/main").await;
            barrier.wait().await;
        };
        let (first, ()) = tokio::join!(call(), others);
        first.expect_err("no token is valid");
        call().await.expect_err("no token is valid");
        assert_eq!(hosted.calls_of(EXCHANGE) - began, 2, "{path}: one for each caller who waited");
    }
}

#[tokio::test]
async fn callers_who_wait_for_the_same_token_share_one_failure_that_names_the_revocation() {
    for path in REPLACEMENTS {
        let (hosted, request) = Hosted::with_irreplaceable(path).await;
        let (began, barrier) = (hosted.calls_of(EXCHANGE), hosted.hold_exchange());
        let call = || hosted.call("update", path, request.clone());
        let followers = async {
            until("the first request waits", || hosted.calls_of(EXCHANGE) > began).await;
            tokio::join!(join_all((0..10).map(|_| call())), async {
                // These reads are answered after the requests before them have arrived.
                for _ in 0..3 {
                    hosted.read("roles/ci").await;
                }
                barrier.wait().await;
            })
            .0
        };
        let (first, followers) = tokio::join!(call(), followers);
        for refused in followers.into_iter().chain([first]) {
            let Refused(status, message) = refused.expect_err("no token is valid");
            assert!(status == 400 && message.starts_with("TokenRejected: "), "{message}");
            assert!(message.contains("the engine revokes the"), "{path}: {message}");
        }
        let attempts = hosted.calls_of(EXCHANGE) - began;
        assert!(attempts <= 4, "{path}: the first attempt, and one that the followers share: {attempts}");
    }
}

#[tokio::test]
async fn a_revocation_that_hangs_delays_no_write_of_another_role() {
    let hosted = Hosted::with_shared_role().await;
    hosted.read("token/ci").await;
    hosted.simulation.faults.add(Fault::always("DELETE /api/v2/tokens/me", Effect::Hang));
    let deleted = Box::pin(hosted.call("delete", "roles/ci", Value::Null));
    let written = Box::pin(async {
        until("the revocation hangs", || hosted.calls_of("DELETE /api/v2/tokens/me") > 1).await;
        hosted.write("roles/other", json!({"config": "main"})).await;
    });
    match select(deleted, written).await {
        futures_util::future::Either::Left(_) => panic!("the write of another role waits for the deletion"),
        futures_util::future::Either::Right(_) => {}
    }
}

#[tokio::test]
async fn a_static_role_whose_config_is_deleted_while_its_token_is_stored_is_not_stored() {
    let hosted = Hosted::start().await;
    let barrier = Arc::new(Barrier::new(2));
    hosted.storage.meet_at("put static-creds/ci", barrier.clone());
    let deletion = async {
        until("the first token is validated", || hosted.calls_of("GET /api/v2/users/me") > 1).await;
        hosted.call("delete", "config/main", Value::Null).await.expect("no role names the config");
        barrier.wait().await;
    };
    let (written, ()) = tokio::join!(hosted.call("write", "static-roles/ci", role()), deletion);
    let Refused(status, message) = written.expect_err("the config is gone");
    assert!(status == 400 && message.contains("no config \"main\""), "{status} {message}");
    assert_eq!(hosted.storage.keys(), [""; 0]);
    assert!(hosted.live().is_empty());
}

#[tokio::test]
async fn a_change_of_the_configs_client_during_a_rotation_is_no_failure() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.add_client(OAuthClient::new(OTHER.0, OTHER.1));
    let (began, barrier) = (hosted.calls_of(EXCHANGE), Arc::new(Barrier::new(2)));
    hosted.simulation.faults.add(Fault::once(EXCHANGE, Effect::Meet(barrier.clone())));
    let change = async {
        until("the token is requested", || hosted.calls_of(EXCHANGE) > began).await;
        let other = json!({"client_id": OTHER.0, "client_secret": OTHER.1, "verify_connection": false});
        hosted.write("config/main", other).await;
        barrier.wait().await;
    };
    let (rotated, ()) = tokio::join!(hosted.call("update", "rotate-role/ci", Value::Null), change);
    rotated.expect("the rotation with the new client");
    assert_eq!(hosted.simulation.genesys.owner_of(&hosted.token().await).as_deref(), Some(OTHER.0));
}
