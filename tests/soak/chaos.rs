//! Random faults and kills.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fastrand::Rng;
use openbao_plugin::testing::bao::signal;
use parking_lot::Mutex;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};
use simulators::faults::{Effect, FaultAnswer};
use tokio::time::{Instant, sleep};

use crate::ledger::Unanswered;
use crate::secrets::{Driver, Secret};
use crate::world::World;

const REVOKE: &str = "DELETE /api/v2/tokens/me";
/// A request is carried out at most this late. The rotation assumes 15 s.
const LATEST: Duration = Duration::from_secs(12);

/// Lets random calls of the rotating programs fail until the returned guard is dropped. Readers use other ports.
pub fn disturb(world: &Arc<World>) -> Disturbed {
    let rng = Mutex::new(Rng::with_seed(world.settings.seed ^ 0xfa));
    let chosen = Arc::downgrade(world);
    world.simulation.faults.choose_with(move |operation, headers| {
        let world = chosen.upgrade()?;
        let mut rng = rng.lock();
        (rng.f64() < world.settings.faults).then(|| choose(&world, &mut rng, operation, headers))?
    });
    Disturbed(world.clone())
}

pub struct Disturbed(Arc<World>);

impl Drop for Disturbed {
    fn drop(&mut self) {
        self.0.simulation.faults.clear();
    }
}

fn choose(world: &World, rng: &mut Rng, operation: &str, headers: &HeaderMap) -> Option<Effect> {
    let secret = owner(world, headers);
    let may_cut = world.settings.cuts_leases || secret.is_some_and(|secret| !secret.kind.makes_secret());
    // Late requests are carried out before the last rotations.
    let latest = LATEST.min(world.settings.settle.mul_f64(0.75));
    let (name, effect) = match rng.u32(..100) {
        0..20 => ("dropped", Effect::Drop),
        20..35 if may_cut => ("answer lost", Effect::LoseAnswer),
        35..40 if may_cut => ("carried out late", Effect::Late(latest.mul_f64(rng.f64()))),
        40..60 => ("5xx", broken(operation, rng)),
        60..75 => ("429", throttled(operation, headers)),
        75..88 => ("slow", Effect::Delay(Duration::from_millis(rng.u64(50..1500)))),
        88..100 => ("answered late", Effect::DelayAnswer(Duration::from_millis(rng.u64(50..1500)))),
        _ => return None,
    };
    world.ledger.with(|entries| {
        *entries.faults.entry(name).or_default() += 1;
        let delay = match &effect {
            Effect::LoseAnswer => Some(Duration::ZERO),
            Effect::Late(delay) => Some(*delay),
            _ => None,
        };
        if let (Some(delay), Some(secret)) = (delay, secret) {
            let at = Instant::now() + delay;
            let operation = operation.to_owned();
            entries.unanswered.push(Unanswered { secret: secret.index, operation, at });
        }
        if let (REVOKE, Some(token)) = (operation, bearer(headers)) {
            entries.unrevoked.insert(token.to_owned());
        }
    });
    Some(effect)
}

/// The secret whose client, access key or token a request carries.
fn owner<'a>(world: &'a World, headers: &HeaderMap) -> Option<&'a Secret> {
    let id = basic(headers).or_else(|| {
        let token = bearer(headers)?;
        world.simulation.genesys.owner_of(token).or_else(|| subject(token))
    })?;
    world.secrets.iter().find(|secret| id.starts_with(&secret.name))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn basic(headers: &HeaderMap) -> Option<String> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

/// The user of a token of CXone.
fn subject(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["sub"].as_str()?.strip_prefix("user:").map(str::to_owned)
}

fn is_aws(operation: &str) -> bool {
    !operation.contains(' ')
}

fn answer(status: StatusCode, content_type: &str, body: &Value) -> Effect {
    Effect::Answer(FaultAnswer::new(status, content_type, body.to_string()))
}

fn broken(operation: &str, rng: &mut Rng) -> Effect {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    if is_aws(operation) {
        return answer(status, "application/x-amz-json-1.1", &json!({"__type": "ServiceUnavailable"}));
    }
    if rng.bool() {
        return Effect::Answer(FaultAnswer::new(StatusCode::BAD_GATEWAY, "text/html", "<html>Bad Gateway</html>"));
    }
    answer(status, "application/json", &json!({"code": "service.unavailable", "status": 503, "message": "later"}))
}

fn throttled(operation: &str, headers: &HeaderMap) -> Effect {
    let status = StatusCode::BAD_REQUEST;
    match operation {
        _ if is_aws(operation) => {
            let body = json!({"__type": "ThrottlingException", "message": "Rate exceeded"});
            answer(status, "application/x-amz-json-1.1", &body)
        }
        // Genesys Cloud. CXone has the same path, and answers 429.
        "POST /oauth/token" if basic(headers).is_some() => {
            let description = "rate limit exceeded; try again in 1 seconds";
            answer(status, "application/json", &json!({"error": "invalid_request", "description": description}))
        }
        _ => {
            let body = json!({"code": "too.many.requests.retry.after", "status": 429, "message": "later"});
            let answer = FaultAnswer::new(StatusCode::TOO_MANY_REQUESTS, "application/json", body.to_string());
            Effect::Answer(answer.with_header("retry-after", "1"))
        }
    }
}

/// Kills the processes of the function at random times.
pub async fn kill_function(world: Arc<World>) {
    let mut rng = Rng::with_seed(world.settings.seed ^ 0xf0);
    loop {
        sleep(around(&mut rng, world.settings.killing)).await;
        if !world.settings.cuts_leases && world.holds_lease(Driver::Function) {
            continue;
        }
        world.ledger.with(|entries| entries.function_kills.push(Instant::now()));
        world.simulation.function.as_ref().expect("a function").kill();
    }
}

/// Kills the process of the engine at random times. The server starts another one, which is killed only once it answers:
/// OpenBao 2.7.2 may not replace a process that is killed while it starts.
pub async fn kill_engine(world: Arc<World>) {
    let mut rng = Rng::with_seed(world.settings.seed ^ 0xe0);
    loop {
        sleep(around(&mut rng, world.settings.killing * 2)).await;
        if !world.settings.cuts_leases && world.holds_lease(Driver::Engine) {
            continue;
        }
        if !answers(&world).await {
            continue;
        }
        let engines = world.bao.engines();
        world.ledger.with(|entries| entries.engine_kills.push(Instant::now()));
        for engine in engines {
            signal(engine, "KILL");
        }
    }
}

/// Whether the engine answers reads.
async fn answers(world: &World) -> bool {
    let Some(secret) = world.secrets.iter().find(|secret| secret.driver == Driver::Engine) else { return false };
    secret.read(world).await.is_ok()
}

/// A random time with this mean.
pub fn around(rng: &mut Rng, mean: Duration) -> Duration {
    mean.mul_f64(0.3 + 1.4 * rng.f64())
}
