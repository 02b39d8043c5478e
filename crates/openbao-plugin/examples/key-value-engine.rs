//! A whole secrets engine in one file: it stores objects, and leases them.
//!
//! | path | operations | |
//! |---|---|---|
//! | `store/*key` | write, read, patch, delete, list | an object |
//! | `leases/:key` | read | the object with a lease; revoking the lease deletes `issued/:key` |
//! | `issued/:key` | read | whether the object is leased |
//! | `unchecked/:key` | read | a lease, issued without a check that this node is active |
//! | `renamed/:from/:to` | write | renames an object, in a transaction if the host has them |
//! | `waiting/:key` | write | waits until its caller leaves, and then writes `store/:key` |
//! | `settings/:name` | write, read, delete, list | one field of each type |
//! | `limits` | read | the host's lease times |
//! | `panic` | read | panics |

use std::process::ExitCode;
use std::time::Duration;

use openbao_plugin::framework::{Call, Exists, Field, Handler, Route, Router, refuse};
use openbao_plugin::{
    About, Backend, Engine, Failure, HclogLayer, Lease, Mount, Operation, Request, Response, SpecialPaths, Start,
    StorageEntry, Terminal, run, start,
};
use serde_json::{Map, Value, json};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const ABOUT: About<'static> = About::new("key-value-engine", "v1.2.3", "Stores objects and leases them.");
const LEASE: Duration = Duration::from_secs(60);

static ROUTER: Router<KeyValueMount> = Router::new(
    "Stores objects and leases them.\n\nWrite an object to store/, and read it from store/ or leases/.",
    &[KEYS, STORE, LEASES, ISSUED, UNCHECKED, RENAMED, WAITING, NAMES, SETTINGS, LIMITS, PANIC],
);

const KEYS: Route<KeyValueMount> = Route::new("store/", "Lists the keys.")
    .help("Keys may contain slashes, and are listed level by level.")
    .list("Lists the names.", LIST);

const STORE: Route<KeyValueMount> = Route::new("store/*key", "An object.")
    .help("A write replaces the object, and a patch changes some of its fields.")
    .fields(&[Field::rest("The fields of the object, of any type.")])
    .write("Writes the object.", |mount, call| Box::pin(KeyValueMount::write(mount, call)))
    .patch("Changes fields of the object; null removes one.", |mount, call| Box::pin(KeyValueMount::patch(mount, call)))
    .read("Reads it.", READ)
    .delete("Deletes it.", DELETE)
    .list("Lists the names.", LIST)
    .exists(EXISTS);

const LEASES: Route<KeyValueMount> = Route::new("leases/:key", "Leases an object.")
    .help("The object must exist. The lease lasts a minute, and is renewable.")
    .read("Reads the object with a lease.", |mount, call| Box::pin(KeyValueMount::issue(mount, call)));

const ISSUED: Route<KeyValueMount> = Route::new("issued/:key", "Whether an object is leased.")
    .help("It is leased until the lease ends.")
    .read("Returns issued: true or false.", |mount, call| Box::pin(KeyValueMount::issued(mount, call)))
    .returns(&[Field::boolean("issued", "Whether it is leased.")]);

const UNCHECKED: Route<KeyValueMount> = Route::new("unchecked/:key", "Issues a lease without a check.")
    .help("It does not check that this node is active. The host cannot keep a lease that a standby issues.")
    .read("Issues a lease.", |_, call| Box::pin(async move { Ok(unchecked(call.name())) }));

const RENAMED: Route<KeyValueMount> = Route::new("renamed/:from/:to", "Renames an object.")
    .help("A crash leaves the old name or the new one, and without transactions perhaps both.")
    .write("Renames it.", |mount, call| Box::pin(KeyValueMount::rename(mount, call)))
    .returns(&[Field::boolean("transaction", "Whether the host has transactions.")]);

const WAITING: Route<KeyValueMount> = Route::new("waiting/:key", "Waits until its caller leaves.")
    .help("Then it writes an object to store/.")
    .write("Waits.", |mount, call| Box::pin(KeyValueMount::wait(mount, call)));

const NAMES: Route<KeyValueMount> = Route::new("settings/", "Lists the settings.")
    .help("The list holds their names.")
    .list("Lists the names.", LIST)
    .navigation();

const SETTINGS: Route<KeyValueMount> = Route::new("settings/:name", "A field of each type.")
    .help("They can be written and read, and have no other effect.")
    .fields(&[
        Field::text("password", "A sensitive text.").required().sensitive(),
        Field::boolean("shown", "Whether it is visible.").default("true"),
        Field::duration("ttl", "The lifetime.").default("1h"),
        Field::texts("tags", "Search terms."),
        Field::integer("uses", "How often it may be used.").default("0"),
        Field::text("format", "The format.").one_of(&["json", "pem"]).default("json").label("Format"),
        Field::map("labels", "Names and values."),
        Field::header("headers", "HTTP headers."),
    ])
    .write("Writes the settings.", |mount, call| Box::pin(KeyValueMount::set(mount, call)))
    .read("Reads it.", READ)
    .delete("Deletes it.", DELETE)
    .exists(EXISTS)
    .item_type("Settings");

