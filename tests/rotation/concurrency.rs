//! Steps that run twice, late, or beside themselves; reads that are stale; set-ups that are only tested.

use super::*;
use std::sync::Arc;

use simulators::faults::{Effect, Fault};
use tokio::sync::Barrier;

/// Stages an empty pending version, as the service does, without running any step.
pub async fn stage(world: &World) -> String {
    let version = version_id();
    // The rotation fails at its first call, and leaves the version staged.
    world.simulation.secrets_manager.set(|settings| settings.denied = ["DescribeSecret".to_owned()].into());
    let outcome = world.rotate_to(SECRET, &version).await;
    assert!(!outcome.succeeded);
    world.simulation.secrets_manager.set(|settings| settings.denied.clear());
    version
}

#[tokio::test]
async fn two_concurrent_create_steps_leave_one_token() {
    for _ in 0..10 {
        let world = World::with_secret().await;
        let version = stage(&world).await;
        // Neither gets its token before the other one has asked for one too.
        world.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Meet(Arc::new(Barrier::new(2)))));
        let (first, second) = tokio::join!(
            world.invoke("createSecret", SECRET, &version),
            world.invoke("createSecret", SECRET, &version)
        );
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
        assert_eq!(world.simulation.genesys.minted(), 2, "both asked for a token");
        assert_eq!(world.simulation.genesys.live_tokens().len(), 1, "the loser's was revoked");
        world.assert_no_stray_tokens();
    }
}

#[tokio::test]
async fn every_step_can_run_twice() {
    let world = World::with_secret().await;
    let version = stage(&world).await;
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        for time in ["first", "second"] {
            let answer = world.invoke(step, SECRET, &version).await;
            assert!(answer.is_ok(), "{step}, {time} time: {answer:?}");
        }
    }
    assert_eq!(world.simulation.genesys.minted(), 1);
    let current = world.holder("AWSCURRENT").expect("a current version");
    assert_eq!(current.id, version);
    // Late: after it was promoted, every step has nothing left to do.
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        let answer = world.invoke(step, SECRET, &version).await.expect("a step that comes late");
        assert_eq!(answer["outcome"], "already_done", "{step}");
    }
    assert_eq!(world.simulation.genesys.minted(), 1);
}

#[tokio::test]
async fn stale_reads_settle_within_the_step() {
    for stale_reads in 1..=3 {
        let settings = SecretsManagerSettings { stale_reads, retries: 0, ..SecretsManagerSettings::default() };
        let world = World::with(settings).await;
        world.create(SECRET, &document()).await;
        for _ in 0..3 {
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{stale_reads}: {outcome:?}");
        }
        world.assert_clean();
    }
}

#[tokio::test]
async fn a_set_up_test_stores_nothing() {
    let world = World::with_secret().await;
    let rotate = world.aws.rotate_secret().secret_id(SECRET).client_request_token(version_id());
    let rotate = rotate.rotation_lambda_arn(FUNCTION_ARN).rotation_rules(daily()).rotate_immediately(false);
    rotate.send().await.expect("it is accepted");
    world.simulation.secrets_manager.settled().await;
    assert!(world.simulation.secrets_manager.rotation_outcomes().is_empty(), "the set-up works");
    assert_eq!(world.simulation.genesys.minted(), 1);
    assert!(world.simulation.genesys.live_tokens().is_empty(), "what was tried was revoked");
    assert_eq!(world.current(), document());
    assert!(world.holder("AWSPENDING").is_none());
}

#[tokio::test]
async fn a_set_up_test_with_an_expired_token_tests_the_credentials() {
    let world = World::with_secret().await;
    world.rotate().await;
    world.simulation.genesys.revoke_all();
    let rotate = world.aws.rotate_secret().secret_id(SECRET).client_request_token(version_id());
    let rotate = rotate.rotation_lambda_arn(FUNCTION_ARN).rotation_rules(daily()).rotate_immediately(false);
    rotate.send().await.expect("it is accepted");
    world.simulation.secrets_manager.settled().await;
    let failed = world.simulation.secrets_manager.rotation_outcomes().into_iter().find(|outcome| !outcome.succeeded);
    assert!(failed.is_none(), "{failed:?}");
    assert!(world.simulation.genesys.live_tokens().is_empty());
}

