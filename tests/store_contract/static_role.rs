//! The storage that a host keeps for a secrets engine, over the wire.

use genesys_rotator::engine::StaticStore;
use genesys_rotator::rotation::{ErrorKind, Retryability, SecretId, Step, VersionId};
use openbao_plugin::{Backend, Engine, Failure, Mount, Request, Response, Storage};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::contract::{tests, with_every_row};
use crate::place::{DOCUMENT, Place, Secret, Under, rotator, token_in};
use openbao_plugin::testing::{self as host, Host};

/// Hands a mount's storage out, and answers nothing.
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
    rotator: Under<StaticStore>,
    storage: host::MemoryStorage,
    _host: (Host, TempDir),
}

impl Mounted {
    /// What lies under a key.
    fn held(&self, prefix: &str, secret: &SecretId) -> Option<String> {
        self.storage.text(&format!("{prefix}/{}", name_of(secret)))
    }
}

impl Place for Mounted {
    type Store = StaticStore;

    fn rotator(&self) -> &Under<StaticStore> {
        &self.rotator
    }

    /// Without a role beside it, a credential speaks for itself.
    async fn create(&self, value: &str) -> SecretId {
        let name = Uuid::new_v4();
        let entry = json!({"version": Uuid::new_v4().to_string(), "document": value});
        self.storage.set(&format!("static-creds/{name}"), &entry.to_string());
        SecretId::new(format!("static-roles/{name}"))
    }

    fn unknown(&self) -> SecretId {
        SecretId::new("static-roles/nobody-made-this")
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

/// Another process on the same storage, which has nothing in its memory.
async fn beside(place: &Mounted) -> Mounted {
    on(place.storage.clone()).await
}

async fn on(storage: host::MemoryStorage) -> Mounted {
    let (sender, mut mounts) = mpsc::unbounded_channel();
    let host = host::serve(StorageAlone(sender), storage.clone()).await;
    let store = StaticStore::new(mounts.recv().await.expect("the mount's storage"));
    Mounted { rotator: rotator(store), storage, _host: host }
}

with_every_row!(tests mounted);

/// A role with these probes, beside the config that it names.
fn write_role(place: &Mounted, name: &str, probes: &[&str]) {
    let config = json!({
        "platform": "genesys-cloud", "region": "mypurecloud.ie", "client_id": "client", "client_secret": "hush",
    });
    place.storage.set("config/main", &config.to_string());
    let role = json!({"config": "main", "rotation_period": 3_600, "probes": probes});
    place.storage.set(&format!("static-roles/{name}"), &role.to_string());
}

/// A secret of a role that has no credential yet.
fn new_role(place: &Mounted) -> Secret<'_, Mounted> {
    let name = Uuid::new_v4().to_string();
    write_role(place, &name, &[]);
    Secret { place, id: SecretId::new(format!("static-roles/{name}")) }
}

#[tokio::test]
async fn a_role_without_a_credential_gets_one_and_its_document_says_where_from() {
    let place = mounted().await;
    let secret = new_role(&place);
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
    assert!(document.get("client_secret").is_none(), "it stays where it is");
    assert!(place.storage.is_seal_wrapped(&secret.id.as_str().replace("static-roles", "static-creds")));
}

#[tokio::test]
async fn a_rotation_begun_before_an_edit_of_the_role_is_not_finished() {
    let place = mounted().await;
    let secret = new_role(&place);
    let begun = VersionId::random();
    secret.step(Step::Create, &begun).await.expect("a token is staged");
    write_role(&place, name_of(&secret.id), &["GET /api/v2/users"]);
    let other = beside(&place).await;
    let edited = Secret { place: &other, id: secret.id.clone() };
    let report = edited.rotate().await;
    assert!(report.promoted() && report.version != Some(begun), "{report:?}");
    assert!(edited.current().await.contains("GET /api/v2/users"));
}

#[tokio::test]
async fn a_crash_between_the_two_writes_of_promoting_is_healed_by_who_looks_next() {
    let place = mounted().await;
    let secret = new_role(&place);
    let begun = VersionId::random();
    for step in [Step::Create, Step::Set, Step::Test] {
        secret.step(step, &begun).await.expect("the step is carried out");
    }
    let staged = place.held("static-pending", &secret.id).expect("a staged version");
    secret.step(Step::Finish, &begun).await.expect("it is promoted");
    let promoted = secret.current_token().await;
    place.storage.set(&format!("static-pending/{}", name_of(&secret.id)), &staged);
    let other = beside(&place).await;
    let after = Secret { place: &other, id: secret.id.clone() };
    assert_eq!(after.labels().await, [Some(begun.clone()), None, None]);
    let report = after.rotate().await;
    assert!(report.promoted() && report.version != Some(begun), "{report:?}");
    assert_ne!(after.current_token().await, promoted);
}

#[tokio::test]
async fn a_storage_that_takes_no_writes_is_told_of_in_the_hosts_own_words() {
    let place = mounted().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    place.storage.refuse("cannot write to readonly storage");
    let error = secret.rotate().await.error.expect("it is refused");
    assert_eq!((error.kind(), error.retryability()), (ErrorKind::StoreDenied, Retryability::Permanent));
    assert!(error.chain().ends_with("cannot write to readonly storage"), "{}", error.chain());
    assert!(place.rotator().issuer.live().is_empty(), "what could not be stored was revoked");
    place.storage.refuse("raft is out of breath");
    let error = secret.stage(&VersionId::random(), DOCUMENT).await.expect_err("it is refused");
    assert_eq!((error.kind(), error.retryability()), (ErrorKind::StoreUnavailable, Retryability::Transient));
}

#[tokio::test]
async fn what_is_damaged_is_told_of_without_its_content() {
    let place = mounted().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    place.storage.set(&format!("static-creds/{}", name_of(&secret.id)), r#"{"version":"hush"}"#);
    let error = secret.rotate().await.error.expect("it is refused");
    assert_eq!(error.kind(), ErrorKind::DocumentInvalid);
    assert!(error.to_string().contains("is damaged") && !error.chain().contains("hush"), "{error}");
}

#[tokio::test]
async fn the_engine_storage_keeps_its_stored_form() {
    let place = mounted().await;
    let [first, second] = ["1", "2"].map(|digit| VersionId::parse(digit.repeat(36)).expect("a version id"));
    let entry = |version: &VersionId, previous: &str| {
        format!(r#"{{"version":"{version}",{previous}"document":"{{\"value\":\"{}\"}}"}}"#, &version.as_str()[..1])
    };
    let secret = Secret::holding(&place, "{}").await;
    let base = secret.current_id().await;
    secret.stage(&first, r#"{"value":"1"}"#).await.expect("staged");
    assert_eq!(place.held("static-pending", &secret.id), Some(entry(&first, "")));
    secret.promote(&first, &base).await.expect("promoted");
    assert_eq!(place.held("static-pending", &secret.id), None);
    let promoted = entry(&first, &format!(r#""previous":"{base}","#));
    assert_eq!(place.held("static-creds", &secret.id), Some(promoted.clone()));
    place.storage.set(&format!("static-pending/{}", name_of(&secret.id)), &entry(&second, ""));
    let other = beside(&place).await;
    let after = Secret { place: &other, id: secret.id.clone() };
    assert_eq!(after.labels().await, [Some(first), Some(base), Some(second.clone())]);
    after.unstage(&second).await.expect("unstaged");
    assert_eq!(
        (place.held("static-pending", &secret.id), place.held("static-creds", &secret.id)),
        (None, Some(promoted))
    );
}
