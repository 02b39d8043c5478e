//! The engine's process of one build under a test host, whose storage outlives it.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use openbao_plugin::testing::wire::pb;
use openbao_plugin::testing::{Host, HostIdentity, MemoryStorage, PluginProcess, Transport, of_mount};
use serde_json::Value;
use simulators::{Simulation, SimulationSettings};

use crate::programs::Programs;
use crate::recording::Recording;
use crate::{ADMIN, CLIENT, SECOND};

const MOUNT: &str = "mount";
/// The entry of a recording with the internal data of a lease.
pub const LEASE: &str = "(lease)";
const PATIENCE: Duration = Duration::from_secs(60);

/// A mount's storage, and the simulators.
pub struct Mount {
    pub simulation: Simulation,
    pub storage: MemoryStorage,
}

/// A running engine.
pub struct Running {
    _process: PluginProcess,
    host: Host,
}

impl Mount {
    pub async fn new() -> Self {
        let clients = [CLIENT, SECOND, ADMIN].map(|(id, secret)| (id.to_owned(), secret.to_owned())).into();
        let settings = SimulationSettings { clients, ..SimulationSettings::default() };
        let simulation = Simulation::start(settings).await.expect("the simulators start");
        Self { simulation, storage: MemoryStorage::default() }
    }

    /// Starts the engine of a build.
    pub async fn start(&self, programs: &Programs) -> Running {
        let (identity, url) = (HostIdentity::new(), self.simulation.genesys_url());
        let environment = [("ROTATOR_LOGIN_URL", url.as_str()), ("ROTATOR_API_URL", url.as_str())];
        let mut process = PluginProcess::start(&programs.engine(), &identity, &environment);
        let mut log = process.errors.take().expect("a log");
        // A full pipe would block the engine.
        std::thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        let transport = Transport::Sockets(process.socket());
        let host = Host::connect(&identity, transport, self.storage.clone()).await;
        assert_eq!(host.setup(MOUNT).await, "");
        let initialized = host.backend().initialize(of_mount(MOUNT, pb::InitializeArgs {})).await.expect("an answer");
        assert!(initialized.into_inner().err.is_none());
        Running { _process: process, host }
    }

    /// Everything that is stored.
    pub fn entries(&self) -> BTreeMap<String, String> {
        let text = |key: String| Some((key.clone(), self.storage.text(&key)?));
        self.storage.keys().into_iter().filter_map(text).collect()
    }

    /// Stores the entries of a recording. Returns the internal data of its lease.
    pub async fn restore(&self, recording: &Recording) -> Option<String> {
        let mut entries = recording.revive(&self.simulation).await;
        let lease = entries.remove(LEASE);
        entries.iter().for_each(|(key, text)| self.storage.set(key, text));
        lease
    }

    /// Lets the time pass in which requests of an interrupted rotation may be carried out.
    pub fn settle(&self) {
        for (key, field) in [("root-intent/main", "settled_at"), ("root-lease/two", "until")] {
            let Some(text) = self.storage.text(key) else { continue };
            let mut entry: Value = serde_json::from_str(&text).expect("JSON");
            entry[field] = 0.into();
            self.storage.set(key, &entry.to_string());
        }
    }
}

impl Running {
    /// Sends a request, and returns the response. Panics on an error.
    pub async fn ask(&self, operation: &str, path: &str, data: Value) -> pb::Response {
        let operation = match operation {
            "write" if self.exists(path).await => "update",
            "write" => "create",
            other => other,
        };
        let reply = self.host.ask(MOUNT, operation, path, &data.to_string()).await.expect("an answer");
        let error = reply.err.map(|error| error.err_msg);
        assert!(error.is_none(), "{operation} {path}: {error:?}");
        reply.response.unwrap_or_default()
    }

    /// Sends a request that may be refused. Returns the error.
    pub async fn try_ask(&self, operation: &str, path: &str) -> Result<(), String> {
        let reply = self.host.ask(MOUNT, operation, path, "{}").await.expect("an answer");
        reply.err.map_or(Ok(()), |error| Err(error.err_msg))
    }

    /// Reads a path. Panics on an error.
    pub async fn read(&self, path: &str) -> Value {
        serde_json::from_str(&self.ask("read", path, Value::Null).await.data).expect("JSON")
    }

    /// Sends a request that is not answered until `is_reached`, and kills the engine then.
    pub async fn kill_during(self, path: &str, is_reached: impl Fn() -> bool) {
        let request = self.host.ask(MOUNT, "update", path, "{}");
        let reached = async {
            while !is_reached() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            answer = request => {
                let error = answer.map(|reply| reply.err.map(|error| error.err_msg));
                panic!("{path} was answered before the moment: {error:?}")
            },
            reached = tokio::time::timeout(PATIENCE, reached) => reached.expect("the moment is reached"),
        }
    }

    /// Revokes a lease by its internal data. Panics on an error.
    pub async fn revoke(&self, internal_data: &str) {
        let options = Some(pb::LeaseOptions::default());
        let secret =
            pb::Secret { internal_data: internal_data.to_owned(), lease_options: options, ..Default::default() };
        let request = pb::Request { operation: "revoke".into(), secret: Some(secret), ..Default::default() };
        let arguments = pb::HandleRequestArgs { storage_id: 0, request: Some(request) };
        let reply = self.host.backend().handle_request(of_mount(MOUNT, arguments)).await.expect("an answer");
        let error = reply.into_inner().err.map(|error| error.err_msg);
        assert!(error.is_none(), "{error:?}");
    }

    async fn exists(&self, path: &str) -> bool {
        let request = pb::Request { operation: "create".into(), path: path.into(), ..Default::default() };
        let arguments = pb::HandleExistenceCheckArgs { storage_id: 0, request: Some(request) };
        let reply = self.host.backend().handle_existence_check(of_mount(MOUNT, arguments)).await.expect("an answer");
        !reply.get_ref().check_found || reply.get_ref().exists
    }
}
