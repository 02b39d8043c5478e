//! The engine's process under a test host, and the simulators of its platforms.

#![expect(clippy::unwrap_used, reason = "a failure of the harness fails the test")]

use std::fmt;
use std::io::BufRead;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulators::Simulation;

use crate::scene::{CLIENT, config, simulate};
use openbao_plugin::testing::wire::plugin::grpc_controller_client::GrpcControllerClient;
use openbao_plugin::testing::wire::{pb, plugin};
use openbao_plugin::testing::{
    Host, HostIdentity, MemoryStorage, MemorySystemView, Moment, PluginProcess, Status, Transport, of_mount,
};

const MOUNT: &str = "mount";
/// The limit of each wait.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Hosted {
    pub storage: MemoryStorage,
    pub system: MemorySystemView,
    pub simulation: Simulation,
    process: Arc<Mutex<Option<PluginProcess>>>,
    host: Mutex<Option<Arc<Host>>>,
    log: Arc<Mutex<String>>,
}

/// A rejected request: the HTTP status that a host derives from the error, and the message.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub i64, pub String);

impl Hosted {
    /// An engine without entries.
    pub async fn empty() -> Self {
        let hosted = Self {
            storage: MemoryStorage::default(),
            system: MemorySystemView::default(),
            simulation: simulate().await,
            process: Arc::default(),
            host: Mutex::default(),
            log: Arc::default(),
        };
        hosted.restart().await;
        hosted
    }

    /// An engine with the config `main`.
    pub async fn start() -> Self {
        let hosted = Self::empty().await;
        hosted.write("config/main", config()).await;
        hosted
    }

    /// An engine with the config `main` and the static role `ci`.
    pub async fn with_role() -> Self {
        let hosted = Self::start().await;
        hosted.write("static-roles/ci", role()).await;
        hosted
    }

    /// Replaces the process by a new one with the same storage.
    pub async fn restart(&self) {
        let identity = HostIdentity::new();
        let url = self.simulation.genesys_url();
        let environment =
            [("ROTATOR_LOGIN_URL", url.as_str()), ("ROTATOR_API_URL", url.as_str()), ("ROTATOR_LOG", "trace")];
        let binary = Path::new(env!("CARGO_BIN_EXE_vault-plugin-secrets-genesys"));
        let mut plugin = PluginProcess::start(binary, &identity, &environment);
        let (lines, log) = (plugin.errors.take().unwrap().lines(), self.log.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                log.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let road = Transport::Sockets(plugin.socket());
        let host = Host::connect_with(&identity, road, self.storage.clone(), self.system.clone()).await;
        assert_eq!(host.setup(MOUNT).await, "");
        *self.process.lock().unwrap() = Some(plugin);
        let initialized = host.backend().initialize(of_mount(MOUNT, pb::InitializeArgs {})).await.unwrap();
        assert!(initialized.into_inner().err.is_none());
        *self.host.lock().unwrap() = Some(Arc::new(host));
    }

    /// Shuts the process down as a host does, and waits for its exit.
    pub async fn shut_down(&self) {
        let mut plugin = self.process.lock().unwrap().take().unwrap();
        let mut controller = GrpcControllerClient::new(self.host().channel.clone());
        controller.shutdown(plugin::Empty {}).await.unwrap();
        plugin.ended().await;
    }

    /// Kills the process at a storage call, after this number of calls.
    pub fn kill_at(&self, calls_before: usize, moment: Moment) {
        let process = self.process.clone();
        self.storage.at_call(calls_before, moment, move || drop(process.lock().unwrap().take()));
    }

    /// Whether the process was killed.
    pub fn has_been_killed(&self) -> bool {
        self.process.lock().unwrap().is_none()
    }

    /// Sends a request, after an existence check as a host does it.
    pub async fn call(&self, operation: &str, path: &str, data: Value) -> Result<Success, Refused> {
        let host = self.host();
        let operation = match operation {
            "write" if self.exists(&host, path).await? => "update",
            "write" => "create",
            other => other,
        };
        success(host.ask(MOUNT, operation, path, &data.to_string()).await.map_err(died)?)
    }

    /// Sends a request with a request id and a display name.
    pub async fn call_as(
        &self,
        (id, display_name): (&str, &str),
        operation: &str,
        path: &str,
        data: Value,
    ) -> Result<Success, Refused> {
        let (operation, path, data) = (operation.into(), path.into(), data.to_string());
        let (id, display_name) = (id.into(), display_name.into());
        let request = pb::Request { id, display_name, operation, path, data, ..Default::default() };
        let arguments = pb::HandleRequestArgs { storage_id: 0, request: Some(request) };
        let reply = self.host().backend().handle_request(of_mount(MOUNT, arguments)).await;
        success(reply.map_err(died)?.into_inner())
    }

    /// Revokes a lease, as a host does.
    pub async fn revoke(&self, lease: &IssuedLease) -> Result<Success, Refused> {
        let request = pb::Request { operation: "revoke".into(), secret: Some(lease.0.clone()), ..Default::default() };
        let arguments = pb::HandleRequestArgs { storage_id: 0, request: Some(request) };
        let reply = self.host().backend().handle_request(of_mount(MOUNT, arguments)).await;
        success(reply.map_err(died)?.into_inner())
    }

    async fn exists(&self, host: &Host, path: &str) -> Result<bool, Refused> {
        let request = pb::Request { operation: "create".into(), path: path.into(), ..Default::default() };
        let arguments = pb::HandleExistenceCheckArgs { storage_id: 0, request: Some(request) };
        let reply = host.backend().handle_existence_check(of_mount(MOUNT, arguments)).await;
        let reply = reply.map_err(died)?.into_inner();
        Ok(!reply.check_found || reply.exists)
    }

    /// Writes to a path. Panics on an error.
    pub async fn write(&self, path: &str, data: Value) -> Success {
        self.call("write", path, data).await.unwrap_or_else(|refused| panic!("{path}: {refused:?}"))
    }

    /// Reads a path. Panics on an error.
    pub async fn read(&self, path: &str) -> Value {
        self.call("read", path, Value::Null).await.unwrap_or_else(|refused| panic!("{path}: {refused:?}")).data
    }

    /// Sends a request that must fail with 400, a message and a hint. Returns both.
    pub async fn rejected(&self, operation: &str, path: &str, data: Value) -> String {
        let Refused(status, message) =
            self.call(operation, path, data.clone()).await.expect_err(&format!("{operation} {path} {data}"));
        assert!(status == 400 && message.contains("\nhint: "), "{operation} {path} {data}: {status} {message}");
        message
    }

    /// The token of the static role `ci`, as it is read.
    pub async fn token(&self) -> String {
        self.read("static-creds/ci").await["access_token"].as_str().unwrap().to_owned()
    }

    /// Sends the host's tick.
    pub async fn tick(&self) {
        // A process that is killed meanwhile does not answer.
        let _ = self.call("rollback", "", Value::Null).await;
    }

    /// Invalidates a key, as after a write by another node.
    pub async fn invalidate(&self, key: &str) {
        let arguments = pb::InvalidateKeyArgs { key: key.to_owned() };
        self.host().backend().invalidate_key(of_mount(MOUNT, arguments)).await.unwrap();
    }

    /// Stores an entry, as another node would.
    pub async fn store(&self, key: &str, text: &str) {
        self.storage.set(key, text);
        self.invalidate(key).await;
    }

    /// Ages the credential of `ci`, so that its role is due.
    pub async fn age(&self) {
        self.edit(|document| document["issued_at"] = json!("2020-01-01T00:00:00Z")).await;
    }

    /// Changes the document of `ci`'s credential.
    pub async fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut entry: Value = serde_json::from_str(&self.storage.text("static-creds/ci").unwrap()).unwrap();
        let mut document: Value = serde_json::from_str(entry["document"].as_str().unwrap()).unwrap();
        change(&mut document);
        entry["document"] = json!(document.to_string());
        self.store("static-creds/ci", &entry.to_string()).await;
    }

