//! Static roles in the storage of an engine's host, over the plugin protocol.

use genesys_rotator::engine::StaticStore;
use genesys_rotator::rotation::{ErrorKind, Lease, Retryability, SecretId, Step, VersionId, WriteAhead};
use genesys_rotator::secret::SecretString;
use openbao_plugin::{Backend, Engine, Failure, Mount, Request, Response, Storage};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::contract::{tests, with_every_row};
use crate::fixture::{DOCUMENT, Fixture, Secret, StoreRotator, kind_of, rotator, token_in};
use openbao_plugin::testing::{self as host, Host};

/// Sends the mount's storage to the test, and rejects every request.
struct StorageAlone(mpsc::UnboundedSender<Storage>);

struct Silent;

impl Engine for StorageAlone {
    type Backend = Silent;

    fn version(&self) -> String {
        "v0.0.0".to_owned()
    }

    fn mount(&self, mount: Mount) -> Result<Silent, Failure> {
        let _ = self.0.send(mount.storage);
        Ok(Silent)
    }
}

impl Backend for Silent {
    async fn handle_request(&self, _: Request) -> Result<Response, Failure> {
        Err(Failure::UnsupportedPath)
    }
}

struct Mounted {
    rotator: StoreRotator<StaticStore>,
    storage: host::MemoryStorage,
    _host: (Host, TempDir),
}

impl Mounted {
    /// The entry of a key.
    fn held(&self, prefix: &str, secret: &SecretId) -> Option<String> {
        self.storage.text(&format!("{prefix}/{}", name_of(secret)))
    }
}

impl Fixture for Mounted {
    type Store = StaticStore;

    fn rotator(&self) -> &StoreRotator<StaticStore> {
        &self.rotator
    }

    /// Stores a credential without a role. Its own document is the current value then.
    async fn create(&self, value: &str) -> SecretId {
        let name = Uuid::new_v4();
        let entry = json!({"version": Uuid::new_v4().to_string(), "document": value});
        self.storage.set(&format!("static-creds/{name}"), &entry.to_string());
        SecretId::new(format!("static-roles/{name}"))
    }

    fn unknown(&self) -> SecretId {
        SecretId::new("static-roles/no-such-role")
    }

    async fn every_value(&self, secret: &SecretId) -> Vec<String> {
        ["static-creds", "static-pending"].iter().filter_map(|prefix| self.held(prefix, secret)).collect()
    }
}

fn name_of(secret: &SecretId) -> &str {
    secret.as_str().strip_prefix("static-roles/").expect("a role's id")
}

async fn mounted() -> Mounted {
    on(host::MemoryStorage::default()).await
}

/// Another process on the same storage, without cached entries.
async fn beside(fixture: &Mounted) -> Mounted {
    on(fixture.storage.clone()).await
}

async fn on(storage: host::MemoryStorage) -> Mounted {
    let (sender, mut mounts) = mpsc::unbounded_channel();
    let host = host::serve(StorageAlone(sender), storage.clone()).await;
    let store = StaticStore::new(mounts.recv().await.expect("the mount's storage"));
    Mounted { rotator: rotator(store), storage, _host: host }
}

with_every_row!(tests mounted);

/// Writes a role with these probes, and its config.
fn write_role(fixture: &Mounted, name: &str, probes: &[&str]) {
    let config = json!({
        "platform": "genesys-cloud", "region": "mypurecloud.ie", "client_id": "client", "client_secret": "hush",
    });
    fixture.storage.set("config/main", &config.to_string());
    let role = json!({"config": "main", "rotation_period": 3_600, "probes": probes});
    fixture.storage.set(&format!("static-roles/{name}"), &role.to_string());
}

/// The secret of a role without a credential.
fn new_role(fixture: &Mounted) -> Secret<'_, Mounted> {
    let name = Uuid::new_v4().to_string();
    write_role(fixture, &name, &[]);
    Secret { fixture, id: SecretId::new(format!("static-roles/{name}")) }
}

#[tokio::test]
async fn a_role_without_a_credential_gets_one_that_names_its_config() {
    let fixture = mounted().await;
    let secret = new_role(&fixture);
    assert_eq!(secret.current_id().await.as_str(), "no-credential-yet");
    assert!(token_in(&secret.current().await).is_none());
    for _ in 0..2 {
        let report = secret.rotate().await;
        assert!(report.promoted(), "{report:?}");
        assert_eq!(report.version, Some(secret.current_id().await));
    }
    let document: Value = serde_json::from_str(&secret.current().await).expect("a document");
    assert_eq!(document["credentials"], "config/main");
    assert_eq!((&document["region"], &document["client"]), (&json!("mypurecloud.ie"), &json!("client")));
    assert!(document.get("client_secret").is_none(), "the client secret stays in the config");
    assert!(fixture.storage.is_seal_wrapped(&secret.id.as_str().replace("static-roles", "static-creds")));
}

