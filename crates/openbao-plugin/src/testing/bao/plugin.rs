//! A secrets engine's binary, as a server registers it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A secrets engine's binary, and how a server registers it.
#[derive(Clone)]
pub struct Plugin {
    /// The name of its file, of its catalog entry, and of its mounts' type.
    pub name: &'static str,
    /// The version that it reports, such as `v1.2.3`.
    pub version: &'static str,
    /// The binary that cargo built.
    pub binary: PathBuf,
    /// `NAME=value` pairs for its process only.
    pub environment: Vec<String>,
}

impl Plugin {
    /// Copies the binary into the plugin directory below `home`, and returns the server's setting that names the
    /// directory.
    pub(super) fn install(&self, home: &Path) -> String {
        let directory = home.join("plugins");
        fs::create_dir(&directory).unwrap();
        let place = directory.join(self.name);
        // A hard link saves copying a large file for each node of a cluster.
        if fs::hard_link(&self.binary, &place).is_err() {
            fs::copy(&self.binary, &place).unwrap();
        }
        format!("plugin_directory = {directory:?}\n")
    }

    /// The binary's SHA-256, as the binary prints it.
    pub(super) fn sha256(&self) -> String {
        let sum = Command::new(&self.binary).arg("--sha256").output().unwrap().stdout;
        String::from_utf8(sum).unwrap().trim().to_owned()
    }
}
