//! A transient fault at every single call of a rotation: each must be healed inside its step.

use super::*;
use reqwest::StatusCode;
use simulators::faults::{Effect, Fault, FaultAnswer};

/// Every call of one rotation: the operation, and how many of them come before.
pub(super) const CALLS: [(&str, u32); 12] = [
    ("DescribeSecret", 0),
    ("DescribeSecret", 1),
    ("DescribeSecret", 2),
    ("DescribeSecret", 3),
    ("GetSecretValue", 0),
    ("GetSecretValue", 1),
    ("GetSecretValue", 2),
    ("PutSecretValue", 0),
    ("UpdateSecretVersionStage", 0),
    ("POST /oauth/token", 0),
    ("GET /api/v2/users/me", 0),
    ("GET /api/v2/tokens/me", 0),
];

fn is_platform(operation: &str) -> bool {
    operation.contains(' ')
}

/// Fails each call once, each in a rotation of its own; the orchestrator retries nothing.
async fn every_call_heals_from(effect: impl Fn(&str) -> Effect) {
    let world = World::with_secret().await;
    for (operation, before) in CALLS {
        world.simulation.faults.clear();
        world.simulation.faults.add(Fault::once(operation, effect(operation)).after(before));
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{operation} after {before}: {outcome:?}");
        let token = world.current_token().expect("a token");
        assert!(world.simulation.genesys.live_tokens().contains(&token), "{operation} after {before}");
    }
    world.simulation.faults.clear();
}

fn answer(status: u16, content_type: &str, body: &str) -> Effect {
    let status = StatusCode::from_u16(status).expect("a status");
    Effect::Answer(FaultAnswer::new(status, content_type, body))
}

#[tokio::test]
async fn a_dropped_connection_heals() {
    every_call_heals_from(|_| Effect::Drop).await;
}

#[tokio::test]
async fn a_lost_answer_heals() {
    every_call_heals_from(|_| Effect::LoseAnswer).await;
}

#[tokio::test]
async fn an_internal_error_heals() {
    every_call_heals_from(|operation| {
        if is_platform(operation) {
            answer(500, "application/json", r#"{"status":500,"code":"internal.server.error","message":"oops"}"#)
        } else {
            answer(500, "application/x-amz-json-1.1", r#"{"__type":"InternalServiceError","Message":"oops"}"#)
        }
    })
    .await;
}

#[tokio::test]
async fn a_web_page_instead_of_an_answer_heals() {
    every_call_heals_from(|_| answer(503, "text/html", "<html><body>Service Unavailable</body></html>")).await;
}

#[tokio::test]
async fn a_web_page_that_claims_success_heals() {
    every_call_heals_from(|_| answer(200, "text/html", "<html><body>Welcome to the hotel</body></html>")).await;
}

#[tokio::test]
async fn an_empty_answer_heals() {
    every_call_heals_from(|_| answer(200, "application/json", "")).await;
}

#[tokio::test]
async fn an_empty_object_heals() {
    every_call_heals_from(|_| answer(200, "application/json", "{}")).await;
}

#[tokio::test]
async fn too_many_requests_heal() {
    every_call_heals_from(|operation| {
        if operation == "POST /oauth/token" {
            let body = r#"{"error":"invalid_request","description":"rate limit exceeded; try later","error_description":"rate limit exceeded; try later"}"#;
            answer(400, "application/json", body)
        } else if is_platform(operation) {
            let body = r#"{"status":429,"code":"too.many.requests.retry.after","message":"slow down"}"#;
            Effect::Answer(FaultAnswer::new(StatusCode::TOO_MANY_REQUESTS, "application/json", body).with_header("retry-after", "1"))
        } else {
            let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
            answer(400, "application/x-amz-json-1.1", body)
        }
    })
    .await;
}

#[tokio::test]
async fn a_put_that_never_gets_through_leaves_no_token_behind() {
    for effect in [
        Effect::Drop,
        answer(500, "application/x-amz-json-1.1", r#"{"__type":"InternalServiceError","Message":"oops"}"#),
        answer(
            400,
            "application/x-amz-json-1.1",
            r#"{"__type":"LimitExceededException","Message":"too many versions"}"#,
        ),
    ] {
        let world = World::with_secret().await;
        world.simulation.secrets_manager.set(|settings| settings.function_timeout = Duration::from_secs(8));
        world.simulation.faults.add(Fault::always("PutSecretValue", effect));
        let outcome = world.rotate().await;
        assert!(!outcome.succeeded);
        assert_eq!(world.simulation.genesys.minted(), 1, "{outcome:?}");
        assert!(world.simulation.genesys.live_tokens().is_empty(), "{outcome:?}");
        world.assert_clean();
    }
}

#[tokio::test]
async fn a_put_whose_answers_are_all_lost_keeps_the_token_that_was_stored() {
    let world = World::with_secret().await;
    world.simulation.secrets_manager.set(|settings| settings.function_timeout = Duration::from_secs(8));
    world.simulation.faults.add(Fault::always("PutSecretValue", Effect::LoseAnswer));
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    world.assert_clean();
}

#[tokio::test]
async fn a_token_without_a_lifetime_is_revoked_and_replaced() {
    let world = World::with_secret().await;
    let body = r#"{"access_token":"a-token-without-a-lifetime","token_type":"bearer"}"#;
    world.simulation.faults.add(Fault::once("POST /oauth/token", answer(200, "application/json", body)));
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    assert_eq!(world.simulation.journal.count("DELETE /api/v2/tokens/me"), 1);
    world.assert_clean();
}

#[tokio::test]
async fn a_token_that_is_neither_stored_nor_revoked_is_logged() {
    let world = World::with_secret().await;
    world.simulation.secrets_manager.set(|settings| settings.denied = ["PutSecretValue".to_owned()].into());
    let refusal = answer(403, "application/json", r#"{"status":403,"code":"not.authorized","message":"no"}"#);
    world.simulation.faults.add(Fault::always("DELETE /api/v2/tokens/me", refusal));
    assert!(!world.rotate().await.succeeded);
    let warning = "a token that is not stored could not be revoked";
    assert!(world.logs().iter().any(|line| line.contains(warning)), "{:?}", world.logs());
}