#[tokio::test]
async fn a_rotation_started_before_an_edit_of_the_role_is_not_finished() {
    let fixture = mounted().await;
    let secret = new_role(&fixture);
    let started = VersionId::random();
    secret.step(Step::Create, &started).await.expect("a token is staged");
    write_role(&fixture, name_of(&secret.id), &["GET /api/v2/users"]);
    let other = beside(&fixture).await;
    let edited = Secret { fixture: &other, id: secret.id.clone() };
    let report = edited.rotate().await;
    assert!(report.promoted() && report.version != Some(started), "{report:?}");
    assert!(edited.current().await.contains("GET /api/v2/users"));
}

#[tokio::test]
async fn the_next_read_recovers_from_a_crash_between_the_two_writes_of_a_promotion() {
    let fixture = mounted().await;
    let secret = new_role(&fixture);
    let started = VersionId::random();
    for step in [Step::Create, Step::Set, Step::Test] {
        secret.step(step, &started).await.expect("the step succeeds");
    }
    let staged = fixture.held("static-pending", &secret.id).expect("a staged version");
    secret.step(Step::Finish, &started).await.expect("promoted");
    let promoted = secret.current_token().await;
    fixture.storage.set(&format!("static-pending/{}", name_of(&secret.id)), &staged);
    let other = beside(&fixture).await;
    let after = Secret { fixture: &other, id: secret.id.clone() };
    assert_eq!(after.labels().await, [Some(started.clone()), None, None]);
    let report = after.rotate().await;
    assert!(report.promoted() && report.version != Some(started), "{report:?}");
    assert_ne!(after.current_token().await, promoted);
}

#[tokio::test]
async fn a_read_only_storage_is_reported_with_the_message_of_the_host() {
    let fixture = mounted().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    fixture.storage.refuse("cannot write to readonly storage");
    let error = secret.rotate().await.error.expect("an error");
    assert_eq!((error.kind(), error.retryability()), (ErrorKind::StoreDenied, Retryability::Permanent));
    assert!(error.chain().ends_with("cannot write to readonly storage"), "{}", error.chain());
    assert!(fixture.rotator().issuer.live().is_empty(), "the token that could not be stored is revoked");
    fixture.storage.refuse("raft is unavailable");
    let error = secret.stage(&VersionId::random(), DOCUMENT).await.expect_err("an error");
    assert_eq!((error.kind(), error.retryability()), (ErrorKind::StoreUnavailable, Retryability::Transient));
}

#[tokio::test]
async fn a_damaged_entry_is_reported_without_its_content() {
    let fixture = mounted().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    fixture.storage.set(&format!("static-creds/{}", name_of(&secret.id)), r#"{"version":"hush"}"#);
    let error = secret.rotate().await.error.expect("an error");
    assert_eq!(error.kind(), ErrorKind::DocumentInvalid);
    assert!(error.to_string().contains("is damaged") && !error.chain().contains("hush"), "{error}");
}

#[tokio::test]
async fn the_engine_storage_keeps_its_stored_form() {
    let fixture = mounted().await;
    let [first, second] = ["1", "2"].map(|digit| VersionId::parse(digit.repeat(36)).expect("a version id"));
    let entry = |version: &VersionId, previous: &str| {
        format!(r#"{{"version":"{version}",{previous}"document":"{{\"value\":\"{}\"}}"}}"#, &version.as_str()[..1])
    };
    let secret = Secret::holding(&fixture, "{}").await;
    let base = secret.current_id().await;
    secret.stage(&first, r#"{"value":"1"}"#).await.expect("staged");
    assert_eq!(fixture.held("static-pending", &secret.id), Some(entry(&first, "")));
    secret.promote(&first, &secret.current_value().await).await.expect("promoted");
    assert_eq!(fixture.held("static-pending", &secret.id), None);
    let promoted = entry(&first, &format!(r#""previous":"{base}","#));
    assert_eq!(fixture.held("static-creds", &secret.id), Some(promoted.clone()));
    fixture.storage.set(&format!("static-pending/{}", name_of(&secret.id)), &entry(&second, ""));
    let other = beside(&fixture).await;
    let after = Secret { fixture: &other, id: secret.id.clone() };
    assert_eq!(after.labels().await, [Some(first), Some(base), Some(second.clone())]);
    after.unstage(&second).await.expect("unstaged");
    assert_eq!(
        (fixture.held("static-pending", &secret.id), fixture.held("static-creds", &secret.id)),
        (None, Some(promoted))
    );
}

#[tokio::test]
async fn write_ahead_entries_and_leases_are_rejected() {
    let fixture = mounted().await;
    let (store, secret) = (fixture.store(), fixture.create(DOCUMENT).await);
    let (version, value) = (VersionId::random(), SecretString::from(DOCUMENT));
    for rejected in [
        store.write_intent(&secret, &version, &value, None).await,
        store.clear_intent(&secret, &version).await,
        store.take_lease(&secret, &version, None, None).await,
        store.release_lease(&secret, &version, &version).await,
    ] {
        assert_eq!(kind_of(rejected), Some(ErrorKind::ConfigurationInvalid));
    }
    assert!(store.read_intent(&secret).await.expect("no entry").is_none());
}
