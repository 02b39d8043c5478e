//! Alternating access keys of NICE CXone.

use super::bad_input::failure_of;
use super::cxone::{CLIENT, KEY, back_end};
use super::modes::web_page;
use super::*;
use futures_util::future::join_all;
use reqwest::StatusCode;
use simulators::cxone::AccessKey;
use simulators::faults::{Effect, Fault, FaultAnswer};

const CREATE: &str = "POST /access-key-management/v1/access-keys";
const DELETE: &str = "DELETE /access-key-management/v1/access-keys/{id}";
const LIST: &str = "GET /access-key-management/v1/access-keys";
const OWNER: &str = "GET /access-key-management/v1/access-keys/{id}";
const BUSINESS_UNIT: &str = "GET /incontactapi/services/v27.0/business-unit";
const ADMIN: &str = "cxone/admin";
const ADMIN_KEY: (&str, &str) = ("ADMINISTRATORSKEYID====", "HUSHHUSHADMINISTRATORS0123456789====");

fn rotating() -> Value {
    let mut document = back_end();
    document["rotate"] = json!("client_secret");
    document
}

fn user_hub() -> Value {
    json!({
        "platform": "nice-cxone", "area": "na1", "accessKeyId": KEY.0, "accessKeySecret": KEY.1, "rotate": "client_secret",
    })
}

impl World {
    fn key_ids(&self) -> Vec<String> {
        self.simulation.cxone.access_keys().into_iter().map(|key| key.id).collect()
    }
}

