//! Tokens that the platform ends if they are not used. The engine and the platform share a clock that the test sets.

#![expect(clippy::unwrap_used, reason = "a failure of the harness fails the test")]

use std::sync::Arc;
use std::time::Duration;

use genesys_rotator::engine::{GenesysEngine, GenesysMount};
use genesys_rotator::platform::{Endpoints, Platforms};
use genesys_rotator::rotation::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use openbao_plugin::testing::{MemoryStorage, MemorySystemView, memory_mount};
use openbao_plugin::{Backend, Engine, Failure, Operation, Request, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use simulators::Simulation;
use simulators::faults::{Effect, Fault};

use crate::hosted::{Hosted, until};
use crate::scene::{CXONE_CLIENT, CXONE_KEY, SECOND, config, simulate};

const MINUTE: Duration = Duration::from_secs(60);
/// The longest idle time-out of a HIPAA organization.
const QUARTER_OF_AN_HOUR: Duration = Duration::from_secs(15 * 60);
const TOKENS_ME: &str = "GET /api/v2/tokens/me";
/// `ReplicationPerformanceStandby` of sdk/helper/consts/replication.go.
const STANDBY: i32 = 1 << 14;

/// Real time, and what the test adds to it.
#[derive(Clone, Default)]
struct SharedClock(Arc<Mutex<Duration>>);

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::try_from(*self.0.lock()).unwrap()
    }
}

struct Idle {
    mount: GenesysMount,
    simulation: Simulation,
    system: MemorySystemView,
    storage: MemoryStorage,
    clock: SharedClock,
}

impl Idle {
    /// A mount with the config `main`, in an organization that ends tokens that are not used for this time.
    async fn start(time_out: Duration) -> Self {
        let simulation = simulate().await;
        simulation.genesys.set(|settings| settings.idle_timeout = Some(time_out.as_secs()));
        let (storage, system, clock) = (MemoryStorage::default(), MemorySystemView::default(), SharedClock::default());
        let mount = mount(&simulation, &storage, &system, &clock);
        let idle = Self { mount, simulation, system, storage, clock };
        idle.write("config/main", config()).await.unwrap();
        idle
    }

    /// The same, with a static role and a role with a shared token, both with `keep_alive`.
    async fn with_roles(time_out: Duration) -> Self {
        let idle = Self::start(time_out).await;
        idle.write("static-roles/kept", static_role(true)).await.unwrap();
        idle.write("roles/kept", json!({"config": "main", "keep_alive": true})).await.unwrap();
        idle.read("token/kept").await;
        idle
    }

    /// Starts the engine again, which forgets what is not stored.
    fn restart(&mut self) {
        self.mount = mount(&self.simulation, &self.storage, &self.system, &self.clock);
    }

    fn advance(&self, time: Duration) {
        *self.clock.0.lock() += time;
        self.simulation.genesys.advance(time);
    }

    async fn call(&self, operation: Operation, path: &str, data: Value) -> Result<Response, Failure> {
        let mut request = Request::new(operation, path);
        request.data = data.as_object().cloned().unwrap_or_default();
        self.mount.handle_request(request).await
    }

    async fn write(&self, path: &str, data: Value) -> Result<Response, Failure> {
        self.call(Operation::Update, path, data).await
    }

    async fn read(&self, path: &str) -> Value {
        let answer = self.call(Operation::Read, path, Value::Null).await;
        json!(answer.unwrap_or_else(|failure| panic!("{path}: {failure}")).data)
    }

    async fn token(&self, path: &str) -> String {
        self.read(path).await["access_token"].as_str().unwrap().to_owned()
    }

    /// Reads a token, and asks the simulator, which does not count as a use.
    async fn is_live(&self, path: &str) -> bool {
        let token = self.token(path).await;
        self.simulation.genesys.owner_of(&token).is_some()
    }

    /// The number of requests that used a token, beside those of rotations.
    fn uses(&self) -> usize {
        let validations = self.simulation.journal.count("GET /api/v2/users/me");
        self.simulation.journal.count(TOKENS_ME) - validations
    }
}

fn mount(
    simulation: &Simulation,
    storage: &MemoryStorage,
    system: &MemorySystemView,
    clock: &SharedClock,
) -> GenesysMount {
    let url = simulation.genesys_url();
    let platforms =
        Endpoints::from_lookup(|name| name.starts_with("ROTATOR_").then(|| url.clone())).map(Platforms::new);
    GenesysEngine::new(platforms, clock.clone(), "v0.0.0").mount(memory_mount(storage, system)).unwrap()
}

fn static_role(keep_alive: bool) -> Value {
    json!({"config": "main", "rotation_period": 8 * 3_600, "keep_alive": keep_alive})
}

