//! The rotation's own state beside a document: of another version, truncated, edited or of another program.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use genesys_rotator::rotation::{
    Deadline, ErrorKind, RetryPolicy, RotationStore, Rotator, SecretId, SecretStore, SystemClock, VersionId,
    VersionSelector,
};
use genesys_rotator::secret::ExposeSecret;
use genesys_rotator::store::file::FileStore;
use genesys_rotator::store::vault::VaultKv;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::issuer::StubIssuer;
use crate::json::{object, quote, regex, value};
use crate::server::{Server, answer};
use crate::{HUSH, holds, said};

const ID: &str = "11111111-1111-1111-1111-111111111111";
const TOKEN_ONLY: &str =
    r#"{"note":1.50,"region":"mypurecloud.ie","client_id":"client","client_secret":"Hu5hhUsh","z":[ 1 ]}"#;
const IN_PLACE: &str = r#"{"region":"mypurecloud.ie","client_id":"client","client_secret":"Hu5hhUsh","rotate":"client_secret","accept_gap":true}"#;

/// A document that follows from [`TOKEN_ONLY`], with a token that the platform does not know.
fn staged() -> String {
    let end = r#","access_token":"Hu5hhUsh","token_type":"bearer","issued_at":"2026-01-02T03:04:05Z","expires_at":"2199-01-03T03:04:04Z"}"#;
    format!("{}{end}", TOKEN_ONLY.trim_end_matches('}'))
}

