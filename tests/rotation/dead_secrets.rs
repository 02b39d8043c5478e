//! Client secrets that another caller invalidates during a rotation: the promoted secret always works.

use super::bad_input::{failure, failure_of};
use super::concurrency::stage as staged_empty;
use super::modes::{ADMIN, Mode, SECOND_ID, SECOND_SECRET, world};
use super::*;
use reqwest::StatusCode;
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;

const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";
const BY_HAND: &str = "hush-hush-made-by-hand-0123456789";

/// A rotation whose test failed for a while: its version is staged, with a token that lives.
async fn stopped_at_its_test(world: &World, mode: Mode) -> String {
    let version = version_id();
    let refusal = r#"{"status":401,"code":"bad.credentials","message":"Invalid login credentials."}"#;
    let refusal = FaultAnswer::new(StatusCode::UNAUTHORIZED, "application/json", refusal);
    // In place, createSecret validates a token of the old secret first.
    let before = u32::from(mode == Mode::InPlace);
    world.simulation.faults.add(Fault::always("GET /api/v2/users/me", Effect::Answer(refusal)).after(before));
    assert!(!world.rotate_to(SECRET, &version).await.succeeded);
    world.simulation.faults.clear();
    version
}

/// Stages what is staged once more, under another version, as if that had been so long ago.
async fn staged_before(world: &World, seconds: i64) -> String {
    let version = version_id();
    let staged = world.holder("AWSPENDING").and_then(|version| version.value).expect("a staged value");
    let mut staged: Value = serde_json::from_str(&staged).expect("JSON");
    let issued: jiff::Timestamp = staged["issued_at"].as_str().expect("a time").parse().expect("a time");
    staged["issued_at"] = json!((issued - jiff::SignedDuration::from_secs(seconds)).to_string());
    let put = world.aws.put_secret_value().secret_id(SECRET).client_request_token(&version);
    put.version_stages("AWSPENDING").secret_string(staged.to_string()).send().await.expect("it is staged");
    version
}

async fn a_replaced_secret_is_not_promoted(mode: Mode) {
    let world = world(mode, 0).await;
    stopped_at_its_test(&world, mode).await;
    let version = staged_before(&world, 90).await;
    let staged = world.holder("AWSPENDING").and_then(|version| version.value).expect("a staged value");
    let staged: Value = serde_json::from_str(&staged).expect("JSON");
    let id = staged["client_id"].as_str().expect("an id");
    world.simulation.genesys.add_client(OAuthClient::new(id, BY_HAND));
    if mode == Mode::InPlace {
        // As the way out says.
        let mut edited = world.current();
        edited["client_secret"] = json!(BY_HAND);
        let put = world.aws.put_secret_value().secret_id(SECRET).secret_string(edited.to_string());
        put.send().await.expect("the edit is stored");
    }
    world.invoke("createSecret", SECRET, &version).await.expect("it is staged");
    let (error_type, message) = world.invoke("testSecret", SECRET, &version).await.expect_err("its secret is dead");
    assert!(error_type == "StoreConflict" && message.contains("rotate again"), "{mode:?}: {error_type} {message}");
    assert!(world.holder("AWSPENDING").is_none(), "{mode:?}: it would hold up every later rotation");
    assert!(world.stored_client_works(), "{mode:?}");
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{mode:?}: {outcome:?}");
    assert!(world.stored_client_works() && world.stored_token_works(), "{mode:?}");
}

#[tokio::test]
async fn a_regenerated_secret_of_two_clients_is_not_promoted_although_its_token_is_valid() {
    a_replaced_secret_is_not_promoted(Mode::Alternating).await;
}

#[tokio::test]
async fn a_secret_regenerated_in_place_is_not_promoted_although_its_token_is_valid() {
    a_replaced_secret_is_not_promoted(Mode::InPlace).await;
}

