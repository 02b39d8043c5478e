//! A rotation whose future is dropped: at every await point, on a store and a platform in memory.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use genesys_rotator::rotation::{
    AccessKeys, ClientSecrets, Clock, Credentials, Deadline, Description, ErrorKind, IssuedToken, KeyOwner, KeyPair,
    Lease, PENDING, Place, Probe, Result, RotationError, Rotator, SecretId, SecretStore, Staged, StoredValue,
    TokenIssuer, TokenKind, VersionId, VersionSelector, WriteAhead,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use genesys_rotator::store::memory::MemoryStore;
use tokio::task::yield_now;

use super::modes::{ADMIN, ADMIN_ID, ADMIN_SECRET, Mode, SECOND_ID, SECOND_SECRET, admin};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A store with an await point before and after each write.
#[derive(Default)]
struct SlowStore {
    memory: MemoryStore,
    is_staging: AtomicBool,
    /// Reads of values return what the secret held before the last promotion.
    has_stale_reads: AtomicBool,
}

impl SecretStore for SlowStore {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        yield_now().await;
        self.memory.describe(secret).await
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        yield_now().await;
        match selector {
            VersionSelector::Current if self.has_stale_reads.load(Ordering::Relaxed) => {
                self.memory.read(secret, VersionSelector::Previous).await
            }
            selector => self.memory.read(secret, selector).await,
        }
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        self.is_staging.store(true, Ordering::Relaxed);
        yield_now().await;
        let staged = self.memory.stage(secret, version, value, rotation_token).await;
        yield_now().await;
        staged
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        yield_now().await;
        self.memory.promote(secret, version, over).await?;
        yield_now().await;
        Ok(())
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        yield_now().await;
        self.memory.unstage(secret, version).await
    }
}

impl WriteAhead for SlowStore {
    async fn write_intent(
        &self,
        secret: &SecretId,
        id: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        yield_now().await;
        self.memory.write_intent(secret, id, value, rotation_token).await?;
        yield_now().await;
        Ok(())
    }

    async fn read_intent(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        yield_now().await;
        self.memory.read_intent(secret).await
    }

    async fn clear_intent(&self, secret: &SecretId, id: &VersionId) -> Result<()> {
        yield_now().await;
        self.memory.clear_intent(secret, id).await
    }
}

impl Lease for SlowStore {
    async fn take_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        seen: Option<&VersionId>,
        token: Option<&SecretString>,
    ) -> Result<()> {
        yield_now().await;
        self.memory.take_lease(secret, holder, seen, token).await?;
        yield_now().await;
        Ok(())
    }

    async fn release_lease(&self, secret: &SecretId, holder: &VersionId, version: &VersionId) -> Result<()> {
        yield_now().await;
        self.memory.release_lease(secret, holder, version).await
    }
}

/// The time of tokio's paused clock.
struct TokioClock(jiff::Timestamp, tokio::time::Instant);

