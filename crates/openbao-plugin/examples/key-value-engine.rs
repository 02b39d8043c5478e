//! A whole secrets engine in one file: it stores objects, and leases them.
//!
//! | path | operations | |
//! |---|---|---|
//! | `store/*key` | write, read, delete, list | an object |
//! | `leases/:key` | read | the object with a lease; revoking the lease deletes `issued/:key` |
//! | `issued/:key` | read | whether the object is leased |
//! | `unchecked/:key` | read | a lease, issued without a check that this node is active |
//! | `settings/:name` | write, read, delete, list | one field of each type |
//! | `limits` | read | the host's lease times |
//! | `panic` | read | panics |

use std::process::ExitCode;
use std::time::Duration;

use openbao_plugin::framework::{Call, Field, FieldKind, Route, RouteOperation, Router, refuse};
use openbao_plugin::{
    About, Backend, Engine, Failure, HclogLayer, Lease, Mount, Operation, Request, Response, SpecialPaths, Start,
    StorageEntry, Terminal, run, start,
};
use serde_json::{Map, Value, json};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const ABOUT: About<'static> =
    About { name: "key-value-engine", version: "v1.2.3", summary: "Stores objects and leases them." };
const LEASE: Duration = Duration::from_secs(60);

static ROUTER: Router<KeyValueMount> = Router {
    about: "Stores objects and leases them.\n\nWrite an object to store/, and read it from store/ or leases/.",
    routes: &[KEYS, STORE, LEASES, ISSUED, UNCHECKED, NAMES, SETTINGS, LIMITS, PANIC],
};

const KEYS: Route<KeyValueMount> = Route {
    path: "store/",
    summary: "Lists the keys.",
    help: "Keys may contain slashes, and are listed level by level.",
    fields: &[],
    operations: &[LIST],
    exists: None,
    sudo: false,
};

const STORE: Route<KeyValueMount> = Route {
    path: "store/*key",
    summary: "An object.",
    help: "A write replaces the object.",
    fields: &[Field {
        name: "*",
        kind: FieldKind::Map,
        required: false,
        default: None,
        sensitive: false,
        description: "The fields of the object, of any type.",
    }],
    operations: &[
        RouteOperation {
            operation: Operation::Create,
            summary: "Writes the object.",
            handler: |mount, call| Box::pin(mount.write(call)),
        },
        RouteOperation {
            operation: Operation::Update,
            summary: "Writes the object.",
            handler: |mount, call| Box::pin(mount.write(call)),
        },
        READ,
        DELETE,
        LIST,
    ],
    exists: Some(|mount, call| Box::pin(mount.exists(call))),
    sudo: false,
};

const LEASES: Route<KeyValueMount> = Route {
    path: "leases/:key",
    summary: "Leases an object.",
    help: "The object must exist. The lease lasts a minute, and is renewable.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::Read,
        summary: "Reads the object with a lease.",
        handler: |mount, call| Box::pin(mount.issue(call)),
    }],
    exists: None,
    sudo: false,
};

const ISSUED: Route<KeyValueMount> = Route {
    path: "issued/:key",
    summary: "Whether an object is leased.",
    help: "It is leased until the lease ends.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::Read,
        summary: "Returns issued: true or false.",
        handler: |mount, call| Box::pin(mount.issued(call)),
    }],
    exists: None,
    sudo: false,
};

const UNCHECKED: Route<KeyValueMount> = Route {
    path: "unchecked/:key",
    summary: "Issues a lease without a check.",
    help: "It does not check that this node is active. The host cannot keep a lease that a standby issues.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::Read,
        summary: "Issues a lease.",
        handler: |_, call| Box::pin(async move { Ok(unchecked(call.name())) }),
    }],
    exists: None,
    sudo: false,
};

const NAMES: Route<KeyValueMount> = Route {
    path: "settings/",
    summary: "Lists the settings.",
    help: "The list holds their names.",
    fields: &[],
    operations: &[LIST],
    exists: None,
    sudo: false,
};

