//! The secrets engine in a scene: its nodes, and the actors that send requests to it.
//!
//! The engine is the production one, from its routes down. It has no host process: [`DirectHost`] and [`EnginePlatform`] pass
//! its calls to the model. Requests of one node share its locks, cache and rate limits, and a kill ends all of them.

use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use genesys_rotator::engine::{EnginePlatform, GenesysEngine, GenesysMount};
use genesys_rotator::rotation::{ErrorKind, KeepAlive, Place, Result, RotationError};
use genesys_rotator::secret::SecretString;
use openbao_plugin::testing::{self, DirectHost, StorageAnswer, StorageCall};
use openbao_plugin::{Backend, Engine, Failure, Operation, Request, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::actors::{Actor, ActorResult};
use crate::host::{CONFIG, CREDENTIAL, Host, INTENT, READ_ONLY, name_of};
use crate::platform::Death;
use crate::ports::{POLLED, Port};
use crate::scene::{Mode, Role, Scene};
use crate::world::{Class, MOST_ACTORS, World};

/// Longer than the token of the static role is valid for its period, and shorter than its life.
const BEFORE: i64 = 3 * 3_600_000;
/// How often an operator sends a request again.
const ATTEMPTS: usize = 8;
/// Longer than the write-ahead entry of an interrupted rotation is kept: 75 s.
const SETTLED: Duration = Duration::from_secs(120);
/// How long an operator waits for that.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a host answers for a plugin that died.
const DIED: &str = "the plugin's process died";
/// The id of the credential at the start, instead of a random one: it decides about waits.
const VERSION: &str = "00000000-0000-4000-8000-000000000000";

/// The processes of the engine, one per node.
pub struct Nodes {
    world: Arc<World>,
    processes: Mutex<[Process; 2]>,
    /// The node that each actor's last request was sent to.
    serving: Mutex<[usize; MOST_ACTORS]>,
}

#[derive(Clone)]
struct Process {
    mount: Arc<GenesysMount>,
    number: u32,
}

/// A node as its engine sees it.
struct Node {
    port: Port,
    index: usize,
}

impl DirectHost for Node {
    async fn call(&self, call: StorageCall) -> std::result::Result<StorageAnswer, String> {
        let (name, class) = match &call {
            StorageCall::List(_) => ("list", Class::StoreRead),
            StorageCall::Get(key) => (name_of("read", key), Class::StoreRead),
            StorageCall::Put(key, _) => (name_of("write", key), Class::StoreWrite),
            StorageCall::Delete(key) => (name_of("delete", key), Class::StoreWrite),
            _ => return Err("the model has no such call".to_owned()),
        };
        let node = self.index;
        let (is_kept, key) = match &call {
            StorageCall::Put(key, config) => (true, access_key_of(config).filter(|_| key == CONFIG)),
            // The engine looks whether a failed write or deletion of the entry was carried out.
            StorageCall::Get(key) => (key == INTENT, None),
            _ => (false, None),
        };
        let answer = self.port.call(class, name, move |state| state.call_host(node, call)).await;
        if answer.as_ref().is_err_and(|error| is_kept && error.to_string() != READ_ONLY) {
            let mut state = self.port.world.state.lock();
            // A key that a failed write may have stored is kept, and so is the token of an entry that it replaced.
            let replaced = state.host.replaced.take().unwrap_or_default();
            state.platform.excuse_stored(&replaced, &key.unwrap_or_default());
        }
        answer.map(|answer| answer.answer).map_err(|error| error.to_string())
    }

    fn is_standby(&self) -> bool {
        self.port.world.state.lock().host.active != self.index
    }
}

impl EnginePlatform for Port {
    async fn api_url(&self, _: &Place, _: &SecretString) -> Result<String> {
        Ok("https://api.example".to_owned())
    }
}

impl KeepAlive for Port {}

fn access_key_of(config: &str) -> Option<String> {
    let config: Value = serde_json::from_str(config).ok()?;
    config["access_key_id"].as_str().map(str::to_owned)
}

impl Process {
    fn start(world: &Arc<World>, index: usize, number: u32) -> Self {
        let port = Port { world: world.clone(), actor: POLLED };
        let engine = GenesysEngine::new(Ok(port.clone()), port.clone(), "v0.0.0");
        let mount = engine.mount(testing::mount(Node { port, index })).expect("a mount");
        Self { mount: Arc::new(mount), number }
    }
}

impl Nodes {
    fn new(world: &Arc<World>) -> Arc<Self> {
        let processes = [0, 1].map(|index| Process::start(world, index, 0));
        Arc::new(Self { world: world.clone(), processes: Mutex::new(processes), serving: Mutex::default() })
    }

    /// Kills the process that serves an actor, and with it every request. The host starts another one.
    pub fn kill(&self, actor: usize) {
        let serving = *self.serving.lock();
        let index = serving[actor];
        let mut processes = self.processes.lock();
        processes[index] = Process::start(&self.world, index, processes[index].number + 1);
        let mut state = self.world.state.lock();
        state.host.restarted(index);
        state.excuse_unstored(|maker| serving[maker] == index);
    }

    /// Runs work on the active node, until it ends or the node's process is killed.
    async fn on_active<T, F: Future<Output = T>>(&self, work: impl FnOnce(Arc<GenesysMount>) -> F) -> Option<T> {
        let (index, actor) = {
            let state = self.world.state.lock();
            (state.host.active, state.polled)
        };
        self.serving.lock()[actor] = index;
        let Process { mount, number } = self.processes.lock()[index].clone();
        let mut work = Box::pin(work(mount));
        std::future::poll_fn(|context| match self.processes.lock()[index].number == number {
            true => work.as_mut().poll(context).map(Some),
            false => Poll::Ready(None),
        })
        .await
    }

    async fn request(&self, operation: Operation, path: &str, data: Value) -> Result<Response> {
        let mut request = Request::new(operation, path);
        request.data = data.as_object().cloned().unwrap_or_default();
        let answer = self.on_active(|mount| async move { mount.handle_request(request).await }).await;
        match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(Failure::InvalidRequest(why))) => Err(RotationError::new(ErrorKind::DocumentInvalid, why)),
            Some(Err(failure)) => Err(RotationError::new(ErrorKind::StoreUnavailable, failure.to_string())),
            None => Err(RotationError::new(ErrorKind::StoreUnavailable, DIED)),
        }
    }

    async fn write(&self, path: &str, data: Value) -> Result<Response> {
        self.request(Operation::Update, path, data).await
    }

    async fn tick(&self) -> ActorResult {
        let died = || RotationError::new(ErrorKind::StoreUnavailable, DIED);
        self.on_active(|mount| async move { mount.run_pass().await }).await.ok_or_else(died)
    }

    /// A write of an operator, who sends it again unless it is refused.
    async fn write_by_hand(&self, path: &str, data: Value) -> ActorResult {
        let mut last = Ok(());
        for _ in 0..ATTEMPTS {
            match self.write(path, data.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::DocumentInvalid => return Err(error),
                Err(error) => last = Err(error),
            }
            tokio::time::sleep(PATIENCE).await;
        }
        last
    }

    async fn root(&self) -> ActorResult {
        let former = self.world.state.lock().config_key().1;
        let mut rotated = self.write("rotate-root/main", Value::Null).await;
        if rotated.as_ref().is_err_and(|error| error.to_string() == DIED) {
            rotated = self.write("rotate-root/main", Value::Null).await;
        }
        rotated?;
        self.world.state.lock().on_root_success(&former);
        Ok(())
    }

    async fn rotate(&self) -> ActorResult {
        self.write("rotate-role/ci", Value::Null).await.map(drop)
    }

    async fn read(&self) -> ActorResult {
        let read = |path| self.request(Operation::Read, path, Value::Null);
        let mut answer = read("static-creds/ci").await;
        // A reader asks again when the process was killed.
        while answer.as_ref().is_err_and(|error| error.to_string() == DIED) {
            answer = read("static-creds/ci").await;
        }
        match answer {
            Ok(answer) => self.world.state.lock().check_read(&token_in(&answer)),
            Err(error) => self.world.state.lock().violate(format!("A: static-creds cannot be read: {error}")),
        }
        let leased = read("creds/leased").await?;
        let token = token_in(&leased);
        let mut state = self.world.state.lock();
        state.host.leases.push(token.clone());
        state.check_read(&token);
        Ok(())
    }

    async fn edit(&self) -> ActorResult {
        let (path, data, text) = match self.world.state.lock().scene.mode {
            Mode::Token | Mode::Generated => {
                ("static-roles/ci", json!({"probes": ["GET /api/v2/users"]}), "GET /api/v2/users")
            }
            Mode::AccessKeys => (CONFIG, json!({"tenant_id": "ours"}), "ours"),
            _ => (CONFIG, json!({"rotates": ["other"]}), "other"),
        };
        self.write_by_hand(path, data).await?;
        let mut state = self.world.state.lock();
        state.host.edited = Some((path, text));
        state.check_engine();
        Ok(())
    }

    async fn regenerate(&self, actor: usize) -> ActorResult {
        let made = self.world.call(actor, Class::Sound, "the operator regenerates the client secret", |state| {
            let (id, _) = state.config_key();
            let (actor, now) = (state.actor, state.now);
            let secret = state.platform.replace_secret(&id, actor, now, Death::RegeneratedByHand);
            state.operator_key = Some((id, secret));
            state.operator_gap = true;
            Ok(())
        });
        made.await?;
        let (id, secret) = self.world.state.lock().operator_key.clone().expect("a secret");
        let mut written = Ok(());
        for _ in 0..ATTEMPTS {
            written = self.write_by_hand(CONFIG, json!({"client_secret": secret})).await;
            // A rotation has regenerated it since, or it has not propagated yet.
            if written.is_ok() || !self.world.state.lock().platform.is_latest(&id, &secret) {
                break;
            }
            tokio::time::sleep(PATIENCE).await;
        }
        let mut state = self.world.state.lock();
        state.operator_gap = false;
        state.check_engine();
        written
    }

    async fn take_over(&self, actor: usize) -> ActorResult {
        let taken = self.world.call(actor, Class::Sound, "another node becomes active", |state| {
            state.host.active = 1;
            Ok(())
        });
        taken.await?;
        self.tick().await?;
        match self.world.state.lock().scene.mode {
            Mode::Token | Mode::Generated => return Ok(()),
            _ => {}
        }
        self.root().await
    }
}

