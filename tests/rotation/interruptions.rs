//! A rotation whose future is dropped: at every await point, on a store and a platform in memory.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;

use genesys_rotator::rotation::{
    Deadline, PENDING, Rotator, SecretId, SecretStore, VersionId, VersionSelector, WriteAhead,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use genesys_rotator::store::memory::MemoryStore;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::modes::{ADMIN, Mode, admin};
use super::slow::{MINUTE, Platform, SlowStore, Stale, TokioClock};
use super::*;

/// The current and the staged value.
async fn versions(store: &MemoryStore, secret: &SecretId) -> Vec<SecretString> {
    let described = store.describe(secret).await.expect("a description");
    let mut values = Vec::new();
    for selector in [Some(VersionSelector::Current), described.holder(PENDING).map(VersionSelector::Pending)] {
        let Some(selector) = selector else { continue };
        values.extend(store.read(secret, selector).await.expect("a value").map(|stored| stored.text));
    }
    values
}

/// Everything that the store holds, as one text.
async fn stored(store: &MemoryStore, secret: &SecretId) -> String {
    let mut values = versions(store, secret).await;
    values.extend(store.read_intent(secret).await.expect("an entry"));
    values.iter().map(ExposeSecret::expose_secret).collect()
}

/// Asserts that the platform accepts the tokens of the current and the staged version.
async fn assert_stored_tokens_are_valid(rotator: &Rotator<SlowStore, Platform, TokioClock>, secret: &SecretId) {
    for value in versions(&rotator.store.memory, secret).await {
        let document: Value = serde_json::from_str(value.expose_secret()).expect("a document");
        let Some(token) = document["access_token"].as_str() else { continue };
        assert!(rotator.issuer.tokens().iter().any(|valid| valid == token), "the stored token {token} is revoked");
    }
}

/// Polls a future this often and drops it. Returns whether it completed.
async fn poll_and_drop(future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await {
            return true;
        }
        // Renews the budget that tokio gives to a task.
        yield_now().await;
    }
    false
}

/// Interrupts a rotation after `polls` polls. Returns whether it completed before.
async fn interrupt(document: &Value, polls: usize) -> bool {
    let rotator = Rotator::new(SlowStore::default(), Platform::new(), TokioClock::start());
    let (secret, memory) = (SecretId::new(SECRET), &rotator.store.memory);
    memory.create(SecretId::new(ADMIN), SecretString::from(admin().to_string()));
    memory.create(secret.clone(), SecretString::from(document.to_string()));
    let deadline = Deadline::after(MINUTE);
    let rotation = rotator.rotate(&secret, VersionId::random(), deadline, |_| {});
    let completed = poll_and_drop(rotation, polls).await;
    assert!(rotator.roll_back(deadline).await.is_none());
    assert_stored_tokens_are_valid(&rotator, &secret).await;
    let held = stored(memory, &secret).await;
    for token in rotator.issuer.tokens() {
        assert!(held.contains(&token), "after {polls} polls of {document}: {token} is valid and not stored");
    }
    // A key that an interrupted write may have stored is kept.
    if !rotator.store.is_staging.load(Ordering::Relaxed) {
        assert!(rotator.issuer.access_keys().is_empty(), "after {polls} polls of {document}: an unused access key");
    }
    let next = rotator.rotate(&secret, VersionId::random(), Deadline::after(MINUTE), |_| {}).await;
    assert!(next.promoted(), "after {polls} polls of {document}: {next:?}");
    completed
}

#[tokio::test(start_paused = true)]
async fn dropping_a_rotation_at_any_await_point_leaves_no_valid_token_that_is_not_stored() {
    let modes = [Mode::Generated, Mode::Alternating, Mode::InPlace, Mode::AccessKeys].map(Mode::document);
    for document in std::iter::once(document()).chain(modes) {
        let mut polls = 0;
        while !interrupt(&document, polls).await {
            polls += 1;
        }
        assert!(polls > 10, "{document}: the rotation completed after {polls} polls");
    }
}

/// Another rotation joins the interrupted one and promotes its version. A read may return the value before that.
#[tokio::test(start_paused = true)]
async fn a_token_that_another_rotation_promoted_is_not_revoked_on_a_stale_read() {
    let rotator = Rotator::new(SlowStore::default(), Platform::new(), TokioClock::start());
    let (secret, memory, deadline) = (SecretId::new(SECRET), &rotator.store.memory, Deadline::after(MINUTE));
    memory.create(secret.clone(), SecretString::from(document().to_string()));
    let pending = {
        let mut rotation = pin!(rotator.rotate(&secret, VersionId::random(), deadline, |_| {}));
        loop {
            let is_done = poll_fn(|context| Poll::Ready(rotation.as_mut().poll(context).is_ready())).await;
            assert!(!is_done, "the rotation is interrupted while it stages its version");
            let described = memory.describe(&secret).await.expect("a description");
            if let Some(pending) = described.holder(PENDING) {
                break pending.clone();
            }
        }
    };
    let over = memory.read(&secret, VersionSelector::Current).await.expect("a readable secret").expect("a value");
    memory.promote(&secret, &pending, &over).await.expect("a promotion");
    let stale = Stale { until: Instant::now() + MINUTE, described: None, current: over };
    rotator.store.stale.lock().expect("no panic").replace(stale);
    assert!(rotator.roll_back(deadline).await.is_none());
    assert_stored_tokens_are_valid(&rotator, &secret).await;
    assert_eq!(rotator.issuer.tokens().len(), 1);
}
