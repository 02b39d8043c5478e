//! A platform that is added as CONTRIBUTING.md says. The code blocks of that page are in this file.

use std::sync::Mutex;
use std::time::Duration;

use genesys_rotator::rotation::{
    AccessKeys, ClientSecrets, Credentials, Deadline, ErrorKind, IssuedToken, Place, Probe, Result, RotationError,
    Rotator, SecretId, SecretStore, SystemClock, TokenIssuer, VersionId, VersionSelector,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use genesys_rotator::store::memory::MemoryStore;
use serde_json::Value;

/// The tokens that the platform accepts.
#[derive(Default)]
struct Toy {
    valid: Mutex<Vec<String>>,
}

impl TokenIssuer for Toy {
    async fn issue(&self, credentials: &Credentials) -> Result<IssuedToken> {
        let Credentials::GenesysCloud { client, .. } = credentials else { return Err(rejected()) };
        if client.secret.expose_secret() != "toy-secret" {
            return Err(rejected());
        }
        let mut valid = self.valid.lock().expect("an unpoisoned lock");
        let token = format!("toy-token-{}", valid.len());
        valid.push(token.clone());
        let lifetime = Duration::from_secs(3600);
        Ok(IssuedToken { access_token: token.into(), token_type: "bearer".to_owned(), lifetime, tenant_id: None })
    }

    async fn verify(&self, _: &Credentials, token: &SecretString, _: &[Probe]) -> Result<()> {
        let valid = self.valid.lock().expect("an unpoisoned lock");
        if valid.iter().any(|one| one == token.expose_secret()) {
            return Ok(());
        }
        Err(RotationError::new(ErrorKind::TokenRejected, "the toy platform rejects the token"))
    }

    async fn revoke(&self, _: &Place, token: &SecretString) -> Result<()> {
        self.valid.lock().expect("an unpoisoned lock").retain(|one| one != token.expose_secret());
        Ok(())
    }
}

// The platform offers neither new client secrets nor access keys.
impl ClientSecrets for Toy {}
impl AccessKeys for Toy {}

fn rejected() -> RotationError {
    RotationError::new(ErrorKind::CredentialsRejected, "the toy platform rejects the client")
        .with_hint("check client_id and client_secret")
}

#[tokio::test]
async fn a_toy_platform_rotates() {
    let (store, secret) = (MemoryStore::new(), SecretId::new("toy"));
    let document = r#"{"region": "eu-west-1", "client_id": "toy", "client_secret": "toy-secret", "kept": 1.50}"#;
    store.create(secret.clone(), document.into());
    let rotator = Rotator::new(store, Toy::default(), SystemClock);
    let deadline = Deadline::after(Duration::from_secs(60));
    let report = rotator.rotate(&secret, VersionId::random(), deadline, |_| {}).await;
    assert!(report.promoted(), "{report:?}");
    let current = rotator.store.read(&secret, VersionSelector::Current).await.expect("a store").expect("a value");
    let text = current.text.expose_secret();
    assert!(text.contains(r#""access_token":"toy-token-0""#) && text.contains(r#""kept":1.50"#), "{text}");
}

#[tokio::test]
async fn a_token_that_the_toy_platform_rejects_is_not_promoted() {
    let (store, secret) = (MemoryStore::new(), SecretId::new("toy"));
    store.create(secret.clone(), r#"{"region":"eu-west-1","client_id":"toy","client_secret":"wrong"}"#.into());
    let rotator = Rotator::new(store, Toy::default(), SystemClock);
    let deadline = Deadline::after(Duration::from_secs(60));
    let report = rotator.rotate(&secret, VersionId::random(), deadline, |_| {}).await;
    assert_eq!(report.error.map(|error| error.kind()), Some(ErrorKind::CredentialsRejected));
    let current = rotator.store.read(&secret, VersionSelector::Current).await.expect("a store").expect("a value");
    let document: Value = serde_json::from_str(current.text.expose_secret()).expect("JSON");
    assert!(document.get("access_token").is_none());
}
