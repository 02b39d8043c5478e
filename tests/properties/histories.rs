//! Long histories of operations on one secret, in files and in KV of a real OpenBao. After each operation, what a reader
//! reads must work, unless the operator's own last operation broke it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use genesys_rotator::platform::{Endpoints, Platforms};
use genesys_rotator::rotation::{
    ClientSecrets, Clock, Credentials, Deadline, KeyPair, RetryPolicy, RotationReport, RotationStore, Rotator,
    SecretId, SecretStore, SystemClock, TokenIssuer, VersionId, VersionSelector,
};
use genesys_rotator::secret::ExposeSecret;
use genesys_rotator::store::vault::VaultKv;
use jiff::Timestamp;
use openbao_plugin::testing::bao::{Bao, ROOT};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;
use simulators::{Simulation, SimulationSettings};

use crate::holds;
use crate::operation::{Mode, Operation, history};
use crate::place::{Files, Kv, Place};

const FIRST: (&str, &str) = ("5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "hush-hush-first-secret");
const SECOND: (&str, &str) = ("5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10", "hush-hush-second-secret");
const ADMIN: (&str, &str) = ("5f3c8a52-000a-4e71-9d0c-6f2b3c9d1e10", "hush-hush-admin-secret");
/// The fields that rotations write.
const WRITTEN: [&str; 7] =
    ["access_token", "token_type", "issued_at", "expires_at", "client_id", "client_secret", "clients"];

/// The lease of an interrupted rotation ends after this time (in `renewal/lease`: 45 s).
const LEASE: Duration = Duration::from_secs(60);

/// The system clock, and the seconds that the test let pass.
#[derive(Clone, Default)]
struct LateClock(Arc<AtomicU64>);

impl Clock for LateClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// What must hold, beside what the simulator knows.
struct History<'a, P: Place> {
    place: P,
    simulation: &'a Simulation,
    platforms: Platforms,
    rotator: Rotator<P::Store, Platforms, LateClock>,
    clock: LateClock,
    mode: Mode,
    /// The fields that rotations do not write, as the operator wrote them last.
    own: Map<String, Value>,
    /// Every document that a reader read.
    documents: Vec<String>,
    /// Whether the reader's token was promoted, and nobody but the rotator touched it since.
    token_works: bool,
    /// Whether the operator stored a client secret that the platform does not accept.
    is_stale: bool,
    /// Tokens that may live without being stored: those of killed processes and of lost answers.
    strays: usize,
}

fn lookup<'a>(url: &'a str) -> impl Fn(&str) -> Option<String> + 'a {
    |_| Some(url.to_owned())
}

/// As long as a step of the function has. After a kill in the middle of a request, a rotation may have to wait.
fn plenty() -> Deadline {
    Deadline::after(Duration::from_secs(80))
}

fn parse(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("readers read an object")
}

impl<'a, P: Place> History<'a, P> {
    async fn begin(place: P, simulation: &'a Simulation, mode: Mode) -> Self {
        for (id, secret) in [FIRST, SECOND, ADMIN] {
            simulation.genesys.add_client(OAuthClient::new(id, secret));
        }
        simulation.genesys.revoke_all();
        simulation.faults.clear();
        let admin = json!({
            "region": "eu-west-1", "client_id": ADMIN.0, "client_secret": ADMIN.1, "rotates": [FIRST.0, SECOND.0],
        });
        place.put_admin(&admin.to_string()).await;
        let mut document = json!({
            "region": "eu-west-1", "note": 1, "client_id": FIRST.0, "client_secret": FIRST.1, "after": [null, {}],
        });
        let clients = [FIRST, SECOND].map(|(id, secret)| json!({"client_id": id, "client_secret": secret}));
        let more = match mode {
            Mode::Token => json!({}),
            Mode::InPlace => json!({"rotate": "client_secret", "accept_gap": true}),
            Mode::Alternating => json!({
                "rotate": "client_secret", "admin_credentials": place.admin(),
                "clients": clients,
            }),
        };
        document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        place.put(&document.to_string()).await;
        let endpoints = Endpoints::from_lookup(lookup(&simulation.genesys_url())).expect("loopback");
        let platforms = Platforms::new(endpoints);
        let clock = LateClock::default();
        let rotator = rotator(&place, &platforms, &clock);
        let own = parse(&document.to_string());
        let own = own.into_iter().filter(|(name, _)| !WRITTEN.contains(&name.as_str())).collect();
        let (documents, token_works, is_stale, strays) = (vec![document.to_string()], false, false, 0);
        Self { place, simulation, platforms, rotator, clock, mode, own, documents, token_works, is_stale, strays }
    }

    async fn text(&self) -> String {
        let read = self.place.store().read(&self.place.id(), VersionSelector::Current).await;
        read.expect("readers can read").expect("a document").text.expose_secret().to_owned()
    }

    async fn current(&self) -> Map<String, Value> {
        parse(&self.text().await)
    }

