//! A reader on the wire while rotations go wrong: fetches the current version with the AWS SDK, exchanges the credentials
//! that it finds there, and calls the platform with the token.
//!
//! It bears what every reader bears, a dropped connection or a busy platform. An outage is a refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::{RequestBuilder, StatusCode};

use super::modes::{FAULTS, Mode, ROTATIONS, calls, looked_again, world};
use super::*;
use simulators::faults::Fault;

/// What a reader saw.
#[derive(Debug, Default)]
struct Seen {
    /// How often the platform took the credentials or the token.
    taken: AtomicUsize,
    /// How often it refused them.
    refused: AtomicUsize,
}

impl Seen {
    async fn look(&self, request: RequestBuilder) {
        let Ok(response) = request.send().await else { return };
        match response.status() {
            StatusCode::OK => self.taken.fetch_add(1, Ordering::Relaxed),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.refused.fetch_add(1, Ordering::Relaxed)
            }
            _ => 0,
        };
    }
}

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().unwrap_or_default()
}

fn exchange(http: &reqwest::Client, platform: &str, document: &Value) -> RequestBuilder {
    let (id, secret) = (text(document, "client_id"), text(document, "client_secret"));
    let (path, form) = match document["platform"].as_str() {
        Some("nice-cxone") => {
            let (key, secret) = (text(document, "access_key_id"), text(document, "access_key_secret"));
            ("/auth/token", vec![("grant_type", "password"), ("username", key), ("password", secret)])
        }
        _ => ("/oauth/token", vec![("grant_type", "client_credentials")]),
    };
    http.post(format!("{platform}{path}")).basic_auth(id, Some(secret)).form(&form)
}

fn call(http: &reqwest::Client, platform: &str, document: &Value) -> RequestBuilder {
    let path = match document["platform"].as_str() {
        Some("nice-cxone") => "/incontactapi/services/v27.0/business-unit",
        _ => "/api/v2/tokens/me",
    };
    http.get(format!("{platform}{path}")).bearer_auth(text(document, "access_token"))
}

/// Reads the document and uses it until it is stopped. Returns the observed failures of credentials and of tokens.
async fn read(world: Arc<World>, stop: Arc<AtomicBool>, looks: Arc<AtomicUsize>) -> (Seen, Seen) {
    let (credentials, tokens) = (Seen::default(), Seen::default());
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let platform = world.simulation.genesys_url();
    while !stop.load(Ordering::Relaxed) {
        let fetched = world.aws.get_secret_value().secret_id(SECRET).send().await;
        if let Some(value) = fetched.ok().and_then(|answer| answer.secret_string) {
            // A fault may hand out an empty answer in the platform's name, but never a document.
            let document: Value = serde_json::from_str(&value).expect("it is always a whole document");
            credentials.look(exchange(&http, &platform, &document)).await;
            tokens.look(call(&http, &platform, &document)).await;
        }
        looks.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (credentials, tokens)
}

#[expect(clippy::disallowed_macros, reason = "shown in the output of the test")]
async fn no_refusal(mode: Mode, of_credentials_too: bool) {
    // After a kill, the lease lasts longer than one retry waits.
    let world = Arc::new(world(mode, 3).await);
    let calls = calls(&world).await;
    let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let reader = tokio::spawn(read(world.clone(), stop.clone(), looks.clone()));
    for round in 0..ROTATIONS {
        let (operation, before) = &calls[round * 5 % calls.len()];
        world.simulation.faults.clear();
        world.simulation.faults.add(Fault::once(operation, FAULTS[round % FAULTS.len()]()).after(*before));
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{mode:?}: {outcome:?}");
        looked_again(&looks).await;
    }
    stop.store(true, Ordering::Relaxed);
    let (credentials, tokens) = reader.await.expect("the reader ends");
    println!("{mode:?}: {ROTATIONS} rotations; credentials {credentials:?}; tokens {tokens:?}");
    assert!(tokens.taken.into_inner() > ROTATIONS && tokens.refused.into_inner() == 0, "{mode:?}");
    assert!(!of_credentials_too || credentials.refused.into_inner() == 0, "{mode:?}");
}

#[tokio::test]
async fn readers_with_two_clients_are_never_rejected() {
    no_refusal(Mode::Alternating, true).await;
}

#[tokio::test]
async fn readers_with_access_keys_are_never_rejected() {
    no_refusal(Mode::AccessKeys, true).await;
}

#[tokio::test]
async fn readers_of_generated_tokens_are_never_rejected() {
    no_refusal(Mode::Generated, true).await;
}

#[tokio::test]
async fn readers_of_api_tokens_are_never_rejected() {
    no_refusal(Mode::ApiToken, true).await;
}

#[tokio::test]
async fn readers_of_tokens_of_an_in_place_client_are_never_rejected() {
    no_refusal(Mode::InPlace, false).await;
}