const SETTINGS: Route<KeyValueMount> = Route {
    path: "settings/:name",
    summary: "A field of each type.",
    help: "They can be written and read, and have no other effect.",
    fields: &[
        Field {
            name: "password",
            kind: FieldKind::Text,
            required: true,
            default: None,
            sensitive: true,
            description: "A sensitive text.",
        },
        Field {
            name: "shown",
            kind: FieldKind::Boolean,
            required: false,
            default: Some("true"),
            sensitive: false,
            description: "Whether it is visible.",
        },
        Field {
            name: "ttl",
            kind: FieldKind::Duration,
            required: false,
            default: Some("1h"),
            sensitive: false,
            description: "The lifetime.",
        },
        Field {
            name: "tags",
            kind: FieldKind::TextList,
            required: false,
            default: None,
            sensitive: false,
            description: "Search terms.",
        },
    ],
    operations: &[
        RouteOperation {
            operation: Operation::Create,
            summary: "Writes the settings.",
            handler: |mount, call| Box::pin(mount.set(call)),
        },
        RouteOperation {
            operation: Operation::Update,
            summary: "Writes the settings.",
            handler: |mount, call| Box::pin(mount.set(call)),
        },
        READ,
        DELETE,
    ],
    exists: Some(|mount, call| Box::pin(mount.exists(call))),
    sudo: false,
};

const LIMITS: Route<KeyValueMount> = Route {
    path: "limits",
    summary: "The host's lease times.",
    help: "They are in seconds.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::Read,
        summary: "Reads the lease times.",
        handler: |mount, _| Box::pin(mount.limits()),
    }],
    exists: None,
    sudo: false,
};

const PANIC: Route<KeyValueMount> = Route {
    path: "panic",
    summary: "Panics.",
    help: "The panic fails only this call.",
    fields: &[],
    operations: &[RouteOperation {
        operation: Operation::Read,
        summary: "Panics.",
        handler: |_, _| Box::pin(async { panic!("requested panic") }),
    }],
    exists: None,
    sudo: true,
};

const READ: RouteOperation<KeyValueMount> = RouteOperation {
    operation: Operation::Read,
    summary: "Reads it.",
    handler: |mount, call| Box::pin(mount.read(call)),
};

const DELETE: RouteOperation<KeyValueMount> = RouteOperation {
    operation: Operation::Delete,
    summary: "Deletes it.",
    handler: |mount, call| Box::pin(mount.delete(call)),
};

const LIST: RouteOperation<KeyValueMount> = RouteOperation {
    operation: Operation::List,
    summary: "Lists the names.",
    handler: |mount, call| Box::pin(mount.list(call)),
};

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
        match request.operation {
            Operation::Renew | Operation::Revoke => self.lease(request).await,
            Operation::Rollback => Ok(Response::empty()),
            _ => ROUTER.handle(self, request).await,
        }
    }

    async fn exists(&self, request: Request) -> Result<Option<bool>, Failure> {
        ROUTER.exists(self, request).await
    }

    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths { root: ROUTER.sudo_paths(), ..SpecialPaths::default() }
    }

    async fn initialize(&self) -> Result<(), Failure> {
        let keys = self.mount.storage.list("store/").await?;
        tracing::info!(keys = keys.len(), mount = self.mount.uuid, "initialized");
        Ok(())
    }

    async fn cleanup(&self) {
        tracing::info!(mount = self.mount.uuid, "cleaned up");
    }
}

impl KeyValueMount {
    async fn exists(&self, call: Call) -> Result<bool, Failure> {
        Ok(self.mount.storage.get(&call.request().path).await?.is_some())
    }

    async fn write(&self, call: Call) -> Result<Response, Failure> {
        let Request { data, path, .. } = call.request();
        if data.is_empty() {
            return Err(Failure::invalid_request("the request has no field"));
        }
        self.put(path, data).await?;
        Ok(Response::with_data(object(json!({"operation": format!("{:?}", call.operation())}))))
    }