fn token_in(answer: &Response) -> String {
    let token = answer.data.as_ref().and_then(|data| data.get("access_token")?.as_str());
    token.unwrap_or_default().to_owned()
}

/// The actor in a role.
pub fn actor(nodes: &Arc<Nodes>, index: usize, role: Role) -> Actor {
    let nodes = nodes.clone();
    Box::pin(async move {
        match role {
            Role::Root => nodes.root().await,
            Role::Rotate => nodes.rotate().await,
            Role::Tick => nodes.tick().await,
            Role::Read => nodes.read().await,
            Role::Edit => nodes.edit().await,
            Role::Regenerate => nodes.regenerate(index).await,
            Role::Takeover => nodes.take_over(index).await,
            _ => unreachable!("not a role of the engine"),
        }
    })
}

/// At the end: the background task heals, a rotation succeeds, and the background task finds nothing else to do.
pub async fn undisturbed(nodes: &Nodes) -> ActorResult {
    // A standby revokes what its requests did not store.
    let processes = nodes.processes.lock().clone();
    for process in processes {
        process.mount.run_pass().await;
    }
    let is_static = matches!(nodes.world.state.lock().scene.mode, Mode::Token | Mode::Generated);
    if is_static { nodes.rotate().await } else { nodes.root().await }?;
    // Until then, the write-ahead entry of a rotation that was healed is kept.
    tokio::time::sleep(SETTLED).await;
    nodes.tick().await
}