/// The ids in the list of a document, in its order.
fn listed(document: &Value) -> Vec<&str> {
    let entries = document["clients"].as_array().expect("a list");
    entries.iter().map(|entry| entry["access_key_id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn the_present_and_the_former_key_work_and_the_one_before_is_deleted() {
    let world = World::new().await;
    world.create(SECRET, &rotating()).await;
    let mut former = KEY.0.to_owned();
    for round in 0..4 {
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{outcome:?}");
        let current = world.current();
        let present = current["access_key_id"].as_str().expect("an id").to_owned();
        let mut expected = vec![former.clone(), present.clone()];
        expected.sort();
        assert_eq!(world.key_ids(), expected, "round {round}");
        let mut ids = listed(&current);
        ids.sort_unstable();
        assert_eq!(ids, expected);
        assert_eq!((&current["client_id"], &current["ours"]), (&json!(CLIENT.0), &json!(1)));
        former = present;
    }
    world.assert_clean();
}

#[tokio::test]
async fn names_of_fields_are_kept() {
    let world = World::new().await;
    world.create(SECRET, &user_hub()).await;
    for _ in 0..2 {
        assert!(world.rotate().await.succeeded);
    }
    let current = world.current();
    assert!(current["access_key_id"].is_null() && current["accessKeyId"] != KEY.0, "{current}");
    assert!(listed(&current).contains(&current["accessKeyId"].as_str().expect("an id")));
}

#[tokio::test]
async fn another_user_may_manage_the_keys() {
    let world = World::new().await;
    let admin = AccessKey { user_id: "the-administrator".to_owned(), ..AccessKey::new(ADMIN_KEY.0, ADMIN_KEY.1) };
    world.simulation.cxone.add_access_key(admin);
    let mut document = back_end();
    (document["access_key_id"], document["access_key_secret"]) = (json!(ADMIN_KEY.0), json!(ADMIN_KEY.1));
    document["rotates"] = json!([AccessKey::new(KEY.0, KEY.1).user_id]);
    world.create(ADMIN, &document).await;
    let mut document = rotating();
    document["admin_credentials"] = json!(ADMIN);
    world.create(SECRET, &document).await;
    for _ in 0..3 {
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{outcome:?}");
    }
    let keys = world.simulation.cxone.access_keys();
    let whose: Vec<_> = keys.iter().map(|key| key.user_id == "the-administrator").collect();
    assert_eq!(whose.iter().filter(|admins| **admins).count(), 1, "the administrator got no key");
    assert_eq!(keys.len(), 3);
    let logs = world.logs().join("\n");
    assert!(!logs.contains(ADMIN_KEY.1) && keys.iter().all(|key| !logs.contains(&key.secret)));
}

#[tokio::test]
async fn turns_add_sixteen_round_trips() {
    let world = World::new().await;
    world.create(SECRET, &rotating()).await;
    // What was discovered is known from the second rotation on.
    assert!(world.rotate().await.succeeded);
    world.simulation.faults.add(Fault::always("*", Effect::Delay(Duration::from_millis(25))));
    world.simulation.journal.clear();
    assert!(world.rotate().await.succeeded);
    let chain = world.simulation.journal.longest_chain();
    assert!(chain <= 8 + 16 + 1, "the caller's own request and {chain} more");
}

#[tokio::test]
async fn a_key_that_was_not_known_at_once_is_waited_for() {
    let world = World::new().await;
    world.create(SECRET, &rotating()).await;
    let refused = json!({"error": "invalid_grant"}).to_string();
    let refusal = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/json", refused);
    // The first request is that of the key in use.
    world.simulation.faults.add(Fault::once("POST /auth/token", Effect::Answer(refusal)).after(1));
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    assert_eq!(world.simulation.journal.count(CREATE), 1);
    world.assert_clean();
}

#[tokio::test]
async fn tokens_that_die_with_a_deleted_key_are_nobodys() {
    let world = World::new().await;
    world.simulation.cxone.set(|settings| settings.deactivating_revokes_tokens = true);
    world.create(SECRET, &rotating()).await;
    for _ in 0..3 {
        let former = world.current_token();
        assert!(world.rotate().await.succeeded);
        let live = world.simulation.cxone.live_tokens();
        assert!(live.contains(&world.current_token().expect("a token")));
        assert!(
            former.is_none_or(|former| live.contains(&former)),
            "readers of the former version go on for a rotation"
        );
    }
}

#[tokio::test]
async fn a_key_that_did_not_get_into_the_store_is_deleted() {
    let world = World::new().await;
    world.create(SECRET, &rotating()).await;
    // The new key's token is never given.
    let refused = json!({"error": "forbidden"}).to_string();
    let refusal = FaultAnswer::new(StatusCode::FORBIDDEN, "application/json", refused);
    world.simulation.faults.add(Fault::always("POST /auth/token", Effect::Answer(refusal)).after(1));
    let outcome = world.rotate().await;
    assert!(!outcome.succeeded, "{outcome:?}");
    assert_eq!(world.key_ids(), [KEY.0]);
}

#[tokio::test]
async fn the_key_of_a_version_that_is_dropped_is_deleted() {
    let world = World::new().await;
    world.create(SECRET, &rotating()).await;
    let version = Uuid::new_v4().to_string();
    world.simulation.faults.add(Fault::always(BUSINESS_UNIT, answer(401)));
    assert!(!world.rotate_to(SECRET, &version).await.succeeded);
    assert_eq!(world.key_ids().len(), 2, "the version may still be finished");
    world.simulation.faults.clear();
    let mut edited = rotating();
    edited["ours"] = json!(2);
    let edit = world.aws.put_secret_value().secret_id(SECRET).secret_string(edited.to_string());
    edit.send().await.expect("the secret is edited");
    let (error_type, message) = world.invoke("createSecret", SECRET, &version).await.expect_err("it is unfit");
    assert!(error_type == "StoreConflict" && message.contains("was dropped"), "{message}");
    assert_eq!(world.key_ids(), [KEY.0]);
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    world.assert_clean();
}

fn answer(status: u16) -> Effect {
    let status = StatusCode::from_u16(status).expect("a status");
    Effect::Answer(FaultAnswer::new(status, "application/json", json!({"error": "no"}).to_string()))
}

#[tokio::test]
async fn a_new_key_with_surrounding_whitespace_is_deleted_and_replaced() {
    for (id, secret) in [("KEY ", "HUSH===="), ("KEY====", " HUSH")] {
        let world = World::new().await;
        world.create(SECRET, &rotating()).await;
        let body = json!({"resultSet": {"accessKeyId": id, "accessKeySecret": secret}}).to_string();
        let created = FaultAnswer::new(StatusCode::CREATED, "application/json", body);
        world.simulation.faults.add(Fault::once(CREATE, Effect::Answer(created)));
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{id}: {outcome:?}");
        assert_eq!((world.simulation.journal.count(DELETE), world.simulation.journal.count(CREATE)), (1, 2), "{id}");
        world.assert_clean();
    }
}

#[tokio::test]
async fn an_answer_of_another_server_is_no_rejection() {
    let discovery = "GET /.well-known/openid-configuration";
    let tenant = "GET /.well-known/cxone-configuration";
    for (operation, effect) in [
        (discovery, answer(404)),
        (tenant, web_page(StatusCode::NOT_FOUND)),
        (CREATE, web_page(StatusCode::BAD_REQUEST)),
        (OWNER, web_page(StatusCode::NOT_FOUND)),
        (DELETE, web_page(StatusCode::NOT_FOUND)),
    ] {
        let world = World::new().await;
        world.create(SECRET, &rotating()).await;
        // The first rotation deletes no key.
        assert!(operation != DELETE || world.rotate().await.succeeded);
        world.simulation.faults.add(Fault::once(operation, effect));
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{operation}: {outcome:?}");
        assert_eq!(world.key_ids().len(), 2, "{operation}");
        world.assert_clean();
    }
}

#[tokio::test]
async fn a_missing_permission_is_reported_before_a_key_is_created() {
    for operation in [OWNER, DELETE, CREATE] {
        let world = World::new().await;
        world.create(SECRET, &rotating()).await;
        assert!(world.rotate().await.succeeded);
        let before = world.key_ids();
        world.simulation.journal.clear();
        world.simulation.faults.add(Fault::always(operation, answer(403)));
        let outcome = world.rotate().await;
        let said = format!("{outcome:?}");
        assert!(!outcome.succeeded && said.contains("PermissionMissing") && said.contains("My Access Key"), "{said}");
        assert_eq!(world.simulation.journal.count(CREATE), usize::from(operation == CREATE), "{operation}");
        assert!(world.key_ids().contains(&world.current()["access_key_id"].as_str().expect("an id").to_owned()));
        assert!(world.key_ids().len() <= before.len());
    }
}

#[tokio::test]
async fn a_key_whose_creation_answer_was_lost_is_deleted() {
    // Each rotation waits until the request is no longer carried out.
    join_all([Effect::LoseAnswer, Effect::Drop, answer(502), answer(200)].map(async |effect| {
        let world = World::new().await;
        // A key of the same user that was never used belongs to someone else.
        world.simulation.cxone.add_access_key(AccessKey::new("THEIRS====", "HUSHTHEIRS===="));
        world.create(SECRET, &rotating()).await;
        world.simulation.faults.add(Fault::once(CREATE, effect));
        // Without the list of keys from before, a lost key could not be found.
        world.simulation.faults.add(Fault::once(LIST, answer(503)));
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{outcome:?}");
        let present = world.current()["access_key_id"].as_str().expect("an id").to_owned();
        let mut expected = vec![KEY.0.to_owned(), present, "THEIRS====".to_owned()];
        expected.sort();
        assert_eq!(world.key_ids(), expected);
        world.assert_clean();
    }))
    .await;
}

#[tokio::test]
async fn a_key_that_cannot_be_found_after_a_lost_answer_is_reported_and_no_other_is_created() {
    join_all([(LIST, 0), (LIST, 1), (DELETE, 0)].map(async |(operation, calls_before)| {
        let world = World::new().await;
        world.create(SECRET, &rotating()).await;
        world.simulation.faults.add(Fault::always(operation, answer(403)).after(calls_before));
        world.simulation.faults.add(Fault::once(CREATE, Effect::LoseAnswer));
        let outcome = world.rotate().await;
        let said = format!("{outcome:?}");
        assert!(!outcome.succeeded && said.contains("may have created an access key"), "{operation}: {said}");
        assert!(said.contains("access-keys?userId="), "{operation}: {said}");
        assert_eq!(world.simulation.journal.count(CREATE), 1, "{operation}");
        // The request that created the key may still be carried out.
        let lease = world.holder("ROTATOR_LEASE").expect("a lease").id;
        assert!(lease.starts_with("lease-"), "{operation}: the lease was released to {lease}");
        if operation == DELETE {
            let lost = world.key_ids().into_iter().find(|id| id != KEY.0).expect("a key");
            assert!(said.contains(&lost), "{said}");
        }
    }))
    .await;
}

#[tokio::test]
async fn a_full_set_of_keys_fails_with_a_hint() {
    let world = World::new().await;
    world.simulation.cxone.set(|settings| settings.access_keys_per_user = 1);
    let (step, error_type, message) = failure_of(&world, &rotating().to_string()).await;
    assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "DocumentInvalid"), "{message}");
    assert!(message.contains("another access key") && message.contains("lastUsedDate"), "{message}");
}