    async fn run(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        let before = self.current().await;
        let id = self.place.id();
        match operation {
            // Two rotations that renew the same client secret wait for each other for seconds.
            Operation::RotateTwice if self.mode != Mode::Token => {}
            Operation::Rotate => {
                let report = rotate(&self.rotator, &id).await;
                self.ended(&report, &before).await?;
                prop_assert!(report.promoted() || self.is_stale, "{:?}", report.error);
            }
            Operation::RotateTwice => {
                let other = rotator(&self.place, &self.platforms, &self.clock);
                let reports = tokio::join!(rotate(&self.rotator, &id), rotate(&other, &id));
                self.ended(&reports.0, &before).await?;
                self.ended(&reports.1, &before).await?;
                // The first token was promoted as well, and read by nobody here.
                self.strays += 1;
                let promoted = reports.0.promoted() || reports.1.promoted();
                prop_assert!(promoted || self.is_stale, "{:?}", reports);
            }
            Operation::Interrupt { polls, is_killed } => {
                self.interrupt(*polls, *is_killed).await;
                self.seen_after_trouble(&before).await;
            }
            Operation::Fail { call, answer_is_lost } => {
                let calls = [
                    "POST /oauth/token",
                    "GET /api/v2/users/me",
                    "GET /api/v2/tokens/me",
                    "POST /api/v2/oauth/clients/{id}/secret",
                ];
                let effect = if *answer_is_lost {
                    Effect::LoseAnswer
                } else {
                    Effect::Answer(FaultAnswer::new(
                        reqwest::StatusCode::INTERNAL_SERVER_ERROR,
                        "text/plain",
                        "out of order",
                    ))
                };
                self.simulation.faults.add(Fault::once(calls[call.index(calls.len())], effect));
                let report = rotate(&self.rotator, &id).await;
                self.simulation.faults.clear();
                self.let_lease_end();
                self.strays += 1;
                self.ended(&report, &before).await?;
                self.seen_after_trouble(&before).await;
            }
            Operation::Edit(note) => {
                self.own.insert("note".to_owned(), json!(note % (1 << 50)));
                let mut edited = before;
                edited.insert("note".to_owned(), self.own["note"].clone());
                self.place.put(&Value::Object(edited).to_string()).await;
            }
            Operation::Regenerate => self.regenerate(before).await,
            Operation::Restore(index) => {
                let earlier = self.documents[index.index(self.documents.len())].clone();
                self.own = parse(&earlier).into_iter().filter(|(name, _)| !WRITTEN.contains(&name.as_str())).collect();
                self.place.put(&earlier).await;
                self.token_works = false;
                self.is_stale = !self.secret_works(&parse(&earlier));
            }
            Operation::DeleteState => {
                // An in-place rotation that was interrupted may have its only working secret there.
                if self.mode != Mode::InPlace {
                    self.place.delete_state().await;
                }
            }
            Operation::Revoke => {
                self.simulation.genesys.revoke_all();
                (self.token_works, self.strays) = (false, 0);
            }
            Operation::Status => {
                self.rotator.store.describe(&id).await.expect("a description");
            }
            Operation::Check => {
                let checked = self.rotator.check(&id, plenty()).await;
                prop_assert!(checked.is_ok() || self.is_stale || self.mode == Mode::InPlace, "{:?}", checked.err());
            }
        }
        Ok(())
    }

    /// Checks a report, whatever else happened to the secret before.
    async fn ended(&mut self, report: &RotationReport, before: &Map<String, Value>) -> Result<(), TestCaseError> {
        if report.promoted() {
            let current = self.current().await;
            prop_assert_ne!(&current["access_token"], before.get("access_token").unwrap_or(&Value::Null));
            self.token_works = true;
            self.is_stale = false;
        }
        Ok(())
    }

    /// A rotation that was cut short may still have promoted its version.
    async fn seen_after_trouble(&mut self, before: &Map<String, Value>) {
        let current = self.current().await;
        if current.get("access_token") != before.get("access_token") {
            (self.token_works, self.is_stale) = (true, false);
        }
    }

    async fn interrupt(&mut self, polls: usize, is_killed: bool) {
        let id = self.place.id();
        {
            let mut left = polls;
            let mut rotating = pin!(rotate(&self.rotator, &id));
            poll_fn(|context| {
                left -= 1;
                if left == 0 { Poll::Ready(()) } else { rotating.as_mut().poll(context).map(drop) }
            })
            .await;
        }
        if is_killed {
            self.rotator = rotator(&self.place, &self.platforms, &self.clock);
        } else {
            let failure = self.rotator.roll_back(plenty()).await;
            assert!(failure.is_none(), "{failure:?}");
        }
        self.let_lease_end();
        // The administrator's token and the new one: a request that was dropped on its way may have been executed.
        self.strays += 2;
    }

    /// A rotation that was interrupted, or whose last request was not answered, keeps its lease to its end.
    fn let_lease_end(&self) {
        self.clock.0.fetch_add(LEASE.as_secs(), Ordering::Relaxed);
    }

