//! Every kind of token and of client-secret rotation: each through every fault at every call, with a
//! reader who looks all the while.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use reqwest::StatusCode;
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::genesys::OAuthClient;

pub const SECOND_ID: &str = "5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10";
pub const SECOND_SECRET: &str = "hush-hush-second-secret-0123456789";
pub const ADMIN: &str = "genesys/admin";
pub const ADMIN_ID: &str = "5f3c8a52-000a-4e71-9d0c-6f2b3c9d1e10";
pub const ADMIN_SECRET: &str = "hush-hush-admin-secret-0123456789";
pub const ROTATIONS: usize = 15;
/// The calls that issue a token for a year.
pub const LONG_LIVED: [&str; 2] = ["POST /api/v2/oauth/token/generate", "POST /api/v2/oauth/apitokens"];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    Generated,
    ApiToken,
    Alternating,
    InPlace,
    AccessKeys,
}

impl Mode {
    pub fn document(self) -> Value {
        let mut document = if self == Self::AccessKeys { cxone::back_end() } else { document() };
        let fields = match self {
            Self::Generated => json!({"token": "generated", "resource_owner": "5f3c8a52-0f00-4e71-9d0c-6f2b3c9d1e10"}),
            Self::ApiToken => json!({"token": "api-token", "name": "pipelines", "scopes": ["routing"]}),
            Self::Alternating => json!({
                "rotate": "client_secret",
                "clients": [
                    {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "note": 1.50},
                    {"client_id": SECOND_ID, "client_secret": SECOND_SECRET},
                ],
                "admin_credentials": ADMIN,
            }),
            Self::InPlace => json!({"rotate": "client_secret", "accept_gap": true}),
            Self::AccessKeys => json!({"rotate": "client_secret"}),
        };
        document.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        document
    }
}

/// The document of the admin of the two clients.
pub fn admin() -> Value {
    let rotates = [CLIENT_ID, SECOND_ID];
    json!({"region": "mypurecloud.ie", "client_id": ADMIN_ID, "client_secret": ADMIN_SECRET, "rotates": rotates})
}

/// A world with a secret of this mode, which was rotated once.
pub async fn world(mode: Mode, retries: u32) -> World {
    let settings = SecretsManagerSettings {
        retries,
        retry_delay: Duration::from_millis(10),
        writes_per_second: None,
        ..SecretsManagerSettings::default()
    };
    let world = World::with(settings).await;
    world.simulation.genesys.set(|settings| settings.unpublished_endpoints = true);
    // A key whose secret got lost on the way counts as well.
    world.simulation.cxone.set(|settings| settings.access_keys_per_user = 100);
    for (id, secret) in [(SECOND_ID, SECOND_SECRET), (ADMIN_ID, ADMIN_SECRET)] {
        world.simulation.genesys.add_client(OAuthClient::new(id, secret));
    }
    world.create(ADMIN, &admin()).await;
    world.create(SECRET, &mode.document()).await;
    let first = world.rotate().await;
    assert!(first.succeeded, "{mode:?}: {first:?}");
    world
}

/// Every call of one rotation, and how many of its kind come before.
pub async fn calls(world: &World) -> Vec<(String, u32)> {
    world.simulation.journal.clear();
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    let mut seen: Vec<(String, u32)> = Vec::new();
    for call in world.simulation.journal.calls() {
        if matches!(call.operation.as_str(), "RotateSecret" | "CreateSecret") {
            continue;
        }
        let before = seen.iter().filter(|(operation, _)| *operation == call.operation).count();
        seen.push((call.operation, before as u32));
    }
    seen
}

