//! The rotation itself in virtual time: the four steps as Secrets Manager runs them, and the whole rotation as the
//! command line runs it, over a store and a platform that answer when the quotas allow it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use genesys_rotator::rotation::{
    AccessKeys, CURRENT, ClientSecrets, Clock, Credentials, Deadline, Description, ErrorKind, IssuedToken,
    LabelledVersion, Lease, PENDING, Place, Probe, RateLimiter, Result, RotationError, Rotator, SecretId, SecretStore,
    Staged, StagedBy, Step, StepRequest, StoredValue, TokenIssuer, VersionId, VersionSelector, WriteAhead,
};
use genesys_rotator::secret::SecretString;
use genesys_rotator::store::memory::MemoryStore;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::limits::{Call, Counts, Limits, Millis};
use crate::scenario::{ATTEMPTS, BETWEEN_ATTEMPTS, BETWEEN_INVOCATIONS, BETWEEN_STEPS, SEED, Scenario, Start};

/// The timeout of the function, and of a rotation by the command line.
const TIMEOUT: Duration = Duration::from_secs(90);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(300);
const LIFETIME: Duration = Duration::from_secs(86_400);

/// Every rotation's way to the store, the platform and the clock.
#[derive(Clone)]
pub struct Port {
    world: Arc<World>,
    client: usize,
}

struct World {
    store: MemoryStore,
    limits: Mutex<Limits>,
    began: Instant,
    /// The calls, if they are recorded: when each was sent, and its step.
    recorded: Mutex<Option<Vec<(Millis, usize, Call)>>>,
    step: Mutex<usize>,
    /// A call that is always refused.
    refused: Option<Call>,
    /// Secrets whose current version has the pending label as well: Secrets Manager keeps it there.
    promoted: Mutex<HashSet<SecretId>>,
}

impl World {
    fn new(scenario: &Scenario, refused: Option<Call>) -> Arc<Self> {
        let (store, recorded) = (MemoryStore::new(), Mutex::default());
        for secret in 0..scenario.secrets {
            store.create(id(secret), document(scenario.client(secret)));
        }
        let limits = Mutex::new(Limits::new(scenario.is_command_line()));
        let (began, step, promoted) = (Instant::now(), Mutex::default(), Mutex::default());
        Arc::new(Self { store, limits, began, recorded, step, refused, promoted })
    }

    fn now(&self) -> Millis {
        self.began.elapsed().as_millis() as Millis
    }

    async fn until(&self, moment: Millis) {
        sleep_until(self.began + Duration::from_millis(moment)).await;
    }
}

fn id(secret: usize) -> SecretId {
    SecretId::new(format!("fleet/{secret}"))
}

fn document(client: usize) -> SecretString {
    format!(r#"{{"region":"mypurecloud.ie","client_id":"client-{client}","client_secret":"secret"}}"#).into()
}

impl Port {
    async fn call(&self, call: Call) -> Result<()> {
        let World { limits, recorded, step, refused, .. } = &*self.world;
        let sent = limits.lock().when(call, self.world.now());
        self.world.until(sent).await;
        let admission = limits.lock().send(call, self.client, sent);
        if let Some(recorded) = &mut *recorded.lock() {
            recorded.push((sent, *step.lock(), call));
        }
        self.world.until(admission.answered).await;
        if admission.refused || *refused == Some(call) {
            return Err(RotationError::new(ErrorKind::RateLimited, "a quota is exhausted"));
        }
        Ok(())
    }
}

impl Clock for Port {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(self.world.now() as i64)
    }
}