const LIMITS: Route<KeyValueMount> = Route::new("limits", "The host's lease times.")
    .help("They are in seconds.")
    .read("Reads the lease times.", |mount, _| Box::pin(KeyValueMount::limits(mount)));

const PANIC: Route<KeyValueMount> = Route::new("panic", "Panics.")
    .help("The panic fails only this call.")
    .read("Panics.", |_, _| Box::pin(async { panic!("requested panic") }))
    .sudo();

const READ: Handler<KeyValueMount> = |mount, call| Box::pin(mount.read(call));
const DELETE: Handler<KeyValueMount> = |mount, call| Box::pin(mount.delete(call));
const LIST: Handler<KeyValueMount> = |mount, call| Box::pin(mount.list(call));
const EXISTS: Exists<KeyValueMount> = |mount, call| Box::pin(mount.exists(call));

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
        SpecialPaths::new().root(ROUTER.sudo_paths())
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

    async fn patch(&self, call: Call) -> Result<Response, Failure> {
        let Request { data, path, .. } = call.request();
        // An empty answer would be 204.
        let missing = || Failure::Status(404, format!("{path} does not exist"));
        let mut object = self.object(path).await?.ok_or_else(missing)?;
        for (name, value) in data {
            match value {
                Value::Null => object.remove(name),
                value => object.insert(name.clone(), value.clone()),
            };
        }
        self.put(path, &object).await?;
        Ok(Response::with_data(object))
    }

    async fn set(&self, call: Call) -> Result<Response, Failure> {
        let mut object = self.object(&call.request().path).await?.unwrap_or_default();
        let sent = [
            ("password", call.text("password").map(Value::from)),
            ("shown", call.boolean("shown").map(Value::from)),
            ("ttl", call.duration("ttl").map(|ttl| Value::from(ttl.as_secs()))),
            ("tags", call.texts("tags").map(Value::from)),
            ("uses", call.integer("uses").map(Value::from)),
            ("format", call.text("format").map(Value::from)),
            ("labels", call.map("labels").cloned().map(Value::Object)),
            ("headers", call.header("headers").map(|headers| json!(headers))),
        ];
        for (name, value) in sent {
            object.extend(value.map(|value| (name.to_owned(), value)));
        }
        self.put(&call.request().path, &object).await?;
        Ok(Response::empty())
    }

    async fn put(&self, path: &str, data: &Map<String, Value>) -> Result<(), Failure> {
        let value = Value::Object(data.clone()).to_string().into_bytes();
        Ok(self.mount.storage.put(StorageEntry::new(path, value)).await?)
    }

    async fn read(&self, call: Call) -> Result<Response, Failure> {
        Ok(self.object(&call.request().path).await?.map_or_else(Response::empty, Response::with_data))
    }

    async fn delete(&self, call: Call) -> Result<Response, Failure> {
        self.mount.storage.delete(&call.request().path).await?;
        Ok(Response::empty())
    }

    async fn list(&self, call: Call) -> Result<Response, Failure> {
        Ok(Response::with_keys(self.mount.storage.list_page(&call.request().path, &call.page()).await?))
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
        let lease = Lease::new(LEASE).max_ttl(LEASE * 10).renewable().internal_data(internal_data);
        Ok(Response::with_data(data).leased(lease).warning(format!("issued/{key} is deleted when the lease ends")))
    }

    async fn rename(&self, call: Call) -> Result<Response, Failure> {
        let [from, to] = ["from", "to"].map(|name| format!("store/{}", call.parameter(name)));
        let storage = &self.mount.storage;
        let Some(entry) = storage.get(&from).await? else {
            return Err(refuse(format!("{from} does not exist"), format!("write {from} first")));
        };
        let renamed = StorageEntry::new(to, entry.value);
        let transaction = storage.begin().await?;
        let has_transactions = transaction.is_some();
        if let Some(transaction) = transaction {
            transaction.put(renamed).await?;
            transaction.delete(&from).await?;
            transaction.commit().await?;
        } else {
            storage.put(renamed).await?;
            storage.delete(&from).await?;
        }
        Ok(Response::with_data(object(json!({"transaction": has_transactions}))))
    }

    async fn wait(&self, call: Call) -> Result<Response, Failure> {
        let key = format!("store/{}", call.name());
        self.put(&key, &object(json!({"caller": "waits"}))).await?;
        call.canceled().await;
        self.put(&key, &object(json!({"caller": "left"}))).await?;
        Ok(Response::empty())
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
        let mut lease = held.lease;
        lease.ttl = ttl;
        Ok(Response::empty().leased(lease))
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
    Response::with_data(object(json!({"key": key}))).leased(Lease::new(LEASE).max_ttl(LEASE))
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
    let terminal = Terminal::new(std::io::stdout(), std::io::stderr(), &executable);
    match start(&ABOUT, variable, std::env::args().skip(1), terminal) {
        Start::Serve(host) => run(&host, KeyValueEngine),
        Start::Exit(code) => code,
    }
}
