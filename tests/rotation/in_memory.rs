//! Every kind of token and of client-secret rotation, with the in-memory store.

use futures_util::FutureExt;
use genesys_rotator::platform::{Endpoints, Platforms};
use genesys_rotator::rotation::{
    Deadline, ErrorKind, RetryPolicy, Rotator, SecretId, SecretStore, StagedBy, Step, StepRequest, SystemClock,
    VersionId, VersionSelector, WriteAhead,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use genesys_rotator::store::memory::MemoryStore;
use simulators::faults::{Effect, Fault};
use simulators::genesys::OAuthClient;

use super::modes::{ADMIN, ADMIN_ID, ADMIN_SECRET, LONG_LIVED, Mode, SECOND_ID, SECOND_SECRET, admin};
use super::*;

async fn read(store: &MemoryStore, secret: &SecretId) -> Value {
    let value = store.read(secret, VersionSelector::Current).await.expect("it can be read").expect("a value");
    serde_json::from_str(value.text.expose_secret()).expect("it is JSON")
}

pub fn rotator<S>(world: &World, store: S) -> Rotator<S, Platforms, SystemClock> {
    let url = world.simulation.genesys_url();
    let endpoints = Endpoints::from_lookup(|name| name.starts_with("ROTATOR_").then(|| url.clone()));
    Rotator::new(store, Platforms::new(endpoints.expect("loopback may be named")), SystemClock)
}

#[tokio::test]
async fn every_token_kind_and_mode_rotates_in_memory() {
    let world = World::new().await;
    world.simulation.genesys.set(|settings| settings.unpublished_endpoints = true);
    let store = MemoryStore::new();
    store.create(SecretId::new(ADMIN), SecretString::from(admin().to_string()));
    let rotator = rotator(&world, store);
    for mode in [Mode::Generated, Mode::ApiToken, Mode::Alternating, Mode::InPlace, Mode::AccessKeys] {
        for (id, secret) in [(CLIENT_ID, CLIENT_SECRET), (SECOND_ID, SECOND_SECRET), (ADMIN_ID, ADMIN_SECRET)] {
            world.simulation.genesys.add_client(OAuthClient::new(id, secret));
        }
        let secret = SecretId::new(format!("{mode:?}"));
        rotator.store.create(secret.clone(), SecretString::from(mode.document().to_string()));
        for _ in 0..3 {
            let plenty = Deadline::after(Duration::from_secs(60));
            let former = read(&rotator.store, &secret).await;
            let report = rotator.rotate(&secret, VersionId::random(), plenty, |_| {}).await;
            assert!(report.promoted(), "{mode:?}: {report:?}");
            let current = read(&rotator.store, &secret).await;
            let live = [world.simulation.genesys.live_tokens(), world.simulation.cxone.live_tokens()].concat();
            assert!(live.iter().any(|token| current["access_token"] == **token), "{mode:?}");
            assert_ne!(current["access_token"], former["access_token"]);
            let renews = current["rotate"] == "client_secret";
            let is_new = |field: &str| current[field] != former[field];
            assert_eq!(is_new("client_secret") || is_new("access_key_secret"), renews, "{mode:?}");
        }
    }
}

/// Promotes a version as another process does, and removes its pending label.
async fn promote(store: &MemoryStore, secret: &SecretId, version: &VersionId) {
    let over = store.read(secret, VersionSelector::Current).await.expect("a readable secret").expect("a value");
    store.promote(secret, version, &over).await.expect("the version is promoted");
    store.unstage(secret, version).await.expect("the pending label is removed");
}

#[tokio::test]
async fn a_rotation_starts_over_if_others_outrun_its_version() {
    for is_resumed in [true, false] {
        rotate_while_others_outrun(is_resumed).await;
    }
}

async fn rotate_while_others_outrun(is_resumed: bool) {
    let world = World::new().await;
    let store = MemoryStore::new();
    let (secret, staged) = (SecretId::new(SECRET), VersionId::random());
    let fresh = if is_resumed { VersionId::random() } else { staged.clone() };
    store.create(secret.clone(), SecretString::from(document().to_string()));
    let retries = RetryPolicy { settling_retries: 0, ..RetryPolicy::default() };
    let rotator = rotator(&world, store).with_retries(retries);
    let plenty = Deadline::after(Duration::from_secs(60));
    let (request, rotation_token) = (secret.clone(), None);
    let request =
        StepRequest { secret: request, version: staged.clone(), rotation_token, staged_by: StagedBy::Rotator };
    if is_resumed {
        rotator.step(Step::Create, &request, plenty).await.expect("the version is staged");
    }

    // Before finishSecret, others promote that version and two more: it then has no label.
    let mut others = vec![VersionId::random(), VersionId::random()];
    let report = rotator.rotate(&secret, fresh, plenty, |step| {
        if step != Step::Finish || others.is_empty() {
            return;
        }
        let outrun = async {
            promote(&rotator.store, &secret, &staged).await;
            for other in others.drain(..) {
                let value = SecretString::from(document().to_string());
                rotator.store.stage(&secret, &other, &value, None).await.expect("another version is staged");
                promote(&rotator.store, &secret, &other).await;
            }
        };
        outrun.now_or_never().expect("the store in memory answers at once");
    });
    let report = report.await;
    assert!(report.promoted(), "{report:?}");
    assert_ne!(report.version, Some(staged));
    let token = read(&rotator.store, &secret).await["access_token"].clone();
    assert!(world.simulation.genesys.live_tokens().iter().any(|live| token == **live));
}

#[tokio::test]
async fn the_write_ahead_entry_of_an_interrupted_rotation_is_named_and_used() {
    let world = World::new().await;
    let (store, secret) = (MemoryStore::new(), SecretId::new(SECRET));
    let mut document = Mode::InPlace.document();
    document["client_secret"] = json!("hush-hush-replaced-by-the-interrupted-one");
    store.create(secret.clone(), SecretString::from(document.to_string()));
    let entry = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "token": "unknown"}).to_string();
    store.write_intent(&secret, &VersionId::random(), &entry.into(), None).await.expect("the entry is written");
    let (rotator, deadline) = (rotator(&world, store), Deadline::after(Duration::from_secs(60)));
    let error = rotator.check(&secret, deadline).await.expect_err("the stored secret is rejected");
    assert!(error.hint().contains("ROTATOR_AHEAD"), "{}", error.hint());
    let report = rotator.rotate(&secret, VersionId::random(), deadline, |_| {}).await;
    assert!(report.promoted(), "{report:?}");
    assert_eq!(read(&rotator.store, &secret).await["client_secret"], CLIENT_SECRET);
    assert_eq!(rotator.store.read_intent(&secret).await.expect("a readable store").map(|_| ()), None);
}

