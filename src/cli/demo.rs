//! `demo`: three rotations on a simulator that the binary starts.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::exit::{CommandFailure, Exit};
use super::report::Rotation;
use super::terminal::fingerprint::fingerprint;
use super::terminal::output::{Format, Output};
use crate::platform::{Endpoints, Platforms};
use crate::rotation::{
    Credentials, Deadline, Document, ErrorKind, KeyPair, Result, RotationError, Rotator, SecretId, SecretStore,
    SystemClock, TokenIssuer, VersionId, VersionSelector,
};
use crate::secret::SecretString;
use crate::store::memory::MemoryStore;

/// Id and secret of the client that the simulators have unless other ones are given.
pub(super) const CLIENT: (&str, &str) = ("demo-client", "demo-secret");
const SECRET: &str = "demo/genesys-token";
const REGION: &str = "mypurecloud.ie";
/// The timeout of each rotation, and of a request to the simulator.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The state of the demonstration.
struct Demo<'a> {
    /// The simulator's base URL.
    url: &'a str,
    rotator: Rotator<MemoryStore, Platforms, SystemClock>,
    secret: SecretId,
    output: &'a Output,
}

/// Id and secret of the default client.
pub fn default_client() -> (String, String) {
    let (id, secret) = CLIENT;
    (id.to_owned(), secret.to_owned())
}

/// Shows two rotations that succeed and one whose token is rejected, on the simulator at this
/// base URL, which must have the [default client](default_client).
///
/// # Errors
/// The simulator cannot be reached.
pub async fn run(url: &str, output: &Output) -> std::result::Result<Exit, CommandFailure> {
    let demo = Demo::set_up(url, output)?;
    demo.introduce();
    let first = demo.first().await?;
    let second = demo.second().await?;
    let third = demo.third().await?;
    demo.conclude();
    if output.format == Format::Json {
        [&first, &second, &third].into_iter().for_each(|rotation| output.json(&rotation.to_json()));
    }
    let is_as_described = first.report.promoted() && second.report.promoted() && !third.report.promoted();
    Ok(if is_as_described { Exit::Done } else { Exit::Failed })
}

impl<'a> Demo<'a> {
    fn set_up(url: &'a str, output: &'a Output) -> Result<Self> {
        let (client_id, client_secret) = CLIENT;
        let endpoints = Endpoints::from_lookup(|_| Some(url.to_owned()))?;
        let (store, secret) = (MemoryStore::new(), SecretId::new(SECRET));
        let document = json!({ "region": REGION, "client_id": client_id, "client_secret": client_secret });
        store.create(secret.clone(), SecretString::from(document.to_string()));
        let rotator = Rotator::new(store, Platforms::new(endpoints), SystemClock);
        Ok(Self { url, rotator, secret, output })
    }

