//! Answers of a store that are refused, lost or stale, and writes of other rotations in between.

use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use genesys_rotator::rotation::{
    Deadline, ErrorKind, PENDING, Place, RetryPolicy, RotationError, Rotator, SecretId, SecretStore, StagedBy, Step,
    StepOutcome, StepRequest, TokenIssuer, VersionId, VersionSelector,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use genesys_rotator::store::memory::MemoryStore;
use tokio::time::Instant;

use super::modes::Mode;
use super::slow::{Hook, MINUTE, Platform, SlowStore, Stale, TokioClock};
use super::*;

type SlowRotator = Rotator<SlowStore, Platform, TokioClock>;

/// A rotator whose store holds this document.
fn rotator(document: &Value) -> (SlowRotator, SecretId) {
    let rotator = Rotator::new(SlowStore::default(), Platform::new(), TokioClock::start());
    let retries = RetryPolicy { transient_retries: u32::MAX, jitter: || 1.0, ..RetryPolicy::default() };
    let secret = SecretId::new(SECRET);
    rotator.store.memory.create(secret.clone(), SecretString::from(document.to_string()));
    (rotator.with_retries(retries), secret)
}

fn hook(rotator: &SlowRotator, call: &'static str, hook: Hook) {
    rotator.store.hooks.lock().expect("no panic").insert(call, hook);
}

fn request(secret: &SecretId) -> StepRequest {
    let (secret, version) = (secret.clone(), VersionId::random());
    StepRequest { secret, version, rotation_token: None, staged_by: StagedBy::Rotator }
}

async fn value(store: &MemoryStore, secret: &SecretId, selector: VersionSelector<'_>) -> Value {
    let stored = store.read(secret, selector).await.expect("a readable secret").expect("a value");
    serde_json::from_str(stored.text.expose_secret()).expect("JSON")
}

/// Makes `document` the current value, as an operator or another rotation does.
fn store_as_current(store: &MemoryStore, secret: &SecretId, version: &VersionId, document: &Value) {
    let (value, current) = (SecretString::from(document.to_string()), VersionSelector::Current);
    let stored = async {
        let over = store.read(secret, current).await.expect("a readable secret").expect("a value");
        store.stage(secret, version, &value, None).await.expect("nothing else is staged");
        store.promote(secret, version, &over).await.expect("a promotion");
    };
    stored.now_or_never().expect("the store in memory answers at once");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_cannot_drop_a_rejected_version_fails_with_the_answer_of_the_store() {
    let (rotator, secret) = rotator(&document());
    let (staged, deadline) = (request(&secret), Deadline::after(MINUTE));
    rotator.step(Step::Create, &staged, deadline).await.expect("the version is staged");
    let token = value(&rotator.store.memory, &secret, VersionSelector::Pending(&staged.version)).await;
    let token = SecretString::from(token["access_token"].as_str().expect("a token"));
    let place = Place::GenesysCloud { region: "mypurecloud.ie".to_owned() };
    rotator.issuer.revoke(&place, &token).await.expect("the token is revoked");
    let denied = || RotationError::new(ErrorKind::StoreDenied, "the label may not be moved");
    hook(&rotator, "unstage", Box::new(move |_| Err(denied())));
    let report = rotator.rotate(&secret, VersionId::random(), deadline, |_| {}).await;
    assert_eq!(report.error.map(|error| error.kind()), Some(ErrorKind::StoreDenied));
}

#[tokio::test(start_paused = true)]
async fn the_holder_of_a_lease_requests_no_client_secret_in_the_last_part_of_its_lease() {
    let (rotator, secret) = rotator(&Mode::InPlace.document());
    rotator.issuer.is_silent.store(true, Ordering::Relaxed);
    let began = Instant::now();
    let report = rotator.rotate(&secret, VersionId::random(), Deadline::after(3 * MINUTE), |_| {}).await;
    assert!(!report.promoted());
    let requests = rotator.issuer.regenerations.lock().expect("no panic").clone();
    let last = requests.last().expect("a request").duration_since(began);
    // The lease lasts 45 s. The last 15 s are for late requests, and the 10 s before for storing the new secret.
    assert!((10..20).contains(&last.as_secs()), "the last request was sent after {last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_works_from_a_read_that_shows_its_own_lease() {
    let (rotator, secret) = rotator(&Mode::InPlace.document());
    let (store, create, deadline) = (&rotator.store, request(&secret), Deadline::after(MINUTE));
    let described = store.memory.describe(&secret).await.expect("a description");
    let current = store.memory.read(&secret, VersionSelector::Current).await.expect("a readable secret");
    // The operator edits the document before the lease is taken, and for a moment reads return the state before.
    let mut edited = Mode::InPlace.document();
    edited["notes"] = json!("edited");
    let (of, document) = (secret.clone(), edited);
    hook(
        &rotator,
        "take_lease",
        Box::new(move |memory| {
            store_as_current(memory, &of, &VersionId::random(), &document);
            Ok(())
        }),
    );
    let until = Instant::now() + Duration::from_millis(50);
    store.stale.lock().expect("no panic").replace(Stale {
        until,
        described: Some(described),
        current: current.expect("a value"),
    });
    rotator.step(Step::Create, &create, deadline).await.expect("the version is staged");
    let staged = value(&store.memory, &secret, VersionSelector::Pending(&create.version)).await;
    assert_eq!(staged["notes"], "edited");
    assert_eq!(rotator.issuer.regenerations.lock().expect("no panic").len(), 1);
}

fn unanswered() -> RotationError {
    RotationError::new(ErrorKind::StoreUnavailable, "no answer")
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_write_without_an_answer_is_revoked_if_another_call_staged_its_value_first() {
    let (rotator, secret) = rotator(&document());
    let (create, deadline) = (request(&secret), Deadline::after(MINUTE));
    let (of, version) = (secret.clone(), create.version.clone());
    let mut other = document();
    other["access_token"] = json!("the-token-of-another-call");
    let other = SecretString::from(other.to_string());
    hook(
        &rotator,
        "stage",
        Box::new(move |memory| {
            let staged = memory.stage(&of, &version, &other, None).now_or_never();
            staged.expect("the store in memory answers at once").expect("nothing else is staged");
            Err(unanswered())
        }),
    );
    let report = rotator.step(Step::Create, &create, deadline).await.expect("another call has done the step");
    assert_eq!(report.outcome, StepOutcome::AlreadyDone);
    assert!(rotator.issuer.tokens().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_write_without_an_answer_is_kept_if_another_rotation_promoted_it() {
    let (rotator, secret) = rotator(&document());
    let (create, deadline) = (request(&secret), Deadline::after(MINUTE));
    let (of, version) = (secret.clone(), create.version.clone());
    hook(
        &rotator,
        "staged",
        Box::new(move |memory| {
            let promote = async {
                let over = memory.read(&of, VersionSelector::Current).await?.expect("a value");
                memory.promote(&of, &version, &over).await
            };
            // Fails for a version that is promoted already.
            let _ = promote.now_or_never().expect("the store in memory answers at once");
            Err(unanswered())
        }),
    );
    let report = rotator.step(Step::Create, &create, deadline).await.expect("the version is stored");
    assert_eq!(report.outcome, StepOutcome::Done);
    let current = value(&rotator.store.memory, &secret, VersionSelector::Current).await;
    assert_eq!(rotator.issuer.tokens(), [current["access_token"].as_str().expect("a token")]);
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_version_that_another_rotation_replaced_is_revoked() {
    let (rotator, secret) = rotator(&document());
    let (memory, first) = (&rotator.store.memory, VersionId::random());
    let report = rotator.rotate(&secret, first.clone(), Deadline::after(MINUTE), |step| {
        let described = memory.describe(&secret).now_or_never().expect("an answer").expect("a description");
        if step == Step::Test && described.holder(PENDING) == Some(&first) {
            memory.unstage(&secret, &first).now_or_never().expect("an answer").expect("the label is removed");
            memory.stage_empty(&secret, &VersionId::random()).expect("another version is staged");
        }
    });
    assert!(report.await.promoted());
    let current = value(memory, &secret, VersionSelector::Current).await;
    assert_eq!(rotator.issuer.tokens(), [current["access_token"].as_str().expect("a token")]);
}
