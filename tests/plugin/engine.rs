//! A whole secrets engine in one file: it keeps what it is given, and leases what it keeps.
//!
//! | path | operations | |
//! |---|---|---|
//! | `store/:key` | write, read, delete, list | what was written |
//! | `leases/:key` | read | the same, with a lease whose end deletes `issued/:key` |
//! | `issued/:key` | read | whether a lease is out |
//! | `hasty/:key` | read | a lease of its own, made without asking whether this node may issue any |
//! | `limits` | read | what the host says of lease times |
//! | `panic` | read | goes wrong |

use std::process::ExitCode;
use std::time::Duration;

use genesys_rotator::vault_plugin::transport::{
    About, Backend, Engine, Failure, HclogLayer, Lease, Mount, Operation, Request, Response, SpecialPaths, Start,
    StorageEntry, Terminal, run, start,
};
use serde_json::{Map, Value, json};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const ABOUT: About<'static> =
    About { name: "key-value-engine", version: "v1.2.3", summary: "Keeps what it is given, and leases what it keeps." };
const LEASE: Duration = Duration::from_secs(60);

struct KeyValueEngine;

struct KeyValueMount {
    mount: Mount,
}

impl Engine for KeyValueEngine {
    type Backend = KeyValueMount;

    fn version(&self) -> String {
        ABOUT.version.to_owned()
    }

    fn mount(&self, mount: Mount) -> Result<KeyValueMount, Failure> {
        Ok(KeyValueMount { mount })
    }
}

impl Backend for KeyValueMount {
    async fn handle_request(&self, request: Request) -> Result<Response, Failure> {
        if let Operation::Renew | Operation::Revoke = request.operation {
            return self.lease(request).await;
        }
        let path = request.path.clone();
        match (path.split_once('/').unwrap_or((&path, "")), request.operation) {
            (("store", key), _) => self.store(key, request).await,
            (("leases", key), Operation::Read) => self.issue(key).await,
            (("issued", key), Operation::Read) => {
                let issued = self.mount.storage.get(&format!("issued/{key}")).await?;
                Ok(Response::with_data(object(json!({"issued": issued.is_some()}))))
            }
            (("hasty", key), Operation::Read) => {
                tracing::info!(key, "issues in haste");
                let lease = Lease { ttl: LEASE, max_ttl: LEASE, renewable: false, internal_data: Map::new() };
                Ok(Response::with_data(object(json!({"key": key}))).leased(lease))
            }
            (("limits", ""), Operation::Read) => self.limits().await,
            (("panic", ""), Operation::Read) => panic!("asked to"),
            (("", ""), Operation::Rollback) => Ok(Response::empty()),
            (("", ""), Operation::Help) => Ok(Response::with_data(object(json!({"help": ABOUT.summary})))),
            (("leases" | "issued" | "hasty" | "limits" | "panic", _), _) => Err(Failure::UnsupportedOperation),
            _ => Err(Failure::UnsupportedPath),
        }
    }

    async fn exists(&self, request: Request) -> Result<Option<bool>, Failure> {
        Ok(Some(self.mount.storage.get(&request.path).await?.is_some()))
    }

    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths { root: vec!["panic".to_owned()], ..SpecialPaths::default() }
    }

    async fn initialize(&self) -> Result<(), Failure> {
        let kept = self.mount.storage.list("store/").await?;
        tracing::info!(keys = kept.len(), mount = self.mount.uuid, "initialized");
        Ok(())
    }

    async fn cleanup(&self) {
        tracing::info!(mount = self.mount.uuid, "cleaned up");
    }
}

impl KeyValueMount {
    async fn store(&self, key: &str, request: Request) -> Result<Response, Failure> {
        let storage = &self.mount.storage;
        match request.operation {
            Operation::List => Ok(Response::with_keys(storage.list(&request.path).await?)),
            _ if key.is_empty() => Err(Failure::UnsupportedPath),
            Operation::Create | Operation::Update if request.data.is_empty() => {
                Err(Failure::invalid_request("there is nothing to keep: send some field"))
            }
            operation @ (Operation::Create | Operation::Update) => {
                let value = Value::Object(request.data).to_string().into_bytes();
                storage.put(StorageEntry { key: request.path, value, seal_wrap: false }).await?;
                Ok(Response::with_data(object(json!({"operation": format!("{operation:?}")}))))
            }
            Operation::Read => Ok(Response { data: self.kept(key).await?, ..Response::empty() }),
            Operation::Delete => {
                storage.delete(&request.path).await?;
                Ok(Response::empty())
            }
            _ => Err(Failure::UnsupportedOperation),
        }
    }

    async fn kept(&self, key: &str) -> Result<Option<Map<String, Value>>, Failure> {
        let Some(entry) = self.mount.storage.get(&format!("store/{key}")).await? else { return Ok(None) };
        let damaged = |_| Failure::internal(format!("what is kept under {key:?} is damaged"));
        serde_json::from_slice(&entry.value).map(Some).map_err(damaged)
    }

    async fn issue(&self, key: &str) -> Result<Response, Failure> {
        let Some(data) = self.kept(key).await? else {
            return Err(Failure::invalid_request(format!("nothing is kept under {key:?}: write store/{key} first")));
        };
        // A standby could not keep the lease: it would throw the answer away, and ask the active node for another one.
        if self.mount.system.replication_state().await?.is_standby() {
            return Err(Failure::read_only());
        }
        tracing::info!(key, "issues a lease");
        let value = b"{}".to_vec();
        self.mount.storage.put(StorageEntry { key: format!("issued/{key}"), value, seal_wrap: false }).await?;
        let internal_data = object(json!({"key": key}));
        let lease = Lease { ttl: LEASE, max_ttl: LEASE * 10, renewable: true, internal_data };
        Ok(Response::with_data(data).leased(lease).warning("it is deleted when the lease ends"))
    }

    async fn lease(&self, request: Request) -> Result<Response, Failure> {
        let held = request.lease.ok_or_else(|| Failure::internal("the host named no lease"))?;
        let key = held.lease.internal_data.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
        if request.operation == Operation::Revoke {
            self.mount.storage.delete(&format!("issued/{key}")).await?;
            return Ok(Response::empty());
        }
        let longest = self.mount.system.max_lease_ttl().await?;
        let ttl = if held.increment.is_zero() { LEASE } else { held.increment.min(longest) };
        Ok(Response::empty().leased(Lease { ttl, ..held.lease }))
    }

    async fn limits(&self) -> Result<Response, Failure> {
        let default = self.mount.system.default_lease_ttl().await?.as_secs();
        let longest = self.mount.system.max_lease_ttl().await?.as_secs();
        let standby = self.mount.system.replication_state().await?.is_standby();
        let limits = json!({"default_lease_ttl": default, "max_lease_ttl": longest, "standby": standby});
        Ok(Response::with_data(object(limits)))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the environment is read here and nowhere else")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn main() -> ExitCode {
    // At their finest levels the libraries below print what they carry.
    let filter = Targets::new().with_default(Level::WARN).with_target("key_value_engine", Level::DEBUG);
    tracing_subscriber::registry().with(HclogLayer::new(std::io::stderr())).with(filter).init();
    let executable = std::env::current_exe().unwrap_or_default();
    let terminal = Terminal { output: std::io::stdout(), errors: std::io::stderr(), executable: &executable };
    match start(&ABOUT, variable, std::env::args().skip(1), terminal) {
        Start::Serve(host) => run(&host, KeyValueEngine),
        Start::Exit(code) => code,
    }
}
