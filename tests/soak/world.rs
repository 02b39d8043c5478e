//! The servers of a soak. The rotating programs use the simulators' own port, where calls meet faults. Readers use ports
//! of the same services without faults.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use openbao_plugin::testing::bao::{Bao, Plugin};
use parking_lot::Mutex;
use serde_json::Value;
use simulators::faults::Faults;
use simulators::function::{Function, FunctionSettings};
use simulators::http::{Server, Service};
use simulators::invoke::{BoxFuture, FunctionError, Invoke};
use simulators::journal::Journal;
use simulators::{Simulation, SimulationSettings};
use std::collections::HashMap;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::ledger::{Cut, Ledger};
use crate::secrets::{Driver, Secret};
use crate::settings::Settings;

const LAMBDA: &str = env!("CARGO_BIN_EXE_genesys-rotator-lambda");
const ENGINE: &str = env!("CARGO_BIN_EXE_vault-plugin-secrets-genesys");
/// Access keys that killed rotations left: see "Left behind" in `accounts`.
const MOST_KEYS: usize = 1_000;

pub struct World {
    pub settings: Settings,
    pub secrets: Vec<Secret>,
    pub simulation: Simulation,
    pub bao: Bao,
    pub aws: Client,
    pub http: reqwest::Client,
    pub ledger: Arc<Ledger>,
    directory: TempDir,
    genesys: Server,
    cxone: Server,
    _secrets_manager: Server,
    /// How many rotations of a secret are in progress.
    busy: Mutex<HashMap<usize, usize>>,
}

impl World {
    /// Starts all servers; `None` where OpenBao is not installed.
    pub async fn start(settings: Settings) -> Option<Arc<Self>> {
        let ledger = Arc::new(Ledger::new());
        let simulation = simulate(&ledger).await;
        let url = simulation.genesys_url();
        let plugin = Plugin {
            name: "vault-plugin-secrets-genesys",
            version: concat!("v", env!("CARGO_PKG_VERSION")),
            binary: ENGINE.into(),
            environment: ["ROTATOR_LOGIN_URL", "ROTATOR_API_URL"].map(|name| format!("{name}={url}")).into(),
        };
        let bao = Bao::quiet_with(&plugin).await?;
        bao.mount(&plugin, "genesys-cloud").await;
        let secrets_manager = quiet(Arc::new(simulation.secrets_manager.clone())).await;
        let world = Self {
            secrets: (0..settings.secrets).map(Secret::new).collect(),
            settings,
            bao,
            aws: aws_client(&secrets_manager.url()),
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            ledger,
            directory: TempDir::new().expect("a temporary directory can be created"),
            genesys: quiet(simulation.genesys.clone()).await,
            cxone: quiet(simulation.cxone.clone()).await,
            _secrets_manager: secrets_manager,
            simulation,
            busy: Mutex::default(),
        };
        Some(Arc::new(world))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.json"))
    }

    /// The status of a reader's call of the platform with a token; `None` without an answer.
    pub async fn call(&self, secret: &Secret, token: &str) -> Option<u16> {
        let url = match secret.kind.is_cxone() {
            true => format!("{}/incontactapi/services/v27.0/business-unit", self.cxone.url()),
            false => format!("{}/api/v2/users/me", self.genesys.url()),
        };
        self.http.get(url).bearer_auth(token).send().await.ok().map(|answer| answer.status().as_u16())
    }

    /// Records a token that a reader can have got.
    pub fn note_token(&self, token: &str, secret: usize) {
        self.ledger.with(|entries| *entries.promoted.entry(token.to_owned()).or_insert(secret));
    }

    /// Whether the platform accepts an id with a secret now.
    pub fn accepts(&self, id: &str, secret: &str) -> bool {
        let is_key = || self.simulation.cxone.access_keys().iter().any(|key| key.id == id && key.secret == secret);
        let is_client = || self.simulation.cxone.clients().iter().any(|one| one.id == id && one.secret == secret);
        self.simulation.genesys.accepts(id, secret) || is_key() || is_client()
    }

    /// Counts a rotation in progress until the returned guard is dropped.
    pub fn begin(self: &Arc<Self>, secret: &Secret) -> InProgress {
        *self.busy.lock().entry(secret.index).or_default() += 1;
        InProgress(self.clone(), secret.index)
    }

    /// Whether this program may hold a lease.
    pub fn holds_lease(&self, driver: Driver) -> bool {
        let busy = self.busy.lock();
        let is_busy = |secret: &&Secret| busy.get(&secret.index).is_some_and(|rotations| *rotations > 0);
        self.secrets.iter().filter(is_busy).any(|secret| secret.driver == driver && secret.kind.makes_secret())
    }
}

pub struct InProgress(Arc<World>, usize);

impl Drop for InProgress {
    fn drop(&mut self) {
        if let Some(rotations) = self.0.busy.lock().get_mut(&self.1) {
            *rotations -= 1;
        }
    }
}

async fn simulate(ledger: &Arc<Ledger>) -> Simulation {
    let mut settings = SimulationSettings {
        function: Some(LAMBDA.into()),
        function_settings: FunctionSettings { concurrency: 6, ..FunctionSettings::default() },
        ..SimulationSettings::default()
    };
    settings.secrets_manager.retry_delay = Duration::from_secs(1);
    let simulation = Simulation::start(settings).await.expect("the simulators start");
    simulation.genesys.set(|knobs| {
        knobs.unpublished_endpoints = true;
        knobs.secret_propagation = 1;
        knobs.requests_per_minute = None;
    });
    simulation.cxone.set(|knobs| knobs.access_keys_per_user = MOST_KEYS);
    let function = simulation.function.clone().expect("a function");
    simulation.secrets_manager.set_function(Watched { function, ledger: ledger.clone() });
    simulation
}

async fn quiet<S: Service>(service: Arc<S>) -> Server {
    Server::start(0, service, Faults::default(), Journal::default()).await.expect("a server")
}

fn aws_client(url: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "example", None, None, "soak"))
        .endpoint_url(url);
    Client::from_conf(config.build())
}

/// The function, with a record of the invocations whose process did not end them.
struct Watched {
    function: Function,
    ledger: Arc<Ledger>,
}

impl Invoke for Watched {
    fn invoke(&self, event: Value, timeout: Duration) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let (secret, began) = (index_of(&event), Instant::now());
            let answer = self.function.invoke(event, timeout).await;
            let is_cut =
                |error: &FunctionError| ["Runtime.ExitError", "Sandbox.Timedout"].contains(&&*error.error_type);
            if answer.as_ref().is_err_and(is_cut) {
                self.ledger.with(|entries| entries.cuts.push(Cut { secret, began, ended: Instant::now() }));
            }
            answer
        })
    }
}

/// The number in the name in an event's ARN, `…:secret:s017-AbCdEf`.
fn index_of(event: &Value) -> usize {
    let arn = event["SecretId"].as_str().unwrap_or_default();
    let name = arn.rsplit(":secret:").next().unwrap_or_default();
    name.get(1..4).and_then(|number| number.parse().ok()).unwrap_or(usize::MAX)
}