#[tokio::test]
async fn for_a_day_no_reader_of_a_kept_token_gets_a_dead_one() {
    let idle = Idle::with_roles(QUARTER_OF_AN_HOUR).await;
    idle.write("static-roles/unkept", static_role(false)).await.unwrap();
    let (mut unkept_died, mut tokens) = (false, std::collections::BTreeSet::new());
    for minute in 0..24 * 60 {
        idle.mount.run_pass().await;
        for path in ["static-creds/kept", "token/kept"] {
            assert!(idle.is_live(path).await, "{path} is dead in minute {minute}");
        }
        tokens.insert(idle.token("static-creds/kept").await);
        unkept_died |= !idle.is_live("static-creds/unkept").await;
        idle.advance(MINUTE);
    }
    assert!(unkept_died, "the organization ends tokens that are not used");
    assert!((3..=6).contains(&tokens.len()), "rotated by its period only: {} tokens", tokens.len());
    // Two tokens, each used every 7 to 8 minutes.
    assert!((360..=450).contains(&idle.uses()), "{} uses", idle.uses());
    let status = idle.read("status/main").await;
    assert_eq!((&status["kept_alive"], &status["failed"]), (&json!(idle.uses()), &json!({})));
}

#[tokio::test]
async fn a_kept_token_that_ended_while_no_engine_ran_is_replaced_at_the_next_look() {
    for is_expired in [false, true] {
        it_is_replaced_at_the_next_look(is_expired).await;
    }
}

async fn it_is_replaced_at_the_next_look(is_expired: bool) {
    let mut idle = Idle::with_roles(QUARTER_OF_AN_HOUR).await;
    idle.simulation.genesys.set(|settings| settings.ended_tokens_expire = is_expired);
    let former = (idle.token("static-creds/kept").await, idle.token("token/kept").await);
    idle.advance(2 * QUARTER_OF_AN_HOUR);
    assert!(!idle.is_live("static-creds/kept").await && !idle.is_live("token/kept").await);
    idle.restart();
    idle.mount.run_pass().await;
    assert!(idle.is_live("static-creds/kept").await && idle.is_live("token/kept").await);
    assert_ne!((idle.token("static-creds/kept").await, idle.token("token/kept").await), former);
    assert_eq!(idle.read("static-roles/kept").await["last_error"], Value::Null);
    assert_eq!(idle.read("status").await["failed"], json!({"keep-alive": {"TokenRejected": 2}}));
}

#[tokio::test]
async fn a_kept_token_that_cannot_be_replaced_is_replaced_as_soon_as_it_can_be() {
    let idle = Idle::with_roles(QUARTER_OF_AN_HOUR).await;
    idle.advance(2 * QUARTER_OF_AN_HOUR);
    idle.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    for _ in 0..5 {
        idle.mount.run_pass().await;
        idle.advance(MINUTE);
    }
    assert_eq!(idle.read("static-roles/kept").await["last_error"]["type"], "TokenRejected");
    idle.simulation.genesys.set(|settings| settings.reject_new_tokens = false);
    idle.advance(5 * MINUTE);
    idle.mount.run_pass().await;
    assert!(idle.is_live("static-creds/kept").await && idle.is_live("token/kept").await);
}

#[tokio::test]
async fn a_failed_use_is_counted_and_repeated_until_the_token_is_used() {
    let idle = Idle::with_roles(QUARTER_OF_AN_HOUR).await;
    idle.mount.run_pass().await;
    idle.simulation.genesys.set(|settings| settings.ip_not_authorized = true);
    for _ in 0..13 {
        idle.advance(MINUTE);
        idle.mount.run_pass().await;
    }
    let failed = idle.read("status/main").await["failed"]["keep-alive"]["IpNotAuthorized"].as_u64();
    assert!(failed.is_some_and(|count| (8..=14).contains(&count)), "two tokens, for six minutes: {failed:?}");
    idle.simulation.genesys.set(|settings| settings.ip_not_authorized = false);
    for _ in 0..30 {
        idle.advance(MINUTE);
        idle.mount.run_pass().await;
        assert!(idle.is_live("static-creds/kept").await && idle.is_live("token/kept").await);
    }
    assert_eq!(idle.read("static-roles/kept").await["last_error"], Value::Null, "neither was rotated");
}

#[tokio::test]
async fn a_use_that_hangs_does_not_block_a_rotation() {
    let idle = Idle::start(QUARTER_OF_AN_HOUR).await;
    idle.write("static-roles/kept", static_role(true)).await.unwrap();
    let former = idle.token("static-creds/kept").await;
    idle.simulation.faults.add(Fault::once(TOKENS_ME, Effect::Hang));
    let before = idle.simulation.journal.count(TOKENS_ME);
    let rotate = async {
        while idle.simulation.journal.count(TOKENS_ME) == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        idle.write("rotate-role/kept", Value::Null).await
    };
    tokio::select! {
        () = idle.mount.run_pass() => panic!("the use does not hang"),
        rotated = rotate => drop(rotated.unwrap()),
    }
    assert_ne!(idle.token("static-creds/kept").await, former);
}