impl SecretStore for Port {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        self.call(Call::Describe).await?;
        let mut described = self.world.store.describe(secret).await?;
        let is_current = |version: &&mut LabelledVersion| version.labels.iter().any(|label| label == CURRENT);
        let current = described.versions.iter_mut().find(is_current);
        if let Some(current) = current.filter(|_| self.world.promoted.lock().contains(secret)) {
            current.labels.push(PENDING.to_owned());
        }
        Ok(described)
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        self.call(Call::Read).await?;
        self.world.store.read(secret, selector).await
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        self.call(Call::Stage).await?;
        self.world.store.stage(secret, version, value, rotation_token).await
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        self.call(Call::Promote).await?;
        self.world.store.promote(secret, version, over).await?;
        self.world.promoted.lock().insert(secret.clone());
        Ok(())
    }

    async fn unstage(&self, secret: &SecretId, _: &VersionId) -> Result<()> {
        self.call(Call::Unstage).await?;
        self.world.promoted.lock().remove(secret);
        Ok(())
    }
}

const UNUSED: &str = "a rotation of tokens neither writes ahead nor takes a lease";

impl WriteAhead for Port {
    async fn write_intent(
        &self,
        _: &SecretId,
        _: &VersionId,
        _: &SecretString,
        _: Option<&SecretString>,
    ) -> Result<()> {
        unreachable!("{UNUSED}")
    }

    async fn read_intent(&self, _: &SecretId) -> Result<Option<SecretString>> {
        unreachable!("{UNUSED}")
    }

    async fn clear_intent(&self, _: &SecretId, _: &VersionId) -> Result<()> {
        unreachable!("{UNUSED}")
    }
}

impl Lease for Port {
    async fn take_lease(
        &self,
        _: &SecretId,
        _: &VersionId,
        _: Option<&VersionId>,
        _: Option<&SecretString>,
    ) -> Result<()> {
        unreachable!("{UNUSED}")
    }

    async fn release_lease(&self, _: &SecretId, _: &VersionId, _: &VersionId) -> Result<()> {
        unreachable!("{UNUSED}")
    }
}

impl TokenIssuer for Port {
    async fn issue(&self, _: &Credentials) -> Result<IssuedToken> {
        self.call(Call::Token).await?;
        let access_token = VersionId::random().as_str().into();
        Ok(IssuedToken { access_token, token_type: "bearer".to_owned(), lifetime: LIFETIME, tenant_id: None })
    }

    async fn verify(&self, _: &Credentials, _: &SecretString, _: &[Probe]) -> Result<()> {
        self.call(Call::Validate).await
    }

    async fn revoke(&self, _: &Place, _: &SecretString) -> Result<()> {
        self.call(Call::Revoke).await
    }
}

impl ClientSecrets for Port {}

impl AccessKeys for Port {}

/// Runs a scenario. The runtime's clock must be paused.
pub async fn run(scenario: &Scenario) -> Counts {
    fastrand::seed(SEED);
    let (world, scenario) = (World::new(scenario, None), *scenario);
    let mut rotations = JoinSet::new();
    match scenario.start {
        Start::Window(_) => {
            for (secret, start) in scenario.starts().into_iter().enumerate() {
                let port = Port { world: world.clone(), client: scenario.client(secret) };
                rotations.spawn(async move {
                    port.world.until(start).await;
                    port.serve(secret).await;
                });
            }
        }
        Start::CommandLine(at_once) => {
            let (next, limiter) = (Arc::new(Mutex::new(0..scenario.secrets)), RateLimiter::default());
            for _ in 0..at_once.min(scenario.secrets) {
                let (world, next, limiter) = (world.clone(), next.clone(), limiter.clone());
                rotations.spawn(async move {
                    loop {
                        let Some(secret) = next.lock().next() else { return };
                        let port = Port { world: world.clone(), client: scenario.client(secret) };
                        port.rotate(secret, limiter.clone()).await;
                    }
                });
            }
        }
    }
    while let Some(ended) = rotations.join_next().await {
        ended.expect("no rotation panics");
    }
    world.limits.lock().counts.clone()
}

