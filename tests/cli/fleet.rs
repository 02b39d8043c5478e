//! Many secrets at once: selection, revocation, rate limits and interruption.

mod checked;
mod first;
mod foreseen;
mod interrupted;
mod older;
mod paced;
mod places;
mod raced;
mod resumed;
mod revoked;
mod selected;

use aws_sdk_secretsmanager::types::Tag;
use serde_json::{Value, json};
use simulators::journal::RecordedCall;

use super::{CLIENT_ID, CLIENT_SECRET, Scene, Transcript, document};

/// An unrelated secret.
const DATABASE: &str =
    r#"{"engine":"postgres","username":"app","password":"hush","host":"db","client_id":"c","client_secret":"s"}"#;

impl Scene {
    /// Creates a secret in Secrets Manager with a rotated token. Returns the token.
    pub async fn with_token(&self, name: &str, tags: &[(&str, &str)]) -> String {
        let token = self.mint().await;
        let mut value = document(CLIENT_SECRET);
        for (field, text) in [
            ("access_token", token.as_str()),
            ("token_type", "bearer"),
            ("issued_at", "2026-01-02T03:04:05Z"),
            ("expires_at", "2026-01-03T03:04:04Z"),
        ] {
            value[field] = text.into();
        }
        self.holding(name, &value.to_string(), tags).await;
        token
    }

    pub async fn holding(&self, name: &str, value: &str, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
        let create = self.aws.create_secret().name(name).secret_string(value).set_tags(Some(tags));
        create.send().await.expect("the secret is created");
    }

    /// Requests a token of the client directly from the simulator.
    pub async fn mint(&self) -> String {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = format!("{}/oauth/token", self.simulation.genesys_url());
        let request = client.post(url).basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        let request = request.form(&[("grant_type", "client_credentials")]);
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    pub fn is_alive(&self, token: &str) -> bool {
        self.simulation.genesys.live_tokens().iter().any(|live| live == token)
    }

    pub fn token_of(&self, name: &str) -> String {
        self.current(name)["access_token"].as_str().expect("a token").to_owned()
    }

    /// The calls of one operation since the journal was cleared.
    fn calls(&self, operation: &str) -> Vec<RecordedCall> {
        let calls = self.simulation.journal.calls().into_iter();
        calls.filter(|call| call.operation == operation).collect()
    }
}

impl Transcript {
    /// The summary at the end of JSON output.
    fn summary(&self) -> Value {
        self.json().pop().expect("a last line")["summary"].clone()
    }

    /// The JSON report of a secret.
    fn about(&self, secret: &str) -> Value {
        self.json()
            .into_iter()
            .find(|line| line["secret"] == secret)
            .unwrap_or_else(|| panic!("{secret}: {}", self.stderr))
    }
}

/// A summary whose other counts are 0.
fn numbers(not_zero: &[(&str, u64)]) -> Value {
    let mut numbers = json!({"rotated": 0, "failed": 0, "skipped": 0, "revoked": 0, "not_revoked": 0, "expiring": 0, "older": 0,
        "not_begun": 0, "in_flight": 0});
    for (name, number) in not_zero {
        numbers[*name] = (*number).into();
    }
    numbers
}
