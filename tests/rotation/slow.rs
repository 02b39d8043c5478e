//! A store, a platform and a clock in memory, for tests with a paused clock.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use genesys_rotator::rotation::{
    AccessKeys, ClientSecrets, Clock, Credentials, Description, ErrorKind, IssuedToken, KeyOwner, KeyPair, Lease,
    Place, Probe, Result, RotationError, SecretId, SecretStore, Staged, StoredValue, TokenIssuer, TokenKind, VersionId,
    VersionSelector, WriteAhead,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use genesys_rotator::store::memory::MemoryStore;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::modes::{ADMIN_ID, ADMIN_SECRET, SECOND_ID, SECOND_SECRET};
use super::*;

pub const MINUTE: Duration = Duration::from_secs(60);

/// What happens at a call; an error is the call's answer.
pub type Hook = Box<dyn FnMut(&MemoryStore) -> Result<()> + Send>;

/// A store with an await point before and after each write.
#[derive(Default)]
pub struct SlowStore {
    pub memory: MemoryStore,
    pub is_staging: AtomicBool,
    pub stale: Mutex<Option<Stale>>,
    /// Run before `stage`, `unstage` or `take_lease`, and after `stage` as `staged`.
    pub hooks: Mutex<HashMap<&'static str, Hook>>,
}

/// What reads return until a time.
pub struct Stale {
    pub until: Instant,
    pub described: Option<Description>,
    pub current: StoredValue,
}

impl SlowStore {
    fn stale<T>(&self, select: impl Fn(&Stale) -> Option<T>) -> Option<T> {
        let stale = self.stale.lock().expect("no panic");
        stale.as_ref().filter(|stale| Instant::now() < stale.until).and_then(select)
    }

    fn at(&self, call: &'static str) -> Result<()> {
        let mut hooks = self.hooks.lock().expect("no panic");
        hooks.get_mut(call).map_or(Ok(()), |hook| hook(&self.memory))
    }
}

impl SecretStore for SlowStore {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        yield_now().await;
        match self.stale(|stale| stale.described.clone()) {
            Some(described) => Ok(described),
            None => self.memory.describe(secret).await,
        }
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        yield_now().await;
        match (selector, self.stale(|stale| Some(stale.current.clone()))) {
            (VersionSelector::Current, Some(stale)) => Ok(Some(stale)),
            _ => self.memory.read(secret, selector).await,
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
        self.at("stage")?;
        let staged = self.memory.stage(secret, version, value, rotation_token).await;
        yield_now().await;
        self.at("staged")?;
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
        self.at("unstage")?;
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
        self.at("take_lease")?;
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
pub struct TokioClock(jiff::Timestamp, Instant);

impl TokioClock {
    pub fn start() -> Self {
        Self(jiff::Timestamp::UNIX_EPOCH, Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> jiff::Timestamp {
        self.0 + self.1.elapsed()
    }
}

/// A platform that knows which tokens, client secrets and access keys are valid.
pub struct Platform {
    tokens: Mutex<Vec<String>>,
    /// By the id of the client or access key.
    secrets: Mutex<HashMap<String, String>>,
    issued: AtomicUsize,
    /// No request for a new client secret gets an answer while this holds.
    pub is_silent: AtomicBool,
    /// When new client secrets were requested.
    pub regenerations: Mutex<Vec<Instant>>,
}

impl Platform {
    pub fn new() -> Self {
        let clients = [(CLIENT_ID, CLIENT_SECRET), (SECOND_ID, SECOND_SECRET), (ADMIN_ID, ADMIN_SECRET), cxone::KEY];
        let secrets = clients.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
        Self {
            tokens: Mutex::default(),
            secrets: Mutex::new(secrets.into()),
            issued: AtomicUsize::new(0),
            is_silent: AtomicBool::new(false),
            regenerations: Mutex::default(),
        }
    }

    fn next(&self, what: &str) -> String {
        format!("{what}-{:04}-of-the-platform", self.issued.fetch_add(1, Ordering::Relaxed))
    }

    pub fn tokens(&self) -> Vec<String> {
        self.tokens.lock().expect("no panic").clone()
    }

    pub fn access_keys(&self) -> Vec<String> {
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
        self.regenerations.lock().expect("no panic").push(Instant::now());
        if self.is_silent.load(Ordering::Relaxed) {
            return Err(RotationError::new(ErrorKind::PlatformUnavailable, "no answer"));
        }
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