async fn the_second_of_two_calls_waits(mode: Mode) {
    let world = world(mode, 0).await;
    let version = staged_empty(&world).await;
    world.simulation.journal.clear();
    // The first call is delayed before it regenerates the secret.
    let held_up = Effect::Delay(Duration::from_secs(3));
    world.simulation.faults.add(Fault::once(REGENERATE, held_up));
    let (first, second) = tokio::join!(world.invoke("createSecret", SECRET, &version), async {
        while world.simulation.journal.count(REGENERATE) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.invoke("createSecret", SECRET, &version).await
    });
    assert_eq!(first.expect("it stores its secret")["outcome"], "done");
    assert_eq!(second.expect("it waits for the lease of the first")["outcome"], "already_done");
    assert_eq!(world.simulation.journal.count(REGENERATE), 1, "{mode:?}");
    world.resume(&version).await;
    assert!(world.stored_client_works() && world.stored_token_works(), "{mode:?}");
}

#[tokio::test]
async fn of_two_concurrent_calls_with_two_clients_only_one_regenerates_a_secret() {
    the_second_of_two_calls_waits(Mode::Alternating).await;
}

#[tokio::test]
async fn of_two_concurrent_calls_in_place_only_one_regenerates_a_secret() {
    the_second_of_two_calls_waits(Mode::InPlace).await;
}

#[tokio::test]
async fn credentials_in_another_secret_are_not_validated_again() {
    let world = World::new().await;
    world.create("genesys/credentials", &document()).await;
    let document = json!({
        "region": "mypurecloud.ie", "credentials": "genesys/credentials", "rotate": "client_secret", "accept_gap": true,
    });
    let (step, error_type, message) = failure_of(&world, &document.to_string()).await;
    assert_eq!(world.simulation.journal.count(REGENERATE), 0, "it would be dead where it is stored: {message}");
    assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "DocumentInvalid"), "{message}");
    assert!(message.contains("instead of credentials"), "{message}");
}

#[tokio::test]
async fn admin_credentials_that_the_document_also_rotates_are_rejected() {
    for (id, secret) in [(CLIENT_ID, CLIENT_SECRET), (SECOND_ID, SECOND_SECRET)] {
        let world = World::new().await;
        world.simulation.genesys.add_client(OAuthClient::new(SECOND_ID, SECOND_SECRET));
        let admin = json!({"region": "mypurecloud.ie", "client_id": id, "client_secret": secret});
        world.create(ADMIN, &admin).await;
        world.create(SECRET, &Mode::Alternating.document()).await;
        let (step, error_type, message) = failure(&world).await;
        assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "DocumentInvalid"), "{message}");
        assert!(message.contains(ADMIN) && message.contains("also rotates"), "{message}");
        assert_eq!(world.simulation.journal.count(REGENERATE), 0);
    }
}

#[tokio::test]
async fn a_late_finish_keeps_the_intent_of_the_next_rotation() {
    let world = world(Mode::InPlace, 0).await;
    let former = world.holder("AWSCURRENT").expect("a current version").id;
    let version = version_id();
    // The new secret is made and written down, and the function dies.
    world.simulation.faults.add(Fault::once("PutSecretValue", Effect::KillAfter).after(2));
    assert!(!world.rotate_to(SECRET, &version).await.succeeded);
    world.expire_lease().await;
    assert!(!world.stored_client_works() && world.holder("ROTATOR_AHEAD").is_some());
    let late = world.invoke("finishSecret", SECRET, &former).await.expect("it was promoted long ago");
    assert_eq!(late["outcome"], "already_done");
    assert!(world.holder("ROTATOR_AHEAD").is_some(), "the new secret is nowhere else");
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        world.invoke(step, SECRET, &version).await.expect("the retry succeeds");
    }
    assert!(world.stored_client_works() && world.stored_token_works());
    assert!(world.holder("ROTATOR_AHEAD").is_none());
}

#[tokio::test]
async fn a_stale_read_of_the_previous_version_selects_no_idle_client() {
    let world = world(Mode::Alternating, 0).await;
    assert!(world.rotate().await.succeeded);
    let former = world.holder("AWSPREVIOUS").expect("a former version");
    let stale = json!({
        "ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:genesys/token", "Name": SECRET, "VersionId": former.id,
        "SecretString": former.value, "VersionStages": ["AWSCURRENT"], "CreatedDate": 1_700_000_000.0,
    });
    let answer = FaultAnswer::new(StatusCode::OK, "application/x-amz-json-1.1", stale.to_string());
    world.simulation.faults.add(Fault::once("GetSecretValue", Effect::Answer(answer)));
    let in_use = world.current()["client_id"].clone();
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    assert_ne!(world.current()["client_id"], in_use, "the other client got the new secret");
    assert!(world.stored_client_works() && world.stored_token_works());
}