#[tokio::test]
async fn a_document_that_cannot_alternate_is_rejected_with_the_reason() {
    let older = json!({
        "platform": "nice-cxone", "realm": "us-22", "client_id": CLIENT.0, "client_secret": CLIENT.1,
        "rotate": "client_secret",
    });
    let list = |ids: &[&str]| {
        let mut document = rotating();
        let entry = |id: &&str| json!({"access_key_id": id, "access_key_secret": KEY.1});
        document["clients"] = ids.iter().map(entry).collect();
        document
    };
    let mut elsewhere = json!({"platform": "nice-cxone", "credentials": "cxone/keys", "rotate": "client_secret"});
    elsewhere["issuer"] = json!("https://cxone.niceincontact.com");
    let rows = [
        (older, "needs an access key"),
        (elsewhere, "needs an access key"),
        (list(&["another"]), "does not match"),
        (list(&["another", "a third"]), "does not match"),
        (list(&[KEY.0, KEY.0]), "does not match"),
        (list(&[KEY.0, "another", "a third"]), "does not match"),
    ];
    for (document, words) in rows {
        let world = World::new().await;
        let (step, error_type, message) = failure_of(&world, &document.to_string()).await;
        assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "DocumentInvalid"), "{document}: {message}");
        assert!(message.contains(words), "{document}: {message}");
        assert_eq!(world.simulation.journal.count(DELETE), 0);
    }
}

