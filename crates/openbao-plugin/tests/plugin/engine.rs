//! A whole secrets engine in one file: it keeps what it is given, and leases what it keeps.
//!
//! | path | operations | |
//! |---|---|---|
//! | `store/*key` | write, read, delete, list | what was written |
//! | `leases/:key` | read | the same, with a lease whose end deletes `issued/:key` |
//! | `issued/:key` | read | whether a lease is out |
//! | `hasty/:key` | read | a lease of its own, made without asking whether this node may issue any |
//! | `settings/:name` | write, read, delete, list | one field of each kind |
//! | `limits` | read | what the host says of lease times |
//! | `panic` | read | goes wrong |

use std::process::ExitCode;
use std::time::Duration;

use openbao_plugin::framework::{Answer, Call, Field, FieldKind, Route, Router, refuse};
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
    About { name: "key-value-engine", version: "v1.2.3", summary: "Keeps what it is given, and leases what it keeps." };
const LEASE: Duration = Duration::from_secs(60);

static ROUTER: Router<KeyValueMount> = Router {
    about: "Keeps what it is given, and leases what it keeps.\n\nWrite to store/, read from there or from leases/.",
    routes: &[KEYS, STORE, LEASES, ISSUED, HASTY, NAMES, SETTINGS, LIMITS, PANIC],
};

const KEYS: Route<KeyValueMount> = Route {
    path: "store/",
    summary: "Lists what is kept.",
    help: "Keys may have slashes in them, and are listed level by level.",
    fields: &[],
    operations: &[LIST],
    exists: None,
    sudo: false,
};

const STORE: Route<KeyValueMount> = Route {
    path: "store/*key",
    summary: "Keeps the fields of a key.",
    help: "A write takes the place of all that was kept under the key.",
    fields: &[Field {
        name: "*",
        kind: FieldKind::Others,
        required: false,
        default: None,
        sensitive: false,
        description: "What to keep: any fields, of any type.",
    }],
    operations: &[
        Answer {
            operation: Operation::Create,
            summary: "Keeps fields.",
            handler: |mount, call| Box::pin(mount.keep(call)),
        },
        Answer {
            operation: Operation::Update,
            summary: "Keeps fields.",
            handler: |mount, call| Box::pin(mount.keep(call)),
        },
        READ,
        DELETE,
        LIST,
    ],
    exists: Some(|mount, call| Box::pin(mount.is_there(call))),
    sudo: false,
};

const LEASES: Route<KeyValueMount> = Route {
    path: "leases/:key",
    summary: "Leases the fields of a key.",
    help: "The key has to be kept already. The lease lasts a minute, and can be renewed.",
    fields: &[],
    operations: &[Answer {
        operation: Operation::Read,
        summary: "Leases the fields.",
        handler: |mount, call| Box::pin(mount.issue(call)),
    }],
    exists: None,
    sudo: false,
};

const ISSUED: Route<KeyValueMount> = Route {
    path: "issued/:key",
    summary: "Says whether a key is leased.",
    help: "It is until the lease ends.",
    fields: &[],
    operations: &[Answer {
        operation: Operation::Read,
        summary: "Says whether it is.",
        handler: |mount, call| Box::pin(mount.issued(call)),
    }],
    exists: None,
    sudo: false,
};

const HASTY: Route<KeyValueMount> = Route {
    path: "hasty/:key",
    summary: "Issues a lease in haste.",
    help: "It does not ask whether this node may issue any.",
    fields: &[],
    operations: &[Answer {
        operation: Operation::Read,
        summary: "Issues a lease.",
        handler: |_, call| Box::pin(async move { Ok(hasty(call.name())) }),
    }],
    exists: None,
    sudo: false,
};

const NAMES: Route<KeyValueMount> = Route {
    path: "settings/",
    summary: "Lists the settings.",
    help: "By their names.",
    fields: &[],
    operations: &[LIST],
    exists: None,
    sudo: false,
};

const SETTINGS: Route<KeyValueMount> = Route {
    path: "settings/:name",
    summary: "Settings of each kind.",
    help: "They are good for nothing but to be read again.",
    fields: &[
        Field {
            name: "password",
            kind: FieldKind::Text,
            required: true,
            default: None,
            sensitive: true,
            description: "Something that nobody reads over a shoulder.",
        },
        Field {
            name: "shown",
            kind: FieldKind::Boolean,
            required: false,
            default: Some("true"),
            sensitive: false,
            description: "Whether it is to be seen.",
        },
        Field {
            name: "ttl",
            kind: FieldKind::Duration,
            required: false,
            default: Some("1h"),
            sensitive: false,
            description: "How long it is good.",
        },
        Field {
            name: "tags",
            kind: FieldKind::TextList,
            required: false,
            default: None,
            sensitive: false,
            description: "Words to find it by.",
        },
    ],
    operations: &[
        Answer {
            operation: Operation::Create,
            summary: "Sets them.",
            handler: |mount, call| Box::pin(mount.set(call)),
        },
        Answer {
            operation: Operation::Update,
            summary: "Sets them.",
            handler: |mount, call| Box::pin(mount.set(call)),
        },
        READ,
        DELETE,
    ],
    exists: Some(|mount, call| Box::pin(mount.is_there(call))),
    sudo: false,
};

