//! An adoption ends before or after any call of the store, and another process continues it later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use genesys_rotator::platform::{Endpoints, Platforms};
use genesys_rotator::rotation::{
    Adoption, Clock, Deadline, Description, Lease, Result, Rotator, SecretCreation, SecretId, SecretStore, Staged,
    StoredValue, SystemClock, VersionId, VersionSelector, WriteAhead,
};
use genesys_rotator::secret::SecretString;
use genesys_rotator::store::file::FileStore;
use genesys_rotator::store::vault::VaultKv;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;

use crate::bao::{Bao, ROOT};
use crate::{CLIENT_ID, Scene, read};

/// A store at whose nth call the process ends.
struct Mortal<S> {
    store: S,
    /// The calls that are left before the last one.
    left: AtomicUsize,
    /// Whether the last call is carried out.
    is_done: bool,
    ended: Arc<Notify>,
}

impl<S> Mortal<S> {
    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        if self.left.fetch_sub(1, Ordering::Relaxed) > 0 {
            return call.await;
        }
        if self.is_done {
            call.await;
        }
        self.ended.notify_one();
        std::future::pending().await
    }
}

impl<S: SecretStore> SecretStore for Mortal<S> {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        self.call(self.store.describe(secret)).await
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        self.call(self.store.read(secret, selector)).await
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        token: Option<&SecretString>,
    ) -> Result<Staged> {
        self.call(self.store.stage(secret, version, value, token)).await
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        self.call(self.store.promote(secret, version, over)).await
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        self.call(self.store.unstage(secret, version)).await
    }
}

impl<S: WriteAhead> WriteAhead for Mortal<S> {
    async fn write_intent(
        &self,
        secret: &SecretId,
        id: &VersionId,
        value: &SecretString,
        token: Option<&SecretString>,
    ) -> Result<()> {
        self.call(self.store.write_intent(secret, id, value, token)).await
    }

    async fn read_intent(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        self.call(self.store.read_intent(secret)).await
    }

    async fn clear_intent(&self, secret: &SecretId, id: &VersionId) -> Result<()> {
        self.call(self.store.clear_intent(secret, id)).await
    }
}

impl<S: Lease> Lease for Mortal<S> {
    async fn take_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        seen: Option<&VersionId>,
        token: Option<&SecretString>,
    ) -> Result<()> {
        self.call(self.store.take_lease(secret, holder, seen, token)).await
    }

    async fn release_lease(&self, secret: &SecretId, holder: &VersionId, version: &VersionId) -> Result<()> {
        self.call(self.store.release_lease(secret, holder, version)).await
    }
}

impl<S: SecretCreation> SecretCreation for Mortal<S> {
    async fn create(&self, secret: &SecretId, version: &VersionId, value: &SecretString) -> Result<()> {
        self.call(self.store.create(secret, version, value)).await
    }
}

/// A clock that is fast by the duration of a lease.
struct AfterTheLease;

impl Clock for AfterTheLease {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_secs(46)
    }
}

impl Scene {
    fn platforms(&self) -> Platforms {
        Platforms::new(Endpoints::from_lookup(|_| Some(self.simulation.genesys_url())).expect("addresses"))
    }

    async fn adoption(&self) -> Adoption {
        let admin = SecretId::new(self.directory.path().join("admin.json").display().to_string());
        let rotator = Rotator::new(FileStore::beside(&admin), self.platforms(), SystemClock);
        let begun = rotator.begin_adoption(&admin, CLIENT_ID, Deadline::after(Duration::from_secs(60))).await;
        begun.expect("the administrator may renew the client").0
    }
}

/// Interrupts the adoption of a secret after `left` calls, and adopts it again. Returns whether it had so many calls.
async fn heals<S>(scene: &Scene, store: impl Fn() -> S, secret: &SecretId, left: usize, is_done: bool) -> bool
where
    S: SecretStore + WriteAhead + Lease + SecretCreation,
{
    let (deadline, ended) = (Deadline::after(Duration::from_secs(60)), Arc::new(Notify::new()));
    let mortal = Mortal { store: store(), left: AtomicUsize::new(left), is_done, ended: ended.clone() };
    let first = Rotator::new(mortal, scene.platforms(), SystemClock).with_adoption(scene.adoption().await);
    let is_interrupted = tokio::select! {
        report = first.adopt(secret, deadline, |_| {}) => {
            let error = report.expect("the secret is adopted").error;
            assert!(error.is_none(), "{error:?}");
            false
        }
        () = ended.notified() => true,
    };
    let second = Rotator::new(store(), scene.platforms(), AfterTheLease).with_adoption(scene.adoption().await);
    let report = second.adopt(secret, deadline, |_| {}).await.expect("the secret is adopted");
    assert!(report.error.is_none(), "call {left}, carried out: {is_done}: {:?}", report.error);
    let described = second.store.describe(secret).await.expect("it is described");
    for label in ["AWSPENDING", "ROTATOR_AHEAD"] {
        assert!(described.holder(label).is_none(), "call {left}, carried out: {is_done}: {label} is left");
    }
    is_interrupted
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_at_any_call_of_a_file_heals() {
    let scene = Scene::new().await;
    scene.owner();
    let dead = crate::document("hush-hush-dead-secret").to_string();
    for (start, is_done) in [(None, false), (None, true), (Some("{}"), false), (Some(dead.as_str()), true)] {
        for call in 0.. {
            let name = format!("{}-{is_done}-{call}.json", start.map_or(0, str::len));
            let path = scene.directory.path().join(&name);
            if let Some(start) = start {
                crate::write(scene.directory.path(), &name, start);
            }
            let secret = SecretId::new(path.display().to_string());
            let is_interrupted = heals(&scene, || FileStore::beside(&secret), &secret, call, is_done).await;
            scene.assert_adopted(&read(&path), &format!("{name}, call {call}, carried out: {is_done}"));
            if !is_interrupted {
                assert!(call > 15, "{call} calls");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_at_any_call_of_kv_heals() {
    let Some(bao) = Bao::start() else { return };
    let scene = Scene::new().await;
    scene.owner();
    let lookup = |name: &str| match name {
        "VAULT_ADDR" => Some(bao.url.clone()),
        "VAULT_TOKEN" => Some(ROOT.to_owned()),
        _ => None,
    };
    for is_done in [false, true] {
        for call in 0.. {
            let path = format!("team/{is_done}-{call}");
            let secret = SecretId::new(format!("secret/{path}"));
            let store = || VaultKv::from_lookup(lookup).expect("settings");
            let is_interrupted = heals(&scene, store, &secret, call, is_done).await;
            let stored: Value = bao.get(&path).await;
            scene.assert_adopted(&stored, &format!("call {call}, carried out: {is_done}"));
            if !is_interrupted {
                assert!(call > 15, "{call} calls");
                break;
            }
        }
    }
}