#[tokio::test]
async fn a_rotation_that_cannot_describe_its_secret_fails() {
    let world = World::new().await;
    let (rotator, deadline) = (rotator(&world, MemoryStore::new()), Deadline::after(Duration::from_secs(60)));
    let report = rotator.rotate(&SecretId::new("unknown"), VersionId::random(), deadline, |_| {}).await;
    assert_eq!(report.error.map(|error| error.kind()), Some(ErrorKind::SecretNotFound));
}

#[tokio::test]
async fn a_request_without_an_answer_before_the_deadline_may_have_issued_a_token() {
    let world = World::new().await;
    world.simulation.genesys.set(|settings| settings.unpublished_endpoints = true);
    let (store, secret) = (MemoryStore::new(), SecretId::new(SECRET));
    store.create(secret.clone(), SecretString::from(Mode::Generated.document().to_string()));
    world.simulation.faults.add(Fault::always(LONG_LIVED[0], Effect::Hang));
    // A request ends by itself after 10 s.
    let deadline = Deadline::after(Duration::from_secs(6));
    let report = rotator(&world, store).rotate(&secret, VersionId::random(), deadline, |_| {}).await;
    let error = report.error.expect("the request has no answer");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert!(error.hint().contains("may have issued a token"), "{}", error.hint());
}

#[tokio::test]
async fn a_write_ahead_entry_with_the_current_secret_does_not_replace_a_regeneration() {
    let world = World::new().await;
    let (store, secret) = (MemoryStore::new(), SecretId::new(SECRET));
    store.create(secret.clone(), SecretString::from(Mode::InPlace.document().to_string()));
    let entry = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "token": "unknown"}).to_string();
    store.write_intent(&secret, &VersionId::random(), &entry.into(), None).await.expect("the entry is written");
    let (rotator, deadline) = (rotator(&world, store), Deadline::after(Duration::from_secs(60)));
    let report = rotator.rotate(&secret, VersionId::random(), deadline, |_| {}).await;
    assert!(report.promoted(), "{report:?}");
    assert_ne!(read(&rotator.store, &secret).await["client_secret"], CLIENT_SECRET);
}

#[tokio::test]
async fn a_token_that_readers_still_get_is_not_revoked() {
    let world = World::new().await;
    let (store, secret) = (MemoryStore::new(), SecretId::new(SECRET));
    store.create(secret.clone(), SecretString::from(document().to_string()));
    let (rotator, deadline) = (rotator(&world, store), Deadline::after(Duration::from_secs(60)));
    assert!(rotator.rotate(&secret, VersionId::random(), deadline, |_| {}).await.promoted());
    let previous = rotator.previous_tokens(&secret, deadline).await.expect("it can be read").expect("a document");
    let error = rotator.revoke_replaced(&secret, &previous, deadline).await.expect_err("no rotation followed");
    assert_eq!(error.kind(), ErrorKind::StoreConflict, "{error}");
    assert_eq!(world.simulation.genesys.live_tokens().len(), 1);
}