impl Port {
    /// Rotates a secret as Secrets Manager and the function do.
    async fn serve(&self, secret: usize) {
        let request = self.request(secret);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                sleep(Duration::from_millis(BETWEEN_ATTEMPTS)).await;
            }
            if self.attempt(&request).await {
                // Secrets Manager removes the label.
                self.world.promoted.lock().remove(&request.secret);
                return self.ended(true);
            }
        }
        self.ended(false);
    }

    fn request(&self, secret: usize) -> StepRequest {
        let (secret, version) = (id(secret), VersionId::random());
        self.world.store.stage_empty(&secret, &version).expect("the secret exists");
        StepRequest { secret, version, rotation_token: None, staged_by: StagedBy::Service }
    }

    /// Runs the four steps; `false` if one failed.
    async fn attempt(&self, request: &StepRequest) -> bool {
        for (number, step) in Step::ALL.into_iter().enumerate() {
            *self.world.step.lock() = number;
            sleep(Duration::from_millis(BETWEEN_STEPS)).await;
            while !self.world.limits.lock().invoke() {
                sleep(Duration::from_millis(BETWEEN_INVOCATIONS)).await;
            }
            // Each environment of the function has a rotator of its own.
            let rotator = Rotator::new(self.clone(), self.clone(), self.clone());
            let done = rotator.step(step, request, Deadline::after(TIMEOUT)).await;
            let mut limits = self.world.limits.lock();
            limits.end_invocation();
            if let Err(error) = done {
                assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
                limits.counts.failed_steps += 1;
                return false;
            }
        }
        true
    }

    /// Rotates a secret as the command line does.
    async fn rotate(&self, secret: usize, limiter: RateLimiter) {
        let rotator = Rotator::new(self.clone(), self.clone(), self.clone()).with_limiter(limiter);
        let report = rotator.rotate(&id(secret), VersionId::random(), Deadline::after(COMMAND_TIMEOUT), |_| {}).await;
        self.ended(report.promoted());
    }

    fn ended(&self, promoted: bool) {
        let counts = &mut self.world.limits.lock().counts;
        counts.promoted += u64::from(promoted);
        counts.failed_rotations += u64::from(!promoted);
        counts.ended = counts.ended.max(self.world.now());
    }
}

/// The calls of one step, as groups of calls that are sent together.
pub type Groups = Vec<Vec<Call>>;

/// Records the calls of the steps: of a rotation whose version is not staged, or is already staged. With `refused`, that
/// call is refused until its step fails.
pub async fn record_steps(is_staged: bool, refused: Option<Call>) -> Vec<Groups> {
    let world = World::new(&Scenario { secrets: 1, clients: 1, start: Start::Window(1) }, refused);
    let port = Port { world: world.clone(), client: 0 };
    let request = port.request(0);
    if is_staged {
        let rotator = Rotator::new(port.clone(), port.clone(), port.clone());
        rotator.step(Step::Create, &request, Deadline::after(TIMEOUT)).await.expect("the version is staged");
    }
    *world.recorded.lock() = Some(Vec::new());
    port.attempt(&request).await;
    let calls = world.recorded.lock().take().expect("the calls are recorded");
    grouped(&calls)
}

/// Records the calls of a rotation by the command line.
pub async fn record_rotation() -> Groups {
    let scenario = Scenario { secrets: 1, clients: 1, start: Start::CommandLine(1) };
    let world = World::new(&scenario, None);
    let port = Port { world: world.clone(), client: 0 };
    *world.recorded.lock() = Some(Vec::new());
    port.rotate(0, RateLimiter::default()).await;
    let calls = world.recorded.lock().take().expect("the calls are recorded");
    grouped(&calls).swap_remove(0)
}

/// Groups the calls of each step by the time at which they were sent.
fn grouped(calls: &[(Millis, usize, Call)]) -> Vec<Groups> {
    let steps = calls.iter().map(|(_, step, _)| step + 1).max().unwrap_or_default();
    let of = |step: usize| calls.iter().filter(move |(_, of, _)| *of == step);
    let groups = |step: usize| {
        let calls: Vec<_> = of(step).collect();
        let groups = calls.chunk_by(|(one, ..), (other, ..)| one == other);
        groups.map(|group| group.iter().map(|(_, _, call)| *call).collect()).collect()
    };
    (0..steps).map(groups).collect()
}