/// An in-place rotation that was killed after the new secret was in the write-ahead entry.
async fn killed_after_the_regeneration() -> (World, String) {
    let (world, version) = (world(Mode::InPlace, 0).await, version_id());
    world.simulation.faults.add(Fault::once("PutSecretValue", Effect::KillAfter).after(2));
    assert!(!world.rotate_to(SECRET, &version).await.succeeded);
    world.expire_lease().await;
    world.simulation.journal.clear();
    (world, version)
}

fn answer(status: StatusCode, body: &Value) -> Effect {
    Effect::Answer(FaultAnswer::new(status, "application/json", body.to_string()))
}

#[tokio::test]
async fn a_new_secret_that_could_not_be_tried_is_not_regenerated() {
    let invalid = || answer(StatusCode::BAD_REQUEST, &json!({"error": "invalid_client"}));
    let refused = || answer(StatusCode::UNAUTHORIZED, &json!({"status": 401, "code": "ip.not.authorized"}));
    // The new secret is tried first, then the old one.
    for answers in [vec![refused()], vec![invalid(), refused()]] {
        let (world, version) = killed_after_the_regeneration().await;
        for answer in answers {
            world.simulation.faults.add(Fault::once("POST /oauth/token", answer));
        }
        let (error_type, message) = world.invoke("createSecret", SECRET, &version).await.expect_err("it is refused");
        assert_eq!(error_type, "IpNotAuthorized", "{message}");
        assert_eq!(world.simulation.journal.count(REGENERATE), 0);
        world.resume(&version).await;
        assert!(world.stored_client_works() && world.stored_token_works());
    }
}

#[tokio::test]
async fn a_new_secret_is_awaited_if_the_token_that_regenerates_it_is_rejected() {
    let (world, version) = killed_after_the_regeneration().await;
    // The new secret has not propagated yet.
    let rejected = answer(StatusCode::BAD_REQUEST, &json!({"error": "invalid_client"}));
    world.simulation.faults.add(Fault::once("POST /oauth/token", rejected));
    let rejected = json!({"status": 401, "code": "bad.credentials", "message": "no"});
    world.simulation.faults.add(Fault::once(REGENERATE, answer(StatusCode::UNAUTHORIZED, &rejected)));
    world.resume(&version).await;
    assert_eq!(world.simulation.journal.count(REGENERATE), 1);
    assert!(world.stored_client_works() && world.stored_token_works());
}

#[tokio::test]
async fn a_new_secret_is_not_awaited_after_another_failure_to_regenerate_it() {
    let (world, version) = killed_after_the_regeneration().await;
    let rejected = answer(StatusCode::BAD_REQUEST, &json!({"error": "invalid_client"}));
    world.simulation.faults.add(Fault::once("POST /oauth/token", rejected));
    let refusal = json!({"status": 403, "code": "not.authorized", "message": "no"});
    world.simulation.faults.add(Fault::once(REGENERATE, answer(StatusCode::FORBIDDEN, &refusal)));
    let (error_type, message) = world.invoke("createSecret", SECRET, &version).await.expect_err("it is refused");
    assert_eq!(error_type, "PermissionMissing", "{message}");
    world.resume(&version).await;
    assert!(world.stored_client_works() && world.stored_token_works());
}

#[tokio::test]
async fn a_new_secret_whose_write_has_no_answer_keeps_the_lease_to_its_end() {
    let world = world(Mode::Alternating, 0).await;
    let version = staged_empty(&world).await;
    // The first write takes the lease.
    world.simulation.faults.add(Fault::always("PutSecretValue", Effect::Drop).after(1));
    world.invoke("createSecret", SECRET, &version).await.expect_err("the new version is not stored");
    let lease = world.holder("ROTATOR_LEASE").expect("a lease").id;
    assert!(lease.starts_with("lease-"), "the lease was released to {lease}");
}