impl World {
    /// Runs the four steps on a version that is staged already, and removes its pending label, as the service does.
    pub async fn resume(&self, version: &str) {
        for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
            self.invoke(step, SECRET, version).await.expect("the step succeeds");
        }
        let label = self.aws.update_secret_version_stage().secret_id(SECRET).version_stage("AWSPENDING");
        label.remove_from_version_id(version).send().await.expect("the pending label is removed");
    }

    /// Replaces a world whose secret has nearly the maximum number of versions.
    async fn make_room(&mut self, mode: Mode) {
        if self.versions(SECRET).len() > 70 {
            assert_no_secrets_in(self);
            *self = world(mode, 0).await;
        }
    }

    /// Ends the lease that a killed rotation holds, as time does.
    pub async fn expire_lease(&self) {
        let holder = self.holder("ROTATOR_LEASE");
        let rest = holder.as_ref().and_then(|holder| holder.id.strip_prefix("lease-")?.split_once('-'));
        if let Some((_, rest)) = rest {
            let ended = format!("lease-1-{rest}");
            let put = self.aws.put_secret_value().secret_id(SECRET).client_request_token(ended);
            put.secret_string("{}").version_stages("ROTATOR_LEASE").send().await.expect("the lease is moved");
        }
    }

    /// Whether the credentials that readers have would be exchanged now.
    pub fn stored_client_works(&self) -> bool {
        let current = self.current();
        if current["platform"] == "nice-cxone" {
            let keys = self.simulation.cxone.access_keys();
            return keys.iter().any(|key| {
                key.is_active && current["access_key_id"] == *key.id && current["access_key_secret"] == *key.secret
            });
        }
        let clients = self.simulation.genesys.clients();
        clients.iter().any(|client| current["client_id"] == *client.id && current["client_secret"] == *client.secret)
    }

    pub fn stored_token_works(&self) -> bool {
        let live = [self.simulation.genesys.live_tokens(), self.simulation.cxone.live_tokens()].concat();
        self.current_token().is_some_and(|token| live.contains(&token))
    }
}

async fn every_call_heals_from(mode: Mode, effect: impl Fn(&str) -> Effect) {
    // A request for a long-lived token is repeated only if Secrets Manager repeats the rotation.
    let retries = u32::from(matches!(mode, Mode::Generated | Mode::ApiToken));
    let mut world = world(mode, retries).await;
    for (operation, before) in calls(&world).await {
        world.make_room(mode).await;
        world.simulation.faults.clear();
        world.simulation.faults.add(Fault::once(&operation, effect(&operation)).after(before));
        let former = world.current_token();
        let outcome = world.rotate().await;
        match outcome.failures.as_slice() {
            [] => {}
            [(_, error)] if LONG_LIVED.contains(&operation.as_str()) => {
                assert!(error.message.contains("may have issued a token"), "{operation}: {error:?}");
            }
            _ => panic!("{mode:?}, {operation} after {before}: {outcome:?}"),
        }
        assert!(outcome.succeeded, "{mode:?}, {operation} after {before}: {outcome:?}");
        assert!(world.stored_client_works() && world.stored_token_works(), "{mode:?}, {operation} after {before}");
        assert_ne!(world.current_token(), former);
    }
    assert_no_secrets_in(&world);
}

async fn every_kill_heals(mode: Mode, effect: Effect) {
    let mut world = world(mode, 0).await;
    for (operation, before) in calls(&world).await {
        world.make_room(mode).await;
        world.simulation.faults.clear();
        world.simulation.faults.add(Fault::once(&operation, effect.clone()).after(before));
        let killed = world.rotate().await;
        world.expire_lease().await;
        if !killed.succeeded {
            world.resume(&killed.version_id).await;
        }
        assert!(world.stored_client_works() && world.stored_token_works(), "{mode:?}, {operation} after {before}");
        assert!(world.holder("AWSPENDING").is_none() && world.holder("ROTATOR_AHEAD").is_none());
    }
    assert_no_secrets_in(&world);
}