#[tokio::test]
async fn admin_credentials_with_the_access_key_that_would_be_deleted_are_rejected() {
    let world = World::new().await;
    world.create(ADMIN, &back_end()).await;
    let mut document = rotating();
    document["admin_credentials"] = json!(ADMIN);
    let (step, error_type, message) = failure_of(&world, &document.to_string()).await;
    assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "DocumentInvalid"), "{message}");
    assert!(message.contains(ADMIN) && message.contains("also rotates"), "{message}");
    assert_eq!(world.key_ids(), [KEY.0]);
}

#[tokio::test]
async fn a_key_whose_version_the_store_refused_is_deleted() {
    for is_too_large in [false, true] {
        let world = World::new().await;
        let mut document = rotating();
        if is_too_large {
            document["notes"] = json!("x".repeat(64_700));
        } else {
            let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
            let denied = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", denied);
            // The first write takes the lease.
            world.simulation.faults.add(Fault::always("PutSecretValue", Effect::Answer(denied)).after(1));
        }
        world.create(SECRET, &document).await;
        let outcome = world.rotate().await;
        assert!(!outcome.succeeded && world.simulation.journal.count(CREATE) == 1, "{outcome:?}");
        assert_eq!(world.key_ids(), [KEY.0], "too large: {is_too_large}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_deleted_is_named_in_the_log() {
    let world = World::new().await;
    world.create(SECRET, &rotating()).await;
    let version = Uuid::new_v4().to_string();
    world.simulation.faults.add(Fault::always(BUSINESS_UNIT, answer(401)));
    assert!(!world.rotate_to(SECRET, &version).await.succeeded);
    world.simulation.faults.clear();
    let new = world.key_ids().into_iter().find(|id| id != KEY.0).expect("the staged key");
    let mut edited = rotating();
    edited["ours"] = json!(2);
    let edit = world.aws.put_secret_value().secret_id(SECRET).secret_string(edited.to_string());
    edit.send().await.expect("the secret is edited");
    world.simulation.faults.add(Fault::always("POST /auth/token", answer(400)));
    world.invoke("createSecret", SECRET, &version).await.expect_err("it is unfit");
    let is_logged = world.logs().into_iter().any(|line| line.contains("could not be deleted") && line.contains(&new));
    assert!(is_logged, "the log must name the key that remains");
}
