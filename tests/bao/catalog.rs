//! Engines in a server's catalog, and what runs of them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Bao;

/// An engine's binary, and how it is registered.
#[derive(Clone)]
pub struct Plugin {
    /// The name of its file, of its entry in the catalog, and its mounts' type.
    pub name: &'static str,
    /// What it reports, such as `v1.2.3`.
    pub version: &'static str,
    /// Where cargo put it.
    pub binary: PathBuf,
    /// `NAME=value`, for its process alone.
    pub environment: Vec<String>,
}

impl Plugin {
    /// Puts the binary where the server in this home looks for plugins, and answers the server's setting.
    pub(super) fn install(&self, home: &TempDir) -> String {
        let directory = home.path().join("plugins");
        fs::create_dir(&directory).expect("a directory");
        let place = directory.join(self.name);
        // It is large, and a cluster has three.
        if fs::hard_link(&self.binary, &place).is_err() {
            fs::copy(&self.binary, &place).expect("a copy");
        }
        format!("plugin_directory = {directory:?}\n")
    }

    /// Puts it into the catalog.
    pub(super) async fn register(&self, bao: &Bao) {
        let (status, answer) = self.register_as(bao, self.version).await;
        assert!(status < 300, "{status} {answer}");
    }

    /// Asks for it to be put into the catalog under a version.
    pub async fn register_as(&self, bao: &Bao, version: &str) -> (u16, Value) {
        let sum = Command::new(&self.binary).arg("--sha256").output().expect("it runs").stdout;
        let sum = String::from_utf8(sum).expect("it prints text");
        let entry = json!({"sha256": sum.trim(), "command": self.name, "version": version, "env": self.environment});
        bao.call("PUT", &format!("sys/plugins/catalog/secret/{}", self.name), entry).await
    }
}

impl Bao {
    /// Mounts an engine of the catalog.
    pub async fn mount(&self, plugin: &Plugin, path: &str) {
        self.post(&format!("sys/mounts/{path}"), json!({"type": plugin.name})).await;
    }

    /// Has every mount of an engine begin anew, in another process.
    pub async fn reload(&self, plugin: &Plugin) {
        let (status, answer) = self.call("PUT", "sys/plugins/reload/backend", json!({"plugin": plugin.name})).await;
        assert!(status < 300, "{status} {answer}");
    }

    /// The processes that run engines for this server.
    pub fn engines(&self) -> Vec<u32> {
        let plugins = self.server.home().join("plugins");
        let processes = fs::read_dir("/proc").expect("processes").flatten();
        let running =
            processes.filter(|one| fs::read_link(one.path().join("exe")).is_ok_and(|exe| exe.starts_with(&plugins)));
        running.filter_map(|process| process.file_name().to_str()?.parse().ok()).collect()
    }

    /// What lies where sockets go.
    pub fn sockets(&self) -> Vec<String> {
        let entries = fs::read_dir(self.server.home().join("sockets")).expect("sockets").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains("secrets-engine-")).collect()
    }
}