/// No log line holds a secret of any client, present or stored, or a living token.
fn assert_no_secrets_in(world: &World) {
    let logs = world.logs().join("\n");
    let clients = world.simulation.genesys.clients().into_iter().map(|client| client.secret);
    let keys = world.simulation.cxone.access_keys().into_iter().map(|key| key.secret);
    let tokens = [world.simulation.genesys.live_tokens(), world.simulation.cxone.live_tokens()].concat();
    let fixed = [CLIENT_SECRET, SECOND_SECRET, ADMIN_SECRET, cxone::CLIENT.1, cxone::KEY.1].map(str::to_owned);
    for secret in clients.chain(keys).chain(fixed).chain(tokens) {
        assert!(!logs.contains(&secret), "a log line holds a secret");
    }
}

pub fn web_page(status: StatusCode) -> Effect {
    Effect::Answer(FaultAnswer::new(status, "text/html", "<html><body>Service Unavailable</body></html>"))
}

/// Many small tests run beside each other; one of all would run alone for minutes.
macro_rules! modes {
    ($($name:ident: $mode:expr;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn a_dropped_connection_heals() {
                every_call_heals_from($mode, |_| Effect::Drop).await;
            }

            #[tokio::test]
            async fn a_lost_answer_heals() {
                every_call_heals_from($mode, |_| Effect::LoseAnswer).await;
            }

            #[tokio::test]
            async fn a_web_page_instead_of_an_answer_heals() {
                every_call_heals_from($mode, |_| web_page(StatusCode::SERVICE_UNAVAILABLE)).await;
            }

            #[tokio::test]
            async fn an_empty_success_heals() {
                every_call_heals_from($mode, |_| Effect::Answer(FaultAnswer::new(StatusCode::OK, "application/json", "{}"))).await;
            }

            #[tokio::test]
            async fn too_many_requests_heal() {
                every_call_heals_from($mode, |operation| match operation.contains(' ') {
                    true => Effect::Answer(FaultAnswer::new(StatusCode::TOO_MANY_REQUESTS, "application/json", r#"{"status":429,"code":"too.many.requests.retry.after"}"#).with_header("retry-after", "1")),
                    false => Effect::Answer(FaultAnswer::new(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#)),
                })
                .await;
            }

            #[tokio::test]
            async fn a_kill_before_any_call_heals() {
                every_kill_heals($mode, Effect::KillBefore).await;
            }

            #[tokio::test]
            async fn a_kill_after_any_call_heals() {
                every_kill_heals($mode, Effect::KillAfter).await;
            }
        }
    )*};
}

modes! {
    generated: Mode::Generated;
    api_token: Mode::ApiToken;
    alternating: Mode::Alternating;
    in_place: Mode::InPlace;
    access_keys: Mode::AccessKeys;
}

/// What goes wrong while readers read.
pub const FAULTS: [fn() -> Effect; 4] =
    [|| Effect::Drop, || Effect::LoseAnswer, || web_page(StatusCode::BAD_GATEWAY), || Effect::KillAfter];

/// Waits until a reader has looked twice: a rotation may take less time than one look.
pub async fn looked_again(looks: &AtomicUsize) {
    let before = looks.load(Ordering::Relaxed);
    while looks.load(Ordering::Relaxed) < before + 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Rotates under faults while a reader looks, and gives how often it looked and how often what it read did not work.
async fn outages(mode: Mode, works: fn(&World) -> bool) -> (usize, usize) {
    // After a kill, the lease lasts longer than one retry waits.
    let world = Arc::new(world(mode, 3).await);
    let calls = calls(&world).await;
    let (looks, outages) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let reader = {
        let (world, looks, outages) = (world.clone(), looks.clone(), outages.clone());
        tokio::spawn(async move {
            loop {
                looks.fetch_add(1, Ordering::Relaxed);
                outages.fetch_add(usize::from(!works(&world)), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    for round in 0..ROTATIONS {
        let (operation, before) = &calls[round * 7 % calls.len()];
        world.simulation.faults.clear();
        world.simulation.faults.add(Fault::once(operation, FAULTS[round % FAULTS.len()]()).after(*before));
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{mode:?}: {outcome:?}");
        looked_again(&looks).await;
    }
    reader.abort();
    (looks.load(Ordering::Relaxed), outages.load(Ordering::Relaxed))
}

#[expect(clippy::disallowed_macros, reason = "shown in the output of the test")]
async fn no_outage(mode: Mode, works: fn(&World) -> bool) {
    let (looks, outages) = outages(mode, works).await;
    println!("{mode:?}: {outages} outages in {looks} looks, {ROTATIONS} rotations");
    assert!(looks > ROTATIONS && outages == 0, "{mode:?}: {outages} outages in {looks} looks");
}

#[tokio::test]
async fn a_reader_meets_no_outage_with_two_clients() {
    no_outage(Mode::Alternating, |world| world.stored_client_works() && world.stored_token_works()).await;
}

#[tokio::test]
async fn a_reader_meets_no_outage_with_access_keys() {
    no_outage(Mode::AccessKeys, |world| world.stored_client_works() && world.stored_token_works()).await;
}

#[tokio::test]
async fn a_reader_of_the_token_meets_no_outage_in_any_mode() {
    for mode in [Mode::Generated, Mode::ApiToken, Mode::InPlace] {
        no_outage(mode, World::stored_token_works).await;
    }
}

#[tokio::test]
async fn a_secret_that_takes_its_time_to_arrive_is_waited_for() {
    for (mode, seconds) in [(Mode::Alternating, 3), (Mode::InPlace, 3), (Mode::Alternating, 10), (Mode::InPlace, 10)] {
        let world = world(mode, 0).await;
        world.simulation.genesys.set(|settings| settings.secret_propagation = seconds);
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{mode:?} {seconds} s: {outcome:?}");
        assert!(world.stored_client_works() && world.stored_token_works());
    }
}

#[tokio::test]
async fn tokens_that_die_with_the_old_secret_do_no_harm() {
    for mode in [Mode::Alternating, Mode::InPlace] {
        let world = world(mode, 0).await;
        world.simulation.genesys.set(|settings| settings.regenerate_revokes_tokens = true);
        for _ in 0..3 {
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{mode:?}: {outcome:?}");
            assert!(world.stored_client_works() && world.stored_token_works());
        }
    }
}

#[tokio::test]
async fn where_only_a_person_can_help_the_way_out_is_said() {
    let world = world(Mode::InPlace, 0).await;
    world.simulation.genesys.set(|settings| settings.regenerate_revokes_tokens = true);
    world.simulation.faults.add(Fault::once("POST /api/v2/oauth/clients/{id}/secret", Effect::LoseAnswer));
    let outcome = world.rotate().await;
    assert!(!outcome.succeeded, "the token died together with the answer");
    let said = format!("{outcome:?}");
    assert!(said.contains(CLIENT_ID) && said.contains("by hand"), "{said}");
}

#[tokio::test]
async fn alternating_adds_fourteen_round_trips_and_the_other_client_each_time() {
    let world = world(Mode::Alternating, 0).await;
    world.simulation.faults.add(Fault::always("*", Effect::Delay(Duration::from_millis(25))));
    for expected in [CLIENT_ID, SECOND_ID, CLIENT_ID] {
        world.simulation.journal.clear();
        assert!(world.rotate().await.succeeded);
        assert_eq!(world.current()["client_id"], expected);
        let chain = world.simulation.journal.longest_chain();
        assert!(chain <= 8 + 14 + 1, "the caller's own request and {chain} more");
    }
    let note = &world.current()["clients"][0]["note"];
    assert_eq!(note, 1.5, "what is not ours in the list is kept");
}

#[tokio::test]
async fn an_organization_without_the_endpoint_fails_with_a_hint() {
    let world = World::new().await;
    world.create(SECRET, &Mode::Generated.document()).await;
    let outcome = world.rotate().await;
    let said = format!("{outcome:?}");
    assert!(!outcome.succeeded && said.contains("does not offer") && said.contains("token duration"), "{said}");
    assert!(world.simulation.genesys.live_tokens().is_empty(), "the first token was given back");
}