    /// The token of the static role `ci`, as it is stored.
    pub fn stored_token(&self) -> Option<String> {
        token_in(&self.storage.text("static-creds/ci")?)
    }

    /// The tokens that the platform accepts.
    pub fn live(&self) -> Vec<String> {
        self.simulation.genesys.live_tokens()
    }

    /// Whether the platform accepts a token.
    pub fn is_live(&self, token: &str) -> bool {
        self.live().iter().any(|live| live == token)
    }

    /// Asserts that the log holds no secret and no panic.
    pub fn assert_no_secrets_logged(&self) {
        let log = self.log.lock().unwrap();
        let stored = self.storage.keys().into_iter().filter_map(|key| token_in(&self.storage.text(&key)?));
        for secret in self.live().into_iter().chain(stored).chain([CLIENT.1.to_owned()]) {
            assert!(!log.contains(&secret), "a secret is logged:\n{log}");
        }
        assert!(!log.contains("panicked"), "{log}");
    }

    /// The lines of the log.
    pub fn lines(&self) -> Vec<Value> {
        let log = self.log.lock().unwrap();
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
    }

    /// Whether the log contains a text.
    pub fn has_logged(&self, text: &str) -> bool {
        self.log.lock().unwrap().contains(text)
    }

    fn host(&self) -> Arc<Host> {
        self.host.lock().unwrap().clone().unwrap()
    }
}

fn success(reply: pb::HandleRequestReply) -> Result<Success, Refused> {
    if let Some(error) = reply.err {
        return Err(Refused(status(&error), error.err_msg));
    }
    let response = reply.response.unwrap_or_default();
    let data = serde_json::from_str(&response.data).unwrap_or_default();
    Ok(Success { data, warnings: response.warnings, lease: response.secret.map(IssuedLease) })
}

fn died(status: Status) -> Refused {
    Refused(500, status.message().to_owned())
}

/// The status that OpenBao answers with (sdk/plugin/pb/translation.go, sdk/logical/response_util.go).
fn status(error: &pb::ProtoError) -> i64 {
    match error.err_type {
        3 => error.err_code,
        5 => 405,
        6 => 404,
        7 => 400,
        _ => 500,
    }
}

/// A successful response.
#[derive(Debug)]
pub struct Success {
    pub data: Value,
    pub warnings: Vec<String>,
    pub lease: Option<IssuedLease>,
}

/// A lease as a host keeps it. `Debug` prints no token.
pub struct IssuedLease(pb::Secret);

impl fmt::Debug for IssuedLease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IssuedLease")
    }
}

/// The settings of a static role.
pub fn role() -> Value {
    json!({"config": "main", "rotation_period": 3_600, "probes": ["GET /api/v2/users?pageSize=1"]})
}

/// The token in a stored version.
pub fn token_in(stored: &str) -> Option<String> {
    let entry: Value = serde_json::from_str(stored).ok()?;
    let document: Value = serde_json::from_str(entry["document"].as_str()?).ok()?;
    document["access_token"].as_str().map(str::to_owned)
}

/// Waits until a condition holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
