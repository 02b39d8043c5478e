//! Where the secret of a history is stored.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use genesys_rotator::rotation::{RotationStore, SecretId};
use genesys_rotator::store::file::FileStore;
use genesys_rotator::store::vault::VaultKv;
use openbao_plugin::testing::bao::Bao;
use serde_json::Value;
use tempfile::TempDir;

/// Where the secret is stored, as its operator sees it.
pub trait Place {
    type Store: RotationStore + Clone;

    fn store(&self) -> Self::Store;
    fn id(&self) -> SecretId;
    /// The name by which the document refers to the admin's secret.
    fn admin(&self) -> String;
    async fn put(&self, document: &str);
    async fn put_admin(&self, document: &str);
    async fn delete_state(&self);
    /// Everything that is stored, also beside the document.
    async fn everything(&self) -> String;
}

pub struct Files {
    pub directory: TempDir,
}

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Replaces a file as an editor does.
    fn write(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).expect("a file");
        fs::set_permissions(&new, Permissions::from_mode(0o600)).expect("a private file");
        fs::rename(new, self.path(name)).expect("the file is replaced");
    }
}

impl Place for Files {
    type Store = FileStore;

    fn store(&self) -> FileStore {
        FileStore::beside(&self.id())
    }

    fn id(&self) -> SecretId {
        SecretId::new(self.path("genesys.json").display().to_string())
    }

    fn admin(&self) -> String {
        "admin.json".to_owned()
    }

    async fn put(&self, document: &str) {
        self.write("genesys.json", document);
    }

    async fn put_admin(&self, document: &str) {
        self.write("admin.json", document);
    }

    async fn delete_state(&self) {
        // It may not exist.
        let _ = fs::remove_file(self.path("genesys.json.rotation"));
    }

    async fn everything(&self) -> String {
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        [self.path("genesys.json"), self.path("genesys.json.rotation")].map(|path| read(&path)).concat()
    }
}

pub struct Kv<'a> {
    pub bao: &'a Bao,
    pub store: VaultKv,
    pub name: String,
}

impl Kv<'_> {
    fn state_path(&self) -> String {
        format!("genesys-rotator/pending/{}", self.name)
    }
}

impl Place for Kv<'_> {
    type Store = VaultKv;

    fn store(&self) -> VaultKv {
        self.store.clone()
    }

    fn id(&self) -> SecretId {
        SecretId::new(format!("secret/{}", self.name))
    }

    fn admin(&self) -> String {
        format!("secret/{}-admin", self.name)
    }

    async fn put(&self, document: &str) {
        self.bao.put(&self.name, document).await;
    }

    async fn put_admin(&self, document: &str) {
        self.bao.put(&format!("{}-admin", self.name), document).await;
    }

    async fn delete_state(&self) {
        let path = format!("secret/metadata/{}", self.state_path());
        self.bao.call("DELETE", &path, Value::Null).await;
    }

    async fn everything(&self) -> String {
        format!("{}{}", self.bao.get(&self.name).await, self.bao.get(&self.state_path()).await)
    }
}
