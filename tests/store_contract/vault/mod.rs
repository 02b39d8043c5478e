//! KV version 2, against OpenBao.

mod access;

use std::rc::Rc;

use genesys_rotator::rotation::{
    CURRENT, ErrorKind, PENDING, Retryability, RotationError, SecretId, SecretStore, VersionId,
};
use genesys_rotator::store::vault::VaultKv;
use serde_json::{Value, json};
use tokio::task::LocalSet;
use uuid::Uuid;

use crate::bao::{Bao, ROOT};
use crate::contract::{judge, with_every_intent_row, with_every_row};
use crate::fixture::{DOCUMENT, Fixture, Secret, StoreRotator, kind_of, rotator};

/// Rows that KV cannot keep, with the reason. `fields_keep_their_values_and_order` tests what it does keep.
const DEVIATIONS: [(&str, &str); 1] =
    [("unknown_fields_survive_a_rotation", "KV sorts keys, and OpenBao converts numbers to 64-bit floats")];

struct Vault {
    rotator: StoreRotator<VaultKv>,
    bao: Rc<Bao>,
}

impl Vault {
    fn with(bao: &Rc<Bao>, settings: &[(&str, &str)]) -> Self {
        let lookup = |name: &str| {
            let address = [("BAO_ADDR", bao.url.as_str())];
            address.iter().chain(settings).find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Self { rotator: rotator(VaultKv::from_lookup(lookup).expect("the settings are right")), bao: Rc::clone(bao) }
    }

    fn start() -> Option<Self> {
        let bao = Rc::new(Bao::start()?);
        Some(Self::with(&bao, &[("VAULT_TOKEN", ROOT)]))
    }

    /// The error of describing a secret.
    async fn refusal(&self, id: &str) -> RotationError {
        self.store().describe(&SecretId::new(id)).await.expect_err("an error")
    }
}

impl Fixture for Vault {
    type Store = VaultKv;

    fn rotator(&self) -> &StoreRotator<VaultKv> {
        &self.rotator
    }

    async fn create(&self, value: &str) -> SecretId {
        let name = Uuid::new_v4().to_string();
        self.bao.put(&name, value).await;
        SecretId::new(format!("secret/{name}"))
    }

    fn unknown(&self) -> SecretId {
        SecretId::new("secret/no/such/secret")
    }