#[tokio::test]
async fn a_set_up_test_with_wrong_credentials_fails() {
    let world = World::new().await;
    let mut wrong = document();
    wrong["client_secret"] = json!("not-it");
    world.create(SECRET, &wrong).await;
    let rotate = world.aws.rotate_secret().secret_id(SECRET).client_request_token(version_id());
    let rotate = rotate.rotation_lambda_arn(FUNCTION_ARN).rotation_rules(daily()).rotate_immediately(false);
    rotate.send().await.expect("it is accepted");
    world.simulation.secrets_manager.settled().await;
    let outcome = world.simulation.secrets_manager.rotation_outcomes().pop().expect("a failure");
    assert_eq!(outcome.failures[0].1.error_type, "CredentialsRejected");
}

#[tokio::test]
async fn a_rejected_token_is_not_promoted_and_a_retry_can_succeed() {
    let world = World::with_secret().await;
    world.rotate().await;
    let former = world.current_token();
    let unauthorized = r#"{"status":401,"code":"bad.credentials","message":"Invalid login credentials."}"#;
    let refuse =
        simulators::faults::FaultAnswer::new(reqwest::StatusCode::UNAUTHORIZED, "application/json", unauthorized);
    world.simulation.faults.add(Fault::once("GET /api/v2/users/me", Effect::Answer(refuse)));
    let version = version_id();
    let outcome = world.rotate_to(SECRET, &version).await;
    assert_eq!(outcome.failures[0].1.error_type, "TokenRejected");
    assert_eq!(world.current_token(), former);
    // The service goes on with the version that is staged.
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        world.invoke(step, SECRET, &version).await.expect("the retry succeeds");
    }
    assert_ne!(world.current_token(), former);
}

#[tokio::test]
async fn a_staged_token_that_is_no_longer_valid_is_abandoned() {
    let world = World::with_secret().await;
    world.simulation.genesys.set(|settings| settings.token_lifetime = 2);
    let version = stage(&world).await;
    world.invoke("createSecret", SECRET, &version).await.expect("a token is staged");
    world.simulation.genesys.revoke_all();
    world.simulation.genesys.set(|settings| settings.token_lifetime = 86_400);
    // The document says that the token lives for one second more at most, so this ends soon.
    let error = loop {
        let error = world.invoke("testSecret", SECRET, &version).await.expect_err("the token is dead");
        assert_eq!(error.0, "TokenRejected");
        if error.1.contains("was dropped") {
            break error;
        }
    };
    assert!(world.holder("AWSPENDING").is_none(), "{error:?}");
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    world.assert_clean();
}

/// A rotation that stopped after createSecret: its version is staged, with a live token.
async fn stopped_after_create(world: &World) -> String {
    let version = stage(world).await;
    world.invoke("createSecret", SECRET, &version).await.expect("a token is staged");
    version
}

pub async fn store_as_current(world: &World, document: &Value) {
    let put = world.aws.put_secret_value().secret_id(SECRET).secret_string(document.to_string());
    put.send().await.expect("the operator's edit is stored");
}

#[tokio::test]
async fn an_edit_made_between_two_attempts_is_not_lost() {
    let world = World::with_secret().await;
    let version = stopped_after_create(&world).await;
    let mut edited = document();
    edited["probes"] = json!(["GET /api/v2/users?pageSize=1"]);
    store_as_current(&world, &edited).await;
    let (error_type, message) = world.invoke("createSecret", SECRET, &version).await.expect_err("it is outdated");
    assert_eq!(error_type, "StoreConflict", "{message}");
    assert!(message.contains("rotate again"), "{message}");
    assert!(world.simulation.genesys.live_tokens().is_empty(), "its token was revoked");
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    assert_eq!(world.current()["probes"], edited["probes"]);
    world.assert_clean();
}

#[tokio::test]
async fn a_copy_of_the_current_value_is_never_promoted_as_new() {
    for with_token in [true, false] {
        let world = World::with_secret().await;
        if with_token {
            world.rotate().await;
        }
        let before = world.current();
        let version = stage(&world).await;
        let put = world.aws.put_secret_value().secret_id(SECRET).client_request_token(&version);
        put.secret_string(before.to_string()).version_stages("AWSPENDING").send().await.expect("a left-over copy");
        let (error_type, _) = world.invoke("createSecret", SECRET, &version).await.expect_err("it holds no new token");
        assert_eq!(error_type, "StoreConflict");
        assert!(world.holder("AWSPENDING").is_none());
        assert_eq!(world.simulation.genesys.live_tokens().len(), usize::from(with_token), "readers keep theirs");
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{outcome:?}");
        assert_ne!(world.current_token().as_deref(), before["access_token"].as_str());
    }
}