    async fn regenerate(&mut self, mut document: Map<String, Value>) {
        let id = document["client_id"].as_str().expect("an id").to_owned();
        let held = self.simulation.genesys.clients().into_iter().find(|client| client.id == id).expect("a client");
        let client = KeyPair { id: id.clone(), secret: held.secret.clone().into() };
        let credentials = Credentials::GenesysCloud { region: "eu-west-1".to_owned(), client };
        let token = self.platforms.issue(&credentials).await.expect("a token").access_token;
        let place = credentials.place();
        let secret = self.platforms.regenerate(&place, &id, &token).await.expect("a new secret");
        self.platforms.revoke(&place, &token).await.expect("it is revoked");
        document.insert("client_secret".to_owned(), secret.expose_secret().into());
        let clients = document.get_mut("clients").and_then(Value::as_array_mut).into_iter().flatten();
        for entry in clients.filter(|entry| entry["client_id"] == *id) {
            entry["client_secret"] = secret.expose_secret().into();
        }
        self.place.put(&Value::Object(document).to_string()).await;
        self.is_stale = false;
    }

    fn secret_works(&self, document: &Map<String, Value>) -> bool {
        let clients = self.simulation.genesys.clients();
        clients.iter().any(|client| document["client_id"] == *client.id && document["client_secret"] == *client.secret)
    }

    /// The invariants of a reader.
    async fn check(&mut self) -> Result<(), TestCaseError> {
        let text = self.text().await;
        let current = parse(&text);
        let own: Map<_, _> = current.iter().filter(|(name, _)| !WRITTEN.contains(&name.as_str())).map(owned).collect();
        prop_assert_eq!(&own, &self.own, "an edit was lost");
        let live = self.simulation.genesys.live_tokens();
        if self.token_works {
            prop_assert!(
                live.iter().any(|token| current["access_token"] == **token),
                "the reader's token does not work"
            );
        }
        // An in-place rotation accepts a gap.
        if !self.is_stale && self.mode != Mode::InPlace {
            prop_assert!(self.secret_works(&current), "the reader's client secret does not work");
        }
        self.documents.push(text);
        let stored = format!("{}{}", self.documents.concat(), self.place.everything().await);
        let stray = live.iter().filter(|token| !stored.contains(token.as_str())).count();
        prop_assert!(stray <= self.strays, "{} tokens live that nobody knows; at most {}", stray, self.strays);
        Ok(())
    }
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn rotator<P: Place>(place: &P, platforms: &Platforms, clock: &LateClock) -> Rotator<P::Store, Platforms, LateClock> {
    let wait = Duration::from_millis(2);
    let retries = RetryPolicy { first_wait: wait, longest_wait: wait, ..RetryPolicy::default() };
    Rotator::new(place.store(), platforms.clone(), clock.clone()).with_retries(retries)
}

async fn rotate<S: RotationStore>(rotator: &Rotator<S, Platforms, LateClock>, id: &SecretId) -> RotationReport {
    rotator.rotate(id, VersionId::random(), plenty(), |_| {}).await
}

async fn follow<P: Place>(
    place: P,
    simulation: &Simulation,
    mode: Mode,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    let mut history = History::begin(place, simulation, mode).await;
    for (index, operation) in operations.iter().enumerate() {
        let done = match history.run(operation).await {
            Ok(()) => history.check().await,
            Err(failure) => Err(failure),
        };
        done.map_err(|failure| TestCaseError::fail(format!("{mode:?}, operation {index}, {operation:?}: {failure}")))?;
    }
    // One undisturbed rotation leads out of every state.
    if !history.secret_works(&history.current().await) && history.is_stale {
        history.regenerate(history.current().await).await;
    }
    let report = rotate(&history.rotator, &history.place.id()).await;
    prop_assert!(report.promoted(), "{mode:?}, the last rotation: {:?}", report.error);
    let current = history.current().await;
    prop_assert!(history.secret_works(&current), "{mode:?}: the last secret does not work");
    Ok(())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn simulate() -> Simulation {
    let simulation = Simulation::start(SimulationSettings::default()).await.expect("the simulators start");
    simulation.genesys.set(|settings| settings.requests_per_minute = None);
    simulation
}

#[test]
fn a_reader_of_a_file_survives_every_history() {
    let runtime = runtime();
    let simulation = runtime.block_on(simulate());
    holds(crate::one_of(256), file!(), history(), |(mode, operations)| {
        let place = Files { directory: tempfile::tempdir().expect("a directory") };
        runtime.block_on(follow(place, &simulation, mode, &operations))
    });
}

#[test]
fn a_reader_of_kv_survives_every_history() {
    let Some(bao) = Bao::start() else { return };
    let runtime = runtime();
    let simulation = runtime.block_on(simulate());
    let lookup = |name: &str| match name {
        "BAO_ADDR" => Some(bao.url.clone()),
        "BAO_TOKEN" => Some(ROOT.to_owned()),
        _ => None,
    };
    let store = VaultKv::from_lookup(lookup).expect("settings");
    holds(crate::one_of(256), file!(), history(), |(mode, operations)| {
        let place = Kv { bao: &bao, store: store.clone(), name: uuid::Uuid::new_v4().to_string() };
        runtime.block_on(follow(place, &simulation, mode, &operations))
    });
}