const LIMITS: Route<KeyValueMount> = Route {
    path: "limits",
    summary: "Says what the host allows leases.",
    help: "In seconds.",
    fields: &[],
    operations: &[Answer {
        operation: Operation::Read,
        summary: "Says it.",
        handler: |mount, _| Box::pin(mount.limits()),
    }],
    exists: None,
    sudo: false,
};

const PANIC: Route<KeyValueMount> = Route {
    path: "panic",
    summary: "Goes wrong.",
    help: "Badly.",
    fields: &[],
    operations: &[Answer {
        operation: Operation::Read,
        summary: "Goes wrong.",
        handler: |_, _| Box::pin(async { panic!("asked to") }),
    }],
    exists: None,
    sudo: true,
};

const READ: Answer<KeyValueMount> = Answer {
    operation: Operation::Read,
    summary: "Reads what was written.",
    handler: |mount, call| Box::pin(mount.read(call)),
};

const DELETE: Answer<KeyValueMount> = Answer {
    operation: Operation::Delete,
    summary: "Deletes it.",
    handler: |mount, call| Box::pin(mount.delete(call)),
};

const LIST: Answer<KeyValueMount> =
    Answer { operation: Operation::List, summary: "Lists names.", handler: |mount, call| Box::pin(mount.list(call)) };

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
        let kept = self.mount.storage.list("store/").await?;
        tracing::info!(keys = kept.len(), mount = self.mount.uuid, "initialized");
        Ok(())
    }

    async fn cleanup(&self) {
        tracing::info!(mount = self.mount.uuid, "cleaned up");
    }
}

impl KeyValueMount {
    async fn is_there(&self, call: Call) -> Result<bool, Failure> {
        Ok(self.mount.storage.get(&call.request().path).await?.is_some())
    }

    async fn keep(&self, call: Call) -> Result<Response, Failure> {
        let Request { data, path, .. } = call.request();
        if data.is_empty() {
            return Err(Failure::invalid_request("there is nothing to keep: send some field"));
        }
        self.put(path, data).await?;
        Ok(Response::with_data(object(json!({"operation": format!("{:?}", call.operation())}))))
    }

    async fn set(&self, call: Call) -> Result<Response, Failure> {
        let mut kept = self.kept(&call.request().path).await?.unwrap_or_default();
        let sent = [
            ("password", call.text("password").map(Value::from)),
            ("shown", call.boolean("shown").map(Value::from)),
            ("ttl", call.duration("ttl").map(|ttl| Value::from(ttl.as_secs()))),
            ("tags", call.texts("tags").map(Value::from)),
        ];
        for (name, value) in sent {
            kept.extend(value.map(|value| (name.to_owned(), value)));
        }
        self.put(&call.request().path, &kept).await?;
        Ok(Response::empty())
    }

    async fn put(&self, path: &str, data: &Map<String, Value>) -> Result<(), Failure> {
        let value = Value::Object(data.clone()).to_string().into_bytes();
        Ok(self.mount.storage.put(StorageEntry { key: path.to_owned(), value, seal_wrap: false }).await?)
    }

    async fn read(&self, call: Call) -> Result<Response, Failure> {
        Ok(Response { data: self.kept(&call.request().path).await?, ..Response::empty() })
    }

    async fn delete(&self, call: Call) -> Result<Response, Failure> {
        self.mount.storage.delete(&call.request().path).await?;
        Ok(Response::empty())
    }

    async fn list(&self, call: Call) -> Result<Response, Failure> {
        Ok(Response::with_keys(self.mount.storage.list(&call.request().path).await?))
    }

    async fn kept(&self, path: &str) -> Result<Option<Map<String, Value>>, Failure> {
        let Some(entry) = self.mount.storage.get(path).await? else { return Ok(None) };
        let damaged = |_| Failure::internal(format!("what is kept under {path:?} is damaged"));
        serde_json::from_slice(&entry.value).map(Some).map_err(damaged)
    }

    async fn issue(&self, call: Call) -> Result<Response, Failure> {
        let key = call.name();
        let Some(data) = self.kept(&format!("store/{key}")).await? else {
            return Err(refuse(format!("nothing is kept under {key:?}"), format!("write store/{key} first")));
        };
        // A standby could not keep the lease: it would throw the answer away, and ask the active node for another one.
        if self.mount.system.replication_state().await?.is_standby() {
            return Err(Failure::read_only());
        }
        tracing::info!(key, "issues a lease");
        self.put(&format!("issued/{key}"), &Map::new()).await?;
        let internal_data = object(json!({"key": key}));
        let lease = Lease { ttl: LEASE, max_ttl: LEASE * 10, renewable: true, internal_data };
        Ok(Response::with_data(data).leased(lease).warning("it is deleted when the lease ends"))
    }

    async fn issued(&self, call: Call) -> Result<Response, Failure> {
        let issued = self.mount.storage.get(&format!("issued/{}", call.name())).await?;
        Ok(Response::with_data(object(json!({"issued": issued.is_some()}))))
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

fn hasty(key: &str) -> Response {
    tracing::info!(key, "issues in haste");
    let lease = Lease { ttl: LEASE, max_ttl: LEASE, renewable: false, internal_data: Map::new() };
    Response::with_data(object(json!({"key": key}))).leased(lease)
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