#[tokio::test]
async fn a_use_that_overlaps_with_a_revocation_is_no_failure() {
    let idle = Idle::with_roles(QUARTER_OF_AN_HOUR).await;
    let meeting = Arc::new(tokio::sync::Barrier::new(3));
    let meet = Fault { times: Some(2), ..Fault::once(TOKENS_ME, Effect::Meet(meeting.clone())) };
    idle.simulation.faults.add(meet);
    let before = idle.simulation.journal.count(TOKENS_ME);
    let replace = async {
        while idle.simulation.journal.count(TOKENS_ME) < before + 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        idle.write("rotate-role/kept", json!({"revoke_previous": true})).await.unwrap();
        idle.write("rotate-token/kept", json!({"revoke_previous": true})).await.unwrap();
        meeting.wait().await;
    };
    tokio::join!(idle.mount.run_pass(), replace);
    idle.advance(MINUTE);
    idle.mount.run_pass().await;
    assert_eq!(idle.simulation.genesys.minted(), 5, "the check of the config, two tokens, and two others");
    assert_eq!(idle.read("status").await["failed"], json!({}));
    assert!(idle.is_live("static-creds/kept").await && idle.is_live("token/kept").await);
}

#[tokio::test]
async fn only_the_active_node_uses_tokens() {
    let idle = Idle::with_roles(QUARTER_OF_AN_HOUR).await;
    idle.system.set_replication_state(STANDBY);
    idle.mount.run_pass().await;
    assert_eq!(idle.uses(), 0);
    // Some hosts do not report that a node is a standby.
    idle.system.set_replication_state(0);
    idle.storage.refuse("cannot write to readonly storage");
    idle.mount.run_pass().await;
    assert_eq!(idle.uses(), 0);
    idle.storage.refuse("");
    idle.mount.run_pass().await;
    assert_eq!(idle.uses(), 2);
}

#[tokio::test]
async fn a_token_without_a_known_end_is_used_at_half_of_the_shortest_time_out() {
    let idle = Idle::with_roles(QUARTER_OF_AN_HOUR).await;
    idle.simulation.genesys.set(|settings| settings.idle_timeout_exempts_clients = true);
    idle.mount.run_pass().await;
    for (wait, uses) in [(140, 2), (11, 4), (100, 4), (60, 6)] {
        idle.advance(wait * SECOND);
        idle.mount.run_pass().await;
        assert_eq!(idle.uses(), uses, "after {wait} s");
    }
}

#[tokio::test]
async fn tokens_without_readers_are_not_kept_alive() {
    let idle = Idle::with_roles(QUARTER_OF_AN_HOUR).await;
    idle.write("config/main", json!({"allowed_roles": "others-*"})).await.unwrap();
    idle.mount.run_pass().await;
    assert_eq!(idle.uses(), 0, "no role may read them");
    idle.write("config/main", json!({"allowed_roles": "*"})).await.unwrap();
    for path in ["static-roles/kept", "roles/kept"] {
        assert_eq!(idle.read(path).await["keep_alive"], true);
        idle.write(path, json!({"keep_alive": false})).await.unwrap();
        assert_eq!(idle.read(path).await["keep_alive"], false);
    }
    idle.mount.run_pass().await;
    assert_eq!(idle.uses(), 0, "no role asks for it");
}

#[tokio::test]
async fn keep_alive_is_rejected_for_tokens_without_an_idle_time_out() {
    let idle = Idle::start(QUARTER_OF_AN_HOUR).await;
    let (client, key) = (CXONE_CLIENT, CXONE_KEY);
    let config = json!({
        "platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com",
        "client_id": client.0, "client_secret": client.1,
        "access_key_id": key.0, "access_key_secret": key.1,
    });
    idle.write("config/cxone", config).await.unwrap();
    for path in ["roles/c", "static-roles/c"] {
        let settings = json!({"config": "cxone", "rotation_period": 1_800, "keep_alive": true});
        let failure = idle.write(path, settings).await.unwrap_err().to_string();
        assert!(failure.starts_with("keep_alive applies to genesys-cloud only\nhint: "), "{path}: {failure}");
    }
    assert_eq!(idle.simulation.cxone.minted(), 1, "by the check of the config");
}

#[tokio::test]
async fn the_background_task_uses_tokens_and_logs_failures_without_secrets() {
    let hosted = Hosted::start().await;
    hosted.simulation.genesys.set(|settings| settings.idle_timeout = Some(900));
    hosted.write("static-roles/ci", static_role(true)).await;
    let count = |operation| hosted.simulation.journal.count(operation);
    until("the token is used", || count(TOKENS_ME) > count("GET /api/v2/users/me")).await;
    hosted.simulation.genesys.set(|settings| settings.ip_not_authorized = true);
    hosted.restart().await;
    until("the failure is logged", || hosted.has_logged("the token could not be kept alive")).await;
    hosted.simulation.genesys.set(|settings| settings.ip_not_authorized = false);
    hosted.simulation.genesys.advance(QUARTER_OF_AN_HOUR);
    let ended = hosted.token().await;
    hosted.restart().await;
    until("the token is replaced", || hosted.stored_token().is_some_and(|stored| stored != ended)).await;
    assert!(hosted.has_logged("a token has ended although it was kept alive"));
    hosted.assert_no_secrets_logged();
}