impl TokioClock {
    fn start() -> Self {
        Self(jiff::Timestamp::UNIX_EPOCH, tokio::time::Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> jiff::Timestamp {
        self.0 + self.1.elapsed()
    }
}

/// A platform that knows which tokens, client secrets and access keys are valid.
struct Platform {
    tokens: Mutex<Vec<String>>,
    /// By the id of the client or access key.
    secrets: Mutex<HashMap<String, String>>,
    issued: AtomicUsize,
}

impl Platform {
    fn new() -> Self {
        let clients = [(CLIENT_ID, CLIENT_SECRET), (SECOND_ID, SECOND_SECRET), (ADMIN_ID, ADMIN_SECRET), cxone::KEY];
        let secrets = clients.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
        Self { tokens: Mutex::default(), secrets: Mutex::new(secrets.into()), issued: AtomicUsize::new(0) }
    }

    fn next(&self, what: &str) -> String {
        format!("{what}-{:04}-of-the-platform", self.issued.fetch_add(1, Ordering::Relaxed))
    }

    fn tokens(&self) -> Vec<String> {
        self.tokens.lock().expect("no panic").clone()
    }

    fn access_keys(&self) -> Vec<String> {
        let secrets = self.secrets.lock().expect("no panic");
        secrets.keys().filter(|id| id.starts_with("key-")).cloned().collect()
    }

    fn issue_now(&self) -> IssuedToken {
        let token = self.next("token");
        self.tokens.lock().expect("no panic").push(token.clone());
        IssuedToken {
            access_token: token.into(),
            token_type: "bearer".to_owned(),
            lifetime: 60 * MINUTE,
            tenant_id: None,
        }
    }

    fn check_token(&self, token: &SecretString) -> Result<()> {
        let is_valid = self.tokens().iter().any(|valid| valid == token.expose_secret());
        is_valid.then_some(()).ok_or_else(|| RotationError::new(ErrorKind::TokenRejected, "an invalid token"))
    }

    fn accepts(&self, pair: &KeyPair) -> bool {
        let secrets = self.secrets.lock().expect("no panic");
        secrets.get(&pair.id).is_some_and(|secret| secret == pair.secret.expose_secret())
    }
}

impl TokenIssuer for Platform {
    async fn issue(&self, credentials: &Credentials) -> Result<IssuedToken> {
        yield_now().await;
        let is_valid = match credentials {
            Credentials::GenesysCloud { client, .. } => self.accepts(client),
            Credentials::Cxone { .. } => {
                self.secrets.lock().expect("no panic").contains_key(credentials.access_key_id())
            }
        };
        let rejected = || RotationError::new(ErrorKind::CredentialsRejected, "an invalid secret");
        is_valid.then(|| self.issue_now()).ok_or_else(rejected)
    }

    async fn verify(&self, _: &Credentials, token: &SecretString, _: &[Probe]) -> Result<()> {
        yield_now().await;
        self.check_token(token)
    }

    async fn revoke(&self, _: &Place, token: &SecretString) -> Result<()> {
        yield_now().await;
        self.tokens.lock().expect("no panic").retain(|valid| valid != token.expose_secret());
        Ok(())
    }

    async fn issue_long_lived(&self, _: &Place, token: &SecretString, _: &TokenKind) -> Result<IssuedToken> {
        yield_now().await;
        self.check_token(token).map(|()| self.issue_now())
    }
}

impl ClientSecrets for Platform {
    async fn regenerate(&self, _: &Place, client_id: &str, token: &SecretString) -> Result<SecretString> {
        yield_now().await;
        self.check_token(token)?;
        let secret = self.next("secret");
        self.secrets.lock().expect("no panic").insert(client_id.to_owned(), secret.clone());
        Ok(secret.into())
    }
}

impl AccessKeys for Platform {
    async fn key_owner(&self, _: &Place, _: &str, _: &SecretString) -> Result<KeyOwner> {
        yield_now().await;
        Ok(KeyOwner { user_id: "user".to_owned(), tenant_id: "tenant".to_owned() })
    }

    async fn create_access_key(&self, _: &Place, _: &KeyOwner, token: &SecretString) -> Result<KeyPair> {
        yield_now().await;
        self.check_token(token)?;
        let (id, secret) = (self.next("key"), self.next("secret"));
        self.secrets.lock().expect("no panic").insert(id.clone(), secret.clone());
        Ok(KeyPair { id, secret: secret.into() })
    }

    async fn delete_access_key(&self, _: &Place, id: &str, token: &SecretString) -> Result<()> {
        yield_now().await;
        self.check_token(token)?;
        self.secrets.lock().expect("no panic").remove(id);
        Ok(())
    }
}

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
    rotator.store.has_stale_reads.store(true, Ordering::Relaxed);
    assert!(rotator.roll_back(deadline).await.is_none());
    assert_stored_tokens_are_valid(&rotator, &secret).await;
    assert_eq!(rotator.issuer.tokens().len(), 1);
}
