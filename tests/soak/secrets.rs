//! The secrets of a soak, and where they are stored.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::kinds::{self, KINDS, Kind};
use crate::world::World;

/// Between two looks at a secret.
const GLANCE: Duration = Duration::from_millis(3);

/// The program that rotates a secret, and its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Driver {
    /// The rotation function, invoked by Secrets Manager.
    Function,
    /// `rotate --local`, in Secrets Manager.
    Local,
    /// `rotate file:`.
    File,
    /// `rotate vault:`, in KV of OpenBao.
    Kv,
    /// The secrets engine in OpenBao.
    Engine,
}

pub const DRIVERS: [Driver; 5] = [Driver::Function, Driver::Local, Driver::File, Driver::Kv, Driver::Engine];

#[derive(Clone, Debug)]
pub struct Secret {
    pub index: usize,
    pub name: String,
    pub driver: Driver,
    pub kind: Kind,
}

/// Why a document could not be read.
pub enum Unread {
    /// The store did not answer.
    Unavailable,
    /// The store rejects the read.
    Refused,
}

impl Secret {
    /// The numbers of drivers and kinds have no common divisor, so every 45 secrets hold each pair once.
    pub fn new(index: usize) -> Self {
        let (driver, kind) = (DRIVERS[index % DRIVERS.len()], KINDS[index % KINDS.len()]);
        Self { index, name: format!("s{index:03}"), driver, kind }
    }

    /// The secret as the command line names it.
    pub fn typed(&self, world: &World) -> String {
        match self.driver {
            Driver::File => format!("file:{}", world.path(&self.name).display()),
            Driver::Kv => format!("vault:secret/{}", self.name),
            _ => self.name.clone(),
        }
    }

    pub fn what(&self) -> String {
        format!("{} ({:?}, {:?})", self.name, self.driver, self.kind)
    }

    fn admin(&self) -> String {
        match self.driver {
            Driver::File => format!("{}-admin.json", self.name),
            Driver::Kv => format!("secret/{}-admin", self.name),
            _ => format!("{}-admin", self.name),
        }
    }

    /// Registers its clients, and stores its document and that of its admin.
    pub async fn create(&self, world: &World) {
        let (name, admin_name) = (&self.name, format!("{}-admin", self.name));
        let document = self.kind.document(name, &self.admin());
        kinds::register(&world.simulation, name, &document);
        if self.kind == Kind::Alternating {
            let admin = kinds::admin(name);
            kinds::register(&world.simulation, name, &admin);
            self.store(world, &admin_name, &admin).await;
        }
        self.store(world, name, &document).await;
        if self.driver == Driver::Engine {
            let mut role = kinds::role(&document, name);
            role["ttl"] = json!("20s");
            world.bao.post(&format!("genesys-cloud/roles/{name}"), role.clone()).await;
            role.as_object_mut().expect("an object").remove("ttl");
            role["rotation_period"] = json!(60);
            world.bao.post(&format!("genesys-cloud/static-roles/{name}"), role).await;
            self.note_promoted(world).await;
        }
    }

    async fn store(&self, world: &World, name: &str, document: &Value) {
        let text = document.to_string();
        match self.driver {
            Driver::Function | Driver::Local => {
                let create = world.aws.create_secret().name(name).secret_string(text);
                create.send().await.expect("the secret is created");
            }
            Driver::File => {
                let path = world.path(name);
                fs::write(&path, text).expect("the file can be written");
                fs::set_permissions(path, Permissions::from_mode(0o600)).expect("its mode can be set");
            }
            Driver::Kv => world.bao.put(name, &text).await,
            Driver::Engine => {
                let mut config = kinds::config(document);
                if config.contains_key("idle_client_id") {
                    config.insert("admin_config".to_owned(), json!(self.admin()));
                }
                world.bao.post(&format!("genesys-cloud/config/{name}"), config.into()).await;
            }
        }
    }

    /// What a reader of the secret reads.
    pub async fn read(&self, world: &World) -> Result<Value, Unread> {
        match self.driver {
            Driver::Function | Driver::Local => self.read_stage(world, "AWSCURRENT").await.ok_or(Unread::Refused),
            Driver::File => {
                let text = fs::read_to_string(world.path(&self.name)).map_err(|_| Unread::Refused)?;
                serde_json::from_str(&text).map_err(|_| Unread::Refused)
            }
            Driver::Kv => {
                read_path(world, &format!("secret/data/{}", self.name)).await.map(|data| data["data"].clone())
            }
            Driver::Engine => read_path(world, &format!("genesys-cloud/static-creds/{}", self.name)).await,
        }
    }

    async fn read_stage(&self, world: &World, stage: &str) -> Option<Value> {
        let read = world.aws.get_secret_value().secret_id(&self.name).version_stage(stage).send().await;
        serde_json::from_str(read.ok()?.secret_string()?).ok()
    }

    /// Records the tokens that readers can have got: of the current document, and of the one before.
    pub async fn note_promoted(&self, world: &World) {
        let mut documents = vec![self.read(world).await.ok()];
        match self.driver {
            Driver::Function | Driver::Local => documents.push(self.read_stage(world, "AWSPREVIOUS").await),
            Driver::Kv => {
                let path = format!("secret/data/{}", self.name);
                let current = read_path(world, &path).await.ok();
                let version = current.and_then(|data| data["metadata"]["version"].as_u64()).unwrap_or(1);
                let before = format!("{path}?version={}", version.saturating_sub(1).max(1));
                documents.push(read_path(world, &before).await.ok().map(|data| data["data"].clone()));
            }
            Driver::File | Driver::Engine => {}
        }
        for document in documents.into_iter().flatten() {
            if let Some(token) = document["access_token"].as_str() {
                world.note_token(token, self.index);
            }
        }
    }
}

/// Records every token that readers can get until it is aborted: two rotations may follow each other closely.
pub async fn look(world: Arc<World>, index: usize) {
    loop {
        world.secrets[index].note_promoted(&world).await;
        sleep(GLANCE).await;
    }
}

/// Reads a path of OpenBao, which answers 5xx while it starts the engine again.
async fn read_path(world: &World, path: &str) -> Result<Value, Unread> {
    match world.bao.try_call("GET", path, Value::Null).await {
        Some((200, answer)) => Ok(answer["data"].clone()),
        Some((400..=499, _)) => Err(Unread::Refused),
        _ => Err(Unread::Unavailable),
    }
}