/// State with the fields that the stores write, some of other types, and others that they do not know.
fn state() -> impl Strategy<Value = String> {
    let text = || {
        prop_oneof![
            Just(quote(ID)),
            Just(quote(staged())),
            Just(quote(TOKEN_ONLY)),
            Just(quote(format!(r#"{{"from":{IN_PLACE},"to":{IN_PLACE},"token":"{HUSH}"}}"#))),
            Just(quote(format!(r#"{{"from":{IN_PLACE},"token":"{HUSH}"#))),
            Just(quote(HUSH)),
            Just(quote("2026-01-02T03:04:05.000000001Z")),
            regex("\"[0-9a-f]{64}\""),
            (0..5_u64).prop_map(|number| number.to_string()),
            value(),
        ]
    };
    let inner = ["version", "value", "document", "sha256", "base_sha256", "created_time", "follows", "token"];
    let entry = prop::collection::btree_map(prop::sample::select(inner.to_vec()), text(), 0..6)
        .prop_map(|fields| object(fields.into_iter().map(|(name, json)| (name.to_owned(), json))));
    // What the stores write themselves.
    let whole = Just(format!(
        r#"{{"version":"{ID}","value":{staged},"document":{staged},"base_sha256":null,"follows":3}}"#,
        staged = quote(staged())
    ));
    let outer = ["current", "pending", "previous", "ahead", "holder", "format"];
    let field = prop_oneof![2 => entry, 2 => whole, 1 => text()];
    let state = prop::collection::btree_map(prop::sample::select(outer.to_vec()), field, 0..5)
        .prop_map(|fields| object(fields.into_iter().map(|(name, json)| (name.to_owned(), json))));
    prop_oneof![
        6 => state.clone(),
        2 => (state, any::<Index>()).prop_map(|(text, at)| {
            let ends: Vec<usize> = text.char_indices().map(|(end, _)| end).collect();
            text[..ends[at.index(ends.len())]].to_owned()
        }),
        1 => value(),
        1 => any::<String>(),
    ]
}

fn rotator<S: RotationStore>(store: S) -> Rotator<S, StubIssuer, SystemClock> {
    let wait = Duration::from_millis(1);
    let retries = RetryPolicy { first_wait: wait, longest_wait: wait, settling_retries: 1, ..RetryPolicy::default() };
    Rotator::new(store, StubIssuer::default(), SystemClock).with_retries(retries)
}

fn plenty() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// What a reader reads.
async fn current(store: &impl SecretStore, secret: &SecretId) -> String {
    let read = store.read(secret, VersionSelector::Current).await.expect("a readable document").expect("a value");
    read.text.expose_secret().to_owned()
}

/// Makes every call that only reads, and checks their errors.
async fn reads(store: &impl RotationStore, secret: &SecretId) -> Result<(), TestCaseError> {
    let version = VersionId::from_store(ID);
    let errors = [
        store.describe(secret).await.err(),
        store.read(secret, VersionSelector::Pending(&version)).await.err(),
        store.read(secret, VersionSelector::Previous).await.err(),
        store.read_intent(secret).await.err(),
    ];
    for error in errors.into_iter().flatten() {
        // A truncated answer of KV is not JSON at all.
        prop_assert!(matches!(error.kind(), ErrorKind::DocumentInvalid | ErrorKind::StoreUnavailable), "{error}");
        prop_assert!(!said(&error).contains(HUSH), "{}", said(&error));
    }
    Ok(())
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("a private file");
}

#[test]
fn no_state_of_a_file_cuts_its_reader_off() {
    let (runtime, directory) = (runtime(), tempfile::tempdir().expect("a directory"));
    let path = directory.path().join("genesys.json");
    let state_path = directory.path().join("genesys.json.rotation");
    let secret = SecretId::new(path.display().to_string());
    holds(crate::one_of(8), file!(), (state(), any::<bool>()), |(state, in_place)| {
        let document = if in_place { IN_PLACE } else { TOKEN_ONLY };
        write(&path, document);
        write(&state_path, &state);
        let rotator = rotator(FileStore::default());
        runtime.block_on(async {
            reads(&rotator.store, &secret).await?;
            prop_assert_eq!(current(&rotator.store, &secret).await, document);
            let report = rotator.rotate(&secret, VersionId::random(), plenty(), |_| {}).await;
            let after = current(&rotator.store, &secret).await;
            if let Some(error) = &report.error {
                prop_assert!(!said(error).contains(HUSH), "{}", said(error));
                prop_assert_eq!(after, document);
                // The write-ahead entry keeps the token of an in-place rotation.
                prop_assert!(in_place || rotator.issuer.live().is_empty(), "a token of a failed rotation lives");
                // The hint leads out of it.
                fs::remove_file(&state_path).expect("the state");
                let report = rotator.rotate(&secret, VersionId::random(), plenty(), |_| {}).await;
                prop_assert_eq!(report.promoted(), !in_place, "{:?}", report.error);
            } else {
                let token = serde_json::from_str::<Value>(&after).expect("a document")["access_token"].clone();
                prop_assert!(
                    rotator.issuer.live().iter().any(|live| token == **live),
                    "the reader's token is not live"
                );
                prop_assert!(after.starts_with(TOKEN_ONLY.trim_end_matches('}')), "{}", after);
            }
            Ok(())
        })
    });
}

fn envelope(data: &str) -> crate::server::Answer {
    let rest = r#""request_id":"","lease_id":"","renewable":false,"lease_duration":0,"wrap_info":null,"warnings":null,"auth":null"#;
    answer(200, &[], format!(r#"{{{rest},"data":{data}}}"#).as_bytes())
}

/// The answer to a read of KV.
fn kv(data: &str, version: u64) -> crate::server::Answer {
    envelope(&format!(r#"{{"data":{data},"metadata":{}}}"#, metadata(version)))
}

fn metadata(version: u64) -> Value {
    let created_time = format!("2026-01-02T03:04:05.00000000{version}Z");
    json!({"version": version, "created_time": created_time, "destroyed": false, "custom_metadata": null})
}

#[test]
fn no_state_in_kv_cuts_its_reader_off() {
    let runtime = runtime();
    let server = runtime.block_on(Server::start());
    let lookup = |name: &str| match name {
        "VAULT_ADDR" => Some(server.url.clone()),
        "VAULT_TOKEN" => Some(HUSH.to_owned()),
        _ => None,
    };
    let (rotator, secret) = (rotator(VaultKv::from_lookup(lookup).expect("settings")), SecretId::new("secret/genesys"));
    holds(crate::one_of(16), file!(), (state(), 1..5_u64), |(state, version)| {
        let mut stored = [(TOKEN_ONLY.to_owned(), version), (state, version)];
        server.answer_with(move |method, path, body| {
            let kept = &mut stored[usize::from(path.contains("/pending/"))];
            match path {
                "/v1/sys/internal/ui/mounts/secret/genesys" => {
                    envelope(&json!({"path": "secret/", "type": "kv", "options": {"version": "2"}}).to_string())
                }
                _ if method == "POST" && path.starts_with("/v1/secret/data/") => {
                    let sent: Value = serde_json::from_str(body).expect("the store writes JSON");
                    *kept = (sent["data"].to_string(), kept.1 + 1);
                    envelope(&metadata(kept.1).to_string())
                }
                _ if method == "GET" => kv(&kept.0, kept.1),
                _ => envelope("null"),
            }
        });
        runtime.block_on(async {
            reads(&rotator.store, &secret).await?;
            prop_assert_eq!(current(&rotator.store, &secret).await, TOKEN_ONLY);
            let report = rotator.rotate(&secret, VersionId::random(), plenty(), |_| {}).await;
            let after = current(&rotator.store, &secret).await;
            match &report.error {
                Some(error) => {
                    prop_assert!(!said(error).contains(HUSH), "{}", said(error));
                    prop_assert_eq!(after, TOKEN_ONLY);
                }
                None => {
                    let token = serde_json::from_str::<Value>(&after).expect("a document")["access_token"].clone();
                    prop_assert!(rotator.issuer.live().iter().any(|live| token == **live), "{}", after);
                }
            }
            Ok(())
        })
    });
}