    fn introduce(&self) {
        self.say("Pipelines read an access token from a secret and call Genesys Cloud with it. Tokens expire.");
        self.say(
            "A rotation issues a new token, validates it, and only then promotes it: readers get it from then on.",
        );
        self.say(&format!("This demo runs on a simulated Genesys Cloud at {}; it stores nothing on disk.", self.url));
        self.say("A token is shown as # and the first digits of its SHA-256, never as its value.");
        self.say("");
        self.say(&format!("The secret {SECRET} holds the credentials of an OAuth client and no token yet:"));
        self.say(&format!(r#"  {{"region":"{REGION}","client_id":"{}","client_secret":"(hidden)"}}"#, CLIENT.0));
    }

    async fn first(&self) -> Result<Rotation> {
        self.heading("1. The first rotation");
        self.say(
            "The credentials are exchanged for a token. The token is staged as a new version, tested and promoted:",
        );
        let rotation = self.rotate().await;
        self.say(&format!("  readers now get the token {}", self.what_readers_see().await?));
        Ok(rotation)
    }

    async fn second(&self) -> Result<Rotation> {
        self.heading("2. A second rotation");
        self.say("A new token replaces the old one. The old token stays valid for readers that still use it:");
        let (old, before) = (self.current_token().await?, self.what_readers_see().await?);
        let rotation = self.rotate().await;
        self.say(&format!("  readers now get the token {}, and no longer {before}", self.what_readers_see().await?));
        let works = match old {
            Some(token) => self.rotator.issuer.verify(&self.credentials(), &token, &[]).await.is_ok(),
            None => false,
        };
        let still = if works { "still works until it expires" } else { "no longer works" };
        self.say(&format!("  the old token {before} {still}"));
        Ok(rotation)
    }

    async fn third(&self) -> Result<Rotation> {
        self.heading("3. A rotation that fails");
        self.say("The platform issues a token, but rejects it when it is used:");
        self.reject_the_next_token().await?;
        let before = self.what_readers_see().await?;
        let rotation = self.rotate().await;
        if let Some(error) = &rotation.report.error {
            self.say(&format!("  error: {error}"));
            self.say(&format!("  hint:  {}", error.hint()));
        }
        let after = self.what_readers_see().await?;
        let kept = if after == before { "still get the token" } else { "now get the token" };
        self.say(&format!("  readers {kept} {after}; the failed rotation does not affect them"));
        Ok(rotation)
    }

    fn conclude(&self) {
        self.say("");
        self.say("Next: `genesys-rotator check SECRET` tries your own credentials and stores nothing.");
    }

    async fn rotate(&self) -> Rotation {
        let (fresh, deadline) = (VersionId::random(), Deadline::after(TIMEOUT));
        let report = self.rotator.rotate(&self.secret, fresh, deadline, |_| {}).await;
        let rotation = Rotation { typed: SECRET.to_owned(), report, revocation: None };
        if self.output.format == Format::Text {
            rotation.explain(self.output, &self.rotator.clock);
        }
        rotation
    }

    async fn current_token(&self) -> Result<Option<SecretString>> {
        match self.rotator.store.read(&self.secret, VersionSelector::Current).await? {
            Some(stored) => Document::parse(&stored.text)?.access_token(),
            None => Ok(None),
        }
    }

    /// The fingerprint of the current token, which identifies it without revealing it.
    async fn what_readers_see(&self) -> Result<String> {
        let token = self.current_token().await?;
        Ok(token.map_or_else(|| "(none)".to_owned(), |token| format!("#{}", fingerprint(&token))))
    }

    fn credentials(&self) -> Credentials {
        let (id, secret) = default_client();
        let client = KeyPair { id, secret: secret.into() };
        Credentials::GenesysCloud { region: REGION.to_owned(), client }
    }

    /// Configures the simulator through its control API.
    async fn reject_the_next_token(&self) -> Result<()> {
        let body = json!({ "message": "Invalid login credentials.", "code": "bad.credentials", "status": 401 });
        let effect = json!({
            "type": "answer", "status": 401, "content_type": "application/json", "body": body.to_string(),
        });
        let fault = json!({ "operation": "GET /api/v2/users/me", "skip": 0, "times": 1, "effect": effect });
        let unreachable = |error| {
            RotationError::new(
                ErrorKind::PlatformUnavailable,
                "the simulator did not accept the order to reject a token",
            )
            .with_source(error)
        };
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(unreachable)?;
        let request = client.post(format!("{}/_sim/faults", self.url)).header(CONTENT_TYPE, "application/json");
        let answer = request.body(fault.to_string()).send().await;
        answer.and_then(reqwest::Response::error_for_status).map_err(unreachable)?;
        Ok(())
    }

    fn heading(&self, text: &str) {
        self.say("");
        if self.output.format == Format::Text {
            self.output.heading(text);
        }
    }

    /// Prints a line of the explanation, which JSON output leaves out.
    fn say(&self, line: &str) {
        if self.output.format == Format::Text {
            self.output.result(line);
        }
    }
}