    async fn set(&self, call: Call) -> Result<Response, Failure> {
        let mut object = self.object(&call.request().path).await?.unwrap_or_default();
        let sent = [
            ("password", call.text("password").map(Value::from)),
            ("shown", call.boolean("shown").map(Value::from)),
            ("ttl", call.duration("ttl").map(|ttl| Value::from(ttl.as_secs()))),
            ("tags", call.texts("tags").map(Value::from)),
        ];
        for (name, value) in sent {
            object.extend(value.map(|value| (name.to_owned(), value)));
        }
        self.put(&call.request().path, &object).await?;
        Ok(Response::empty())
    }

    async fn put(&self, path: &str, data: &Map<String, Value>) -> Result<(), Failure> {
        let value = Value::Object(data.clone()).to_string().into_bytes();
        Ok(self.mount.storage.put(StorageEntry { key: path.to_owned(), value, seal_wrap: false }).await?)
    }

    async fn read(&self, call: Call) -> Result<Response, Failure> {
        Ok(Response { data: self.object(&call.request().path).await?, ..Response::empty() })
    }

    async fn delete(&self, call: Call) -> Result<Response, Failure> {
        self.mount.storage.delete(&call.request().path).await?;
        Ok(Response::empty())
    }

    async fn list(&self, call: Call) -> Result<Response, Failure> {
        Ok(Response::with_keys(self.mount.storage.list(&call.request().path).await?))
    }

    async fn object(&self, path: &str) -> Result<Option<Map<String, Value>>, Failure> {
        let Some(entry) = self.mount.storage.get(path).await? else { return Ok(None) };
        let invalid = |_| Failure::internal(format!("the storage entry {path:?} is not a JSON object"));
        serde_json::from_slice(&entry.value).map(Some).map_err(invalid)
    }

    async fn issue(&self, call: Call) -> Result<Response, Failure> {
        let key = call.name();
        let Some(data) = self.object(&format!("store/{key}")).await? else {
            return Err(refuse(format!("store/{key} does not exist"), format!("write store/{key} first")));
        };
        // A standby cannot keep the lease. The host forwards the request to the active node.
        if self.mount.system.replication_state().await?.is_standby() {
            return Err(Failure::read_only());
        }
        tracing::info!(key, "issuing a lease");
        self.put(&format!("issued/{key}"), &Map::new()).await?;
        let internal_data = object(json!({"key": key}));
        let lease = Lease { ttl: LEASE, max_ttl: LEASE * 10, renewable: true, internal_data };
        Ok(Response::with_data(data).leased(lease).warning(format!("issued/{key} is deleted when the lease ends")))
    }

    async fn issued(&self, call: Call) -> Result<Response, Failure> {
        let issued = self.mount.storage.get(&format!("issued/{}", call.name())).await?;
        Ok(Response::with_data(object(json!({"issued": issued.is_some()}))))
    }

    async fn lease(&self, request: Request) -> Result<Response, Failure> {
        let held = request.lease.ok_or_else(|| Failure::internal("the request has no lease"))?;
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

fn unchecked(key: &str) -> Response {
    tracing::info!(key, "issuing an unchecked lease");
    let lease = Lease { ttl: LEASE, max_ttl: LEASE, renewable: false, internal_data: Map::new() };
    Response::with_data(object(json!({"key": key}))).leased(lease)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[expect(clippy::disallowed_methods, reason = "only the binary reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn main() -> ExitCode {
    // At TRACE the libraries below log the data that they carry.
    let filter = Targets::new().with_default(Level::WARN).with_target("key_value_engine", Level::DEBUG);
    tracing_subscriber::registry().with(HclogLayer::new(std::io::stderr())).with(filter).init();
    let executable = std::env::current_exe().unwrap_or_default();
    let terminal = Terminal { output: std::io::stdout(), errors: std::io::stderr(), executable: &executable };
    match start(&ABOUT, variable, std::env::args().skip(1), terminal) {
        Start::Serve(host) => run(&host, KeyValueEngine),
        Start::Exit(code) => code,
    }
}
