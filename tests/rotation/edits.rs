//! Edits, interrupted in-place rotations and stale reads: nothing is lost, and no dead client secret is promoted.

use super::concurrency::{stage as staged_empty, store_as_current};
use super::modes::{Mode, SECOND_ID, world};
use super::*;
use reqwest::StatusCode;
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;

const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";
const BY_HAND: &str = "hush-hush-made-by-hand-0123456789";

fn rejected() -> Effect {
    let body = r#"{"status":401,"code":"bad.credentials","message":"Invalid login credentials."}"#;
    Effect::Answer(FaultAnswer::new(StatusCode::UNAUTHORIZED, "application/json", body))
}

#[tokio::test]
async fn an_edit_between_any_two_steps_survives() {
    for mode in [None, Some(Mode::Alternating), Some(Mode::InPlace)] {
        for steps in 1..=3 {
            let world = match mode {
                Some(mode) => world(mode, 0).await,
                None => World::with_secret().await,
            };
            let version = staged_empty(&world).await;
            for step in &["createSecret", "setSecret", "testSecret"][..steps] {
                world.invoke(step, SECRET, &version).await.expect("the step succeeds");
            }
            let mut edited = world.current();
            edited["probes"] = json!(["GET /api/v2/users?pageSize=1"]);
            store_as_current(&world, &edited).await;
            let (error_type, message) = world.invoke("finishSecret", SECRET, &version).await.expect_err("an edit");
            assert!(error_type == "StoreConflict" && message.contains("rotate again"), "{mode:?} {steps}: {message}");
            assert_eq!(world.current(), edited, "{mode:?} after {steps} steps");
            assert!(world.holder("AWSPENDING").is_none());
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{mode:?} after {steps} steps: {outcome:?}");
            assert_eq!(world.current()["probes"], edited["probes"]);
            assert!(world.stored_client_works() && world.stored_token_works(), "{mode:?} after {steps} steps");
        }
    }
}

/// The operator regenerates the secret of client `id` by hand, and stores it. Returns the document.
async fn regenerate_by_hand(world: &World, id: &str) -> Value {
    world.simulation.genesys.add_client(OAuthClient::new(id, BY_HAND));
    let mut edited = world.current();
    if edited["client_id"] == id {
        edited["client_secret"] = json!(BY_HAND);
    }
    let clients = edited.get_mut("clients").and_then(Value::as_array_mut).into_iter().flatten();
    for entry in clients.filter(|entry| entry["client_id"] == id) {
        entry["client_secret"] = json!(BY_HAND);
    }
    store_as_current(world, &edited).await;
    edited
}

#[tokio::test]
async fn a_client_secret_that_the_operator_regenerates_and_stores_survives() {
    for (mode, id) in [(Mode::Alternating, CLIENT_ID), (Mode::Alternating, SECOND_ID), (Mode::InPlace, CLIENT_ID)] {
        for keeps_lease in [false, true] {
            let world = world(mode, 0).await;
            let version = staged_empty(&world).await;
            if keeps_lease {
                let body = r#"{"__type":"AccessDeniedException","Message":"no"}"#;
                let denied = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", body);
                // The first call takes the lease.
                let fault = Fault::always("UpdateSecretVersionStage", Effect::Answer(denied));
                world.simulation.faults.add(fault.after(1));
            }
            for step in ["createSecret", "setSecret", "testSecret"] {
                world.invoke(step, SECRET, &version).await.expect("the step succeeds");
            }
            world.simulation.faults.clear();
            world.expire_lease().await;
            let edited = regenerate_by_hand(&world, id).await;
            world.invoke("finishSecret", SECRET, &version).await.expect_err("the current version was edited");
            assert_eq!(world.current(), edited, "{mode:?} {id} {keeps_lease}");
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{mode:?} {id} {keeps_lease}: {outcome:?}");
            assert!(world.stored_client_works() && world.stored_token_works(), "{mode:?} {id} {keeps_lease}");
        }
    }
}

#[tokio::test]
async fn an_interrupted_in_place_rotation_heals_after_the_operator_edits_the_document() {
    let world = world(Mode::InPlace, 0).await;
    let mut document = world.current();
    document["probes"] = json!(["GET /api/v2/users?pageSize=1"]);
    store_as_current(&world, &document).await;
    // The probe succeeds with the old secret's token, and fails in testSecret.
    world.simulation.faults.add(Fault::always("GET /api/v2/users", rejected()).after(1));
    assert!(!world.rotate().await.succeeded);
    world.simulation.faults.clear();
    assert!(!world.stored_client_works(), "the secret was regenerated");
    document["probes"] = json!([]);
    store_as_current(&world, &document).await;
    let version = world.holder("AWSPENDING").expect("a staged version").id;
    world.invoke("createSecret", SECRET, &version).await.expect_err("the document was edited");
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    assert!(world.stored_client_works() && world.stored_token_works());
    assert!(world.holder("ROTATOR_AHEAD").is_none());
}

