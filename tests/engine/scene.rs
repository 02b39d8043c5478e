//! OpenBao with the engine mounted at `genesys-cloud/`, and the simulators of its platforms.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::{Simulation, SimulationSettings};

use crate::bao::{Bao, Plugin};

/// The OAuth client.
pub const CLIENT: (&str, &str) = ("5f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10", "hush-hush-client-secret");
pub const SECOND: Duration = Duration::from_secs(1);

/// The application of CXone.
pub const CXONE_CLIENT: (&str, &str) = ("back-end@nice", "hush-hush-application");
/// The access key of a user of CXone.
pub const CXONE_KEY: (&str, &str) = ("ACCESSKEYID====", "hush-hush-access-key====");

pub struct Scene {
    pub bao: Bao,
    pub simulation: Simulation,
    pub plugin: Plugin,
}

impl Scene {
    /// A mount without entries. `None` where OpenBao is not installed.
    pub async fn empty() -> Option<Self> {
        let simulation = simulate().await;
        let plugin = plugin(&simulation);
        let bao = Bao::with(&plugin).await?;
        bao.mount(&plugin, "genesys-cloud").await;
        Some(Self { bao, simulation, plugin })
    }

    /// A mount with the config `main` and the role `ci`.
    pub async fn start() -> Option<Self> {
        let scene = Self::empty().await?;
        scene.write("config/main", config()).await;
        scene.write("roles/ci", json!({"config": "main"})).await;
        Some(scene)
    }

    /// Writes to a path of the mount. Panics on an error.
    pub async fn write(&self, path: &str, body: Value) -> Value {
        self.bao.post(&format!("genesys-cloud/{path}"), body).await
    }

    /// Reads a path of the mount, and returns the whole response. Panics on an error.
    pub async fn read(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Calls a path of the mount.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.bao.call(method, &format!("genesys-cloud/{path}"), body).await
    }

    /// Revokes a lease synchronously.
    pub async fn revoke(&self, lease: &Value) -> (u16, Value) {
        self.bao.call("PUT", "sys/leases/revoke", json!({"lease_id": lease, "sync": true})).await
    }

    /// The tokens that the platform accepts.
    pub fn live(&self) -> Vec<String> {
        self.simulation.genesys.live_tokens()
    }
}

/// The simulators with the client, the application and the access key.
pub async fn simulate() -> Simulation {
    let clients = vec![(CLIENT.0.to_owned(), CLIENT.1.to_owned())];
    let owned = |(id, secret): (&str, &str)| vec![(id.to_owned(), secret.to_owned())];
    let (cxone_clients, cxone_access_keys) = (owned(CXONE_CLIENT), owned(CXONE_KEY));
    let settings = SimulationSettings { clients, cxone_clients, cxone_access_keys, ..SimulationSettings::default() };
    Simulation::start(settings).await.expect("the simulators start")
}

/// The engine's binary with the simulator's address in its environment.
pub fn plugin(simulation: &Simulation) -> Plugin {
    let url = simulation.genesys_url();
    Plugin {
        name: "vault-plugin-secrets-genesys",
        version: concat!("v", env!("CARGO_PKG_VERSION")),
        binary: env!("CARGO_BIN_EXE_vault-plugin-secrets-genesys").into(),
        environment: ["ROTATOR_LOGIN_URL", "ROTATOR_API_URL"].map(|name| format!("{name}={url}")).into(),
    }
}

/// A config with the client's credentials.
pub fn config() -> Value {
    json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1})
}

/// The errors of a response, joined.
pub fn errors(answer: &Value) -> String {
    answer["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