/// The engine at the start of a schedule, with a config, a role and a static role.
pub async fn start(world: &Arc<World>) -> Arc<Nodes> {
    static STARTS: [OnceLock<Host>; 5] = [const { OnceLock::new() }; 5];
    let scene = world.state.lock().scene;
    let start = &STARTS[scene.mode as usize];
    if start.get().is_none() {
        drop(start.set(written(scene).await));
    }
    let mut state = world.state.lock();
    state.host = start.get().expect("a start").clone();
    let token = state.host.field(CREDENTIAL, "access_token").expect("a token");
    state.platform.add_current(&token);
    drop(state);
    Nodes::new(world)
}

/// What the engine stores for a config, a role and a static role.
async fn written(scene: Scene) -> Host {
    let sound = Scene { is_late: false, tokens_die: false, bug: None, ..scene };
    let world = World::beginning(sound, false, BEFORE);
    world.state.lock().is_undisturbed = true;
    let nodes = Nodes::new(&world);
    let client = json!({"region": "mypurecloud.ie", "client_id": "c1", "client_secret": "s1"});
    let admin = json!({
        "region": "mypurecloud.ie", "client_id": "ca", "client_secret": "sa", "rotates": ["c1", "c2"],
    });
    let key = json!({"platform": "nice-cxone", "area": "na1", "access_key_id": "c1", "access_key_secret": "s1"});
    let period = if scene.mode.renews() { 86_400 } else { 3_600 };
    let mut role = json!({"config": "main", "rotation_period": period});
    if scene.mode == Mode::Generated {
        (role["token"], role["resource_owner"]) = (json!("generated"), json!("o"));
    }
    let second = json!({"idle_client_id": "c2", "admin_config": "admin"});
    let writes = match scene.mode {
        Mode::AccessKeys => vec![(CONFIG, key)],
        Mode::Alternating => vec![("config/admin", admin), (CONFIG, client), (CONFIG, second)],
        _ => vec![(CONFIG, client)],
    };
    let roles = vec![("roles/leased", json!({"config": "main"})), ("static-roles/ci", role)];
    for (path, data) in writes.into_iter().chain(roles) {
        nodes.write(path, data).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let mut state = world.state.lock();
    let mut host = Host::default();
    for (key, entry) in std::mem::take(&mut state.host.entries) {
        let mut value: Value = serde_json::from_str(&entry.text).expect("JSON");
        if !value["version"].is_null() {
            value["version"] = json!(VERSION);
        }
        host.put(key, value.to_string());
    }
    host
}