#[tokio::test]
async fn an_in_place_rotation_that_would_fail_regenerates_nothing() {
    let versions = |count: usize| json!({"versions": count});
    let cases = [
        (json!({"probes": ["GET /api/v2/unknown"]}), "ProbeFailed"),
        (json!({"notes": "x".repeat(64_500)}), "DocumentInvalid"),
        (versions(97), "DocumentInvalid"),
    ];
    for (fields, expected) in cases {
        let world = world(Mode::InPlace, 0).await;
        let mut document = world.current();
        document.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        store_as_current(&world, &document).await;
        while world.versions(SECRET).len() < fields["versions"].as_u64().unwrap_or_default() as usize {
            store_as_current(&world, &document).await;
        }
        world.simulation.journal.clear();
        let outcome = world.rotate().await;
        assert_eq!(outcome.failures[0].1.error_type, expected, "{outcome:?}");
        assert_eq!(world.simulation.journal.count(REGENERATE), 0, "{expected}");
        assert!(world.stored_client_works(), "{expected}");
        let live = world.simulation.genesys.live_tokens().len();
        assert!(live <= 2, "{expected}: {live} tokens of attempts are valid");
    }
}

#[tokio::test]
async fn a_large_document_is_rotated_in_place() {
    let world = world(Mode::InPlace, 0).await;
    let mut document = world.current();
    document["notes"] = json!("x".repeat(60_000));
    store_as_current(&world, &document).await;
    let outcome = world.rotate().await;
    assert!(outcome.succeeded && world.stored_client_works(), "{outcome:?}");
}

#[tokio::test]
async fn a_dead_secret_in_the_write_ahead_entry_is_regenerated() {
    let world = world(Mode::InPlace, 0).await;
    let version = version_id();
    // The new secret is regenerated and written ahead, and the function dies.
    world.simulation.faults.add(Fault::once("PutSecretValue", Effect::KillAfter).after(2));
    assert!(!world.rotate_to(SECRET, &version).await.succeeded);
    world.expire_lease().await;
    let ahead = world.holder("ROTATOR_AHEAD").and_then(|version| version.value).expect("an entry");
    assert!(ahead.contains("client_secret") && !world.stored_client_works());
    // A person regenerates the secret and does not store it.
    world.simulation.genesys.add_client(OAuthClient::new(CLIENT_ID, BY_HAND));
    world.resume(&version).await;
    assert!(world.stored_client_works() && world.stored_token_works());
    assert!(world.holder("ROTATOR_AHEAD").is_none());
}

#[tokio::test]
async fn failed_in_place_attempts_leave_one_token() {
    let world = world(Mode::InPlace, 0).await;
    let before = world.simulation.genesys.live_tokens().len();
    let version = staged_empty(&world).await;
    let refused = FaultAnswer::new(StatusCode::FORBIDDEN, "application/json", r#"{"code":"missing.any.permissions"}"#);
    world.simulation.faults.add(Fault::always(REGENERATE, Effect::Answer(refused)));
    for _ in 0..5 {
        world.invoke("createSecret", SECRET, &version).await.expect_err("the secret is not regenerated");
    }
    let live = world.simulation.genesys.live_tokens().len() - before;
    assert_eq!(live, 1, "the token of the write-ahead entry");
    world.simulation.faults.clear();
    world.resume(&version).await;
    assert!(world.stored_client_works() && world.stored_token_works());
}

#[tokio::test]
async fn reads_that_are_stale_together_select_the_idle_client() {
    for stale_reads in 1..=8 {
        let world = world(Mode::Alternating, 0).await;
        world.simulation.secrets_manager.set(|settings| settings.stale_reads = stale_reads);
        for _ in 0..2 {
            let in_use = world.current()["client_id"].clone();
            let outcome = world.rotate().await;
            assert!(world.stored_client_works() && world.stored_token_works(), "{stale_reads} stale reads");
            assert!(!outcome.succeeded || world.current()["client_id"] != in_use, "{stale_reads} stale reads");
        }
    }
}

#[tokio::test]
async fn a_regenerate_without_an_answer_is_repeated() {
    let world = world(Mode::Alternating, 0).await;
    world.simulation.faults.add(Fault::once(REGENERATE, Effect::Drop));
    world.simulation.journal.clear();
    let outcome = world.rotate().await;
    assert!(outcome.succeeded && world.stored_client_works(), "{outcome:?}");
    assert_eq!(world.simulation.journal.count(REGENERATE), 2);
}
