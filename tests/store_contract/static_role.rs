//! The storage that a host keeps for a secrets engine, over the wire.

use genesys_rotator::rotation::SecretId;
use genesys_rotator::vault_plugin::engine::StaticStore;
use genesys_rotator::vault_plugin::transport::{Backend, Engine, Failure, Mount, Request, Response, Storage};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::contract::{tests, with_every_row};
use crate::host::{self, Host};
use crate::place::{Place, Under, rotator};

/// Hands a mount's storage out, and answers nothing.
struct StorageAlone(mpsc::UnboundedSender<Storage>);

struct Silent;

impl Engine for StorageAlone {
    type Backend = Silent;

    fn version(&self) -> String {
        "v0.0.0".to_owned()
    }

    fn mount(&self, mount: Mount) -> Result<Silent, Failure> {
        let _ = self.0.send(mount.storage);
        Ok(Silent)
    }
}

impl Backend for Silent {
    async fn handle_request(&self, _: Request) -> Result<Response, Failure> {
        Err(Failure::UnsupportedPath)
    }
}

struct Mounted {
    rotator: Under<StaticStore>,
    storage: host::Storage,
    _host: (Host, TempDir),
}

impl Mounted {
    /// What lies under a key.
    fn held(&self, prefix: &str, secret: &SecretId) -> Option<String> {
        self.storage.text(&format!("{prefix}/{}", name_of(secret)))
    }
}

impl Place for Mounted {
    type Store = StaticStore;

    fn rotator(&self) -> &Under<StaticStore> {
        &self.rotator
    }

    /// Without a role beside it, a credential speaks for itself.
    async fn create(&self, value: &str) -> SecretId {
        let name = Uuid::new_v4();
        let entry = json!({"version": Uuid::new_v4().to_string(), "document": value});
        self.storage.set(&format!("static-creds/{name}"), &entry.to_string());
        SecretId::new(format!("static-roles/{name}"))
    }

    fn unknown(&self) -> SecretId {
        SecretId::new("static-roles/nobody-made-this")
    }

    async fn every_value(&self, secret: &SecretId) -> Vec<String> {
        ["static-creds", "static-pending"].iter().filter_map(|prefix| self.held(prefix, secret)).collect()
    }
}

fn name_of(secret: &SecretId) -> &str {
    secret.as_str().strip_prefix("static-roles/").expect("a role's id")
}

async fn mounted() -> Mounted {
    let (sender, mut mounts) = mpsc::unbounded_channel();
    let storage = host::Storage::default();
    let host = host::serve(StorageAlone(sender), storage.clone()).await;
    let store = StaticStore::new(mounts.recv().await.expect("the mount's storage"));
    Mounted { rotator: rotator(store), storage, _host: host }
}

with_every_row!(tests mounted);