    async fn every_value(&self, secret: &SecretId) -> Vec<String> {
        let name = name_of(secret);
        let mut values = vec![self.bao.get(&pending_of(secret)).await.to_string()];
        for version in 1.. {
            let path = format!("secret/data/{name}?version={version}");
            match self.bao.call("GET", &path, Value::Null).await {
                (200, answer) => values.push(answer["data"]["data"].to_string()),
                _ => break,
            }
        }
        values
    }
}

/// The path of a secret in its mount.
fn name_of(secret: &SecretId) -> &str {
    secret.as_str().strip_prefix("secret/").expect("the usual mount")
}

fn pending_of(secret: &SecretId) -> String {
    format!("genesys-rotator/pending/{}", name_of(secret))
}

#[tokio::test]
async fn openbao_keeps_the_contract_except_for_known_deviations() {
    let Some(fixture) = Vault::start() else { return };
    let fixture = Rc::new(fixture);
    let surprises = LocalSet::new().run_until(all(fixture)).await;
    assert!(surprises.is_empty(), "{surprises:#?}");
}

async fn all(fixture: Rc<Vault>) -> Vec<String> {
    let mut surprises = with_every_row!(judge fixture);
    surprises.extend(with_every_intent_row!(judge fixture));
    surprises
}

#[tokio::test]
async fn fields_keep_their_values_and_order() {
    let Some(fixture) = Vault::start() else { return };
    let fields = r#"{"zebra":1e4,"region":"mypurecloud.ie","nested":{"b":[1.0,null,0.1],"a":"<é\u00e9&>"},"client_id":"client","client_secret":"hush","alpha":true}"#;
    let secret = Secret::holding(&fixture, fields).await;
    let text = |value: Value| serde_json::to_string(&value).expect("JSON");
    let before = fixture.bao.get(name_of(&secret.id)).await;
    assert_eq!(before["nested"], json!({"a": "<éé&>", "b": [1, null, 0.1]}));
    for _ in 0..2 {
        let report = secret.rotate().await;
        assert!(report.promoted(), "{report:?}");
        let mut after = fixture.bao.get(name_of(&secret.id)).await;
        let fields = after.as_object_mut().expect("an object");
        assert!(fields["access_token"].as_str().is_some_and(|token| token.starts_with("token-")));
        for own in ["access_token", "token_type", "issued_at", "expires_at"] {
            assert!(fields.shift_remove(own).is_some(), "{own}");
        }
        assert_eq!(text(after), text(before.clone()), "the same bytes and order as KV returned before");
    }
}

#[tokio::test]
async fn a_rotation_adds_custom_metadata_and_keeps_existing_metadata() {
    let Some(fixture) = Vault::start() else { return };
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let path = format!("secret/metadata/{}", name_of(&secret.id));
    let existing = json!({"custom_metadata": {"owner": "team", "platform": "old"}, "max_versions": 7});
    fixture.bao.post(&path, existing).await;
    assert!(secret.rotate().await.promoted());
    let metadata = fixture.bao.call("GET", &path, Value::Null).await.1["data"].clone();
    let document: Value = serde_json::from_str(&secret.current().await).expect("a document");
    let custom = &metadata["custom_metadata"];
    assert_eq!((&custom["owner"], &custom["platform"]), (&json!("team"), &json!("genesys-cloud")));
    assert_eq!(custom["expires_at"], document["expires_at"]);
    assert!(custom["rotated_by"].as_str().is_some_and(|name| name.starts_with("genesys-rotator/")));
    assert_eq!(metadata["max_versions"], 7);
    let path = format!("secret/metadata/{}", pending_of(&secret.id));
    let metadata = fixture.bao.call("GET", &path, Value::Null).await.1["data"].clone();
    assert_eq!((&metadata["max_versions"], &metadata["cas_required"]), (&json!(1), &json!(true)));
}

#[tokio::test]
async fn an_edit_is_never_overwritten_and_the_next_rotation_recovers_from_a_crash() {
    let Some(fixture) = Vault::start() else { return };
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let (before, over) = (secret.current_id().await, secret.current_value().await);
    let version = VersionId::random();
    secret.stage(&version, DOCUMENT).await.expect("staged");
    fixture.bao.put(name_of(&secret.id), r#"{"edited":"by hand"}"#).await;
    assert_ne!(secret.current_id().await, before);
    assert_eq!(kind_of(secret.promote(&version, &over).await), Some(ErrorKind::StoreConflict));
    assert_eq!(secret.current().await, r#"{"edited":"by hand"}"#);
    // The staged version equals the current one: the next rotation starts over.
    fixture.bao.put(name_of(&secret.id), DOCUMENT).await;
    let report = secret.rotate().await;
    assert!(report.promoted() && report.version != Some(version), "{report:?}");

    // A crash between the write of the document and the write of the state.
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let (before, version) = (secret.current_id().await, VersionId::random());
    let document = format!(r#"{},"access_token":"promoted"}}"#, DOCUMENT.trim_end_matches('}'));
    secret.stage(&version, &document).await.expect("staged");
    assert_eq!(secret.labels().await, [Some(before.clone()), None, Some(version.clone())]);
    fixture.bao.put(name_of(&secret.id), &document).await;
    assert_eq!(secret.labels().await, [Some(version), Some(before), None]);
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
    assert_ne!(secret.current_token().await, "promoted");
}

#[tokio::test]
async fn of_two_concurrent_writers_exactly_one_succeeds() {
    let Some(fixture) = Vault::start() else { return };
    // Another process has its own login and its own cache of mounts.
    let other = Vault::with(&fixture.bao, &[("VAULT_TOKEN", ROOT)]);
    for _ in 0..5 {
        let secret = Secret::holding(&fixture, DOCUMENT).await;
        let (over, version) = (secret.current_value().await, VersionId::random());
        secret.stage(&version, DOCUMENT).await.expect("staged");
        let promotions = tokio::join!(
            fixture.store().promote(&secret.id, &version, &over),
            other.store().promote(&secret.id, &version, &over),
        );
        let won = [promotions.0, promotions.1].into_iter().filter(Result::is_ok).count();
        assert_eq!(won, 1, "exactly one check-and-set write succeeds");
        assert_eq!(secret.current_id().await, version);
        let rotations = [secret.rotate().await, secret.rotate().await];
        assert!(rotations.iter().all(|report| report.promoted()), "{rotations:?}");
        let (one, two) = (VersionId::random(), VersionId::random());
        let value = "{}".into();
        let staged = tokio::join!(
            fixture.store().stage(&secret.id, &one, &value, None),
            other.store().stage(&secret.id, &two, &value, None),
        );
        let kinds = [kind_of(staged.0), kind_of(staged.1)];
        assert!(kinds.contains(&None) && kinds.contains(&Some(ErrorKind::StoreConflict)), "{kinds:?}");
    }
}

#[tokio::test]
async fn a_missing_secret_and_a_mount_of_another_type_are_explained() {
    let Some(fixture) = Vault::start() else { return };
    let bao = &fixture.bao;
    bao.post("sys/mounts/old", json!({"type": "kv"})).await;
    bao.post("old/data/x", json!({"some": "thing"})).await;
    bao.post("sys/mounts/deep/kv", json!({"type": "kv", "options": {"version": "2"}})).await;
    bao.put("deleted", DOCUMENT).await;
    bao.call("DELETE", "secret/data/deleted", Value::Null).await;
    bao.put("destroyed", DOCUMENT).await;
    bao.post("secret/destroy/destroyed", json!({"versions": [1]})).await;
    for (id, kind, message, hint) in [
        (
            "secret/none",
            ErrorKind::SecretNotFound,
            "secret none does not exist in secret/",
            "kv put -mount=secret none",
        ),
        ("secret/data/none", ErrorKind::SecretNotFound, "secret data/none does not exist", "vault:secret/none"),
        ("nowhere/x", ErrorKind::SecretNotFound, "no handler for route", "kv put"),
        (
            "secret/deleted",
            ErrorKind::SecretNotFound,
            "version (1) of deleted in secret/ was deleted",
            "-versions=1 deleted",
        ),
        ("secret/destroyed", ErrorKind::SecretNotFound, "was destroyed", "kv put"),
        ("old/x", ErrorKind::ConfigurationInvalid, "old/ is KV version 1", "enable-versioning old/"),
        ("cubbyhole/x", ErrorKind::ConfigurationInvalid, "is a mount of type cubbyhole", "secrets list"),
        ("secret", ErrorKind::SecretNotFound, "is not in the form MOUNT/PATH", "secret/team/genesys"),
    ] {
        let error = fixture.refusal(id).await;
        assert_eq!((error.kind(), error.retryability()), (kind, Retryability::Permanent), "{id}: {error}");
        assert!(error.to_string().contains(message), "{id}: {error}");
        assert!(error.hint().contains(hint), "{id}: {}", error.hint());
    }
    let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
    bao.post("deep/kv/data/team/genesys", json!({ "data": document })).await;
    let secret = Secret { fixture: &fixture, id: SecretId::new("deep/kv/team/genesys") };
    assert!(secret.rotate().await.promoted(), "a mount path may have slashes");
}

#[tokio::test]
async fn a_damaged_state_is_reported_without_its_content_and_a_deleted_state_is_empty() {
    let Some(fixture) = Vault::start() else { return };
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    assert!(secret.rotate().await.promoted());
    let path = format!("secret/data/{}", pending_of(&secret.id));
    let damage = json!({"data": {"pending": {"version": "hush"}}, "options": {"cas": 2}});
    let (status, answer) = fixture.bao.call("POST", &path, damage).await;
    assert_eq!(status, 200, "{answer}");
    let error = secret.rotate().await.error.expect("an error");
    assert_eq!(error.kind(), ErrorKind::DocumentInvalid);
    assert!(error.to_string().ends_with(" is damaged") && !error.chain().contains("hush"), "{error}");
    fixture.bao.call("DELETE", &path, Value::Null).await;
    assert!(secret.rotate().await.promoted(), "the hint solves it");
    assert_eq!(secret.holder(PENDING).await, None);
    fixture.bao.call("DELETE", &format!("secret/metadata/{}", name_of(&secret.id)), Value::Null).await;
    fixture.bao.put(name_of(&secret.id), DOCUMENT).await;
    assert_eq!(secret.holder(CURRENT).await.map(|id| id.to_string()).as_deref(), Some("kv-version-1"));
}

#[tokio::test]
async fn a_sealed_or_stopped_server_is_unavailable() {
    let Some(fixture) = Vault::start() else { return };
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    assert_eq!(secret.holder(PENDING).await, None);
    fixture.bao.post("sys/seal", Value::Null).await;
    let error = fixture.refusal(secret.id.as_str()).await;
    assert_eq!((error.kind(), error.retryability()), (ErrorKind::StoreUnavailable, Retryability::Transient));
    assert!(error.to_string().contains("is sealed (503: ") && error.hint().contains("unseal"), "{error}");
    let Vault { rotator, bao } = fixture;
    let url = bao.url.clone();
    drop(Rc::into_inner(bao).expect("the only reference"));
    let error = rotator.store.describe(&SecretId::new("secret/x")).await.expect_err("the server is stopped");
    assert_eq!((error.kind(), error.retryability()), (ErrorKind::StoreUnavailable, Retryability::Transient));
    assert!(error.to_string().contains(&format!("Vault at {url} ")), "{error}");
    assert!(!format!("{:?} {error:?}", rotator.store).contains(ROOT));
}
