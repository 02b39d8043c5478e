//! `adopt`: a client's secret goes into a document that no person sees.

mod interrupted;
mod killed;
mod refused;
mod stores;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{CLIENT_ID, Scene, Transcript, read, write};

const ADMIN_ID: &str = "5f3c8a52-000a-4e71-9d0c-6f2b3c9d1e10";

impl Scene {
    /// Adds an administrator that may renew the client, and returns the reference of its secret.
    fn owner(&self) -> String {
        let admin = self.admin(|_| {});
        self.edit_admin(|document| document["rotates"] = json!([CLIENT_ID]));
        admin
    }

    fn edit_admin(&self, edit: impl FnOnce(&mut Value)) {
        let mut document = read(&self.directory.path().join("admin.json"));
        edit(&mut document);
        write(self.directory.path(), "admin.json", &document.to_string());
    }

    /// The reference of a file that does not exist.
    fn new_file(&self, name: &str) -> (std::path::PathBuf, String) {
        let path = self.directory.path().join(name);
        let typed = format!("file:{}", path.display());
        (path, typed)
    }

    async fn adopt(&self, secret: &str, admin: &str, more: &[&str]) -> Transcript {
        self.run(&[&["adopt", secret, "--client", CLIENT_ID, "--admin", admin, "--yes"], more].concat()).await
    }

    fn secret_of(&self, id: &str) -> String {
        let clients = self.simulation.genesys.clients();
        clients.into_iter().find(|client| client.id == id).expect("the client").secret
    }

    /// Asserts that a document holds the client's present secret and a live token.
    fn assert_adopted(&self, document: &Value, what: &str) {
        assert_eq!(document["client_id"], CLIENT_ID, "{what}");
        assert_eq!(document["client_secret"], self.secret_of(CLIENT_ID), "{what}");
        let token = document["access_token"].as_str().unwrap_or_else(|| panic!("{what}: no token"));
        assert!(self.is_alive(token), "{what}: the token is dead");
    }
}

/// Ends the lease of a file that a killed run holds, as time does.
fn expire_lease(path: &Path) {
    let beside = path.with_extension("json.rotation");
    let Ok(text) = fs::read_to_string(&beside) else { return };
    let mut versions: Value = serde_json::from_str(&text).expect("JSON");
    let lease = versions["lease"].as_str().unwrap_or_default().to_owned();
    if let Some((_, rest)) = lease.strip_prefix("lease-").and_then(|lease| lease.split_once('-')) {
        versions["lease"] = format!("lease-1-{rest}").into();
        fs::write(&beside, versions.to_string()).expect("the file is written");
    }
}
