//! A plugin's process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tempfile::TempDir;

use super::Identity;

const PATIENCE: Duration = Duration::from_secs(30);

/// The engine's process, with what its handshake said.
pub struct Plugin {
    pub process: Child,
    pub line: String,
    pub errors: Option<BufReader<ChildStderr>>,
    pub directory: TempDir,
}

impl Plugin {
    /// Starts it as go-plugin does.
    pub fn start(binary: &Path, host: &Identity, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("host").tempdir_in("/tmp").unwrap();
        let mut command = Command::new(binary);
        command.env("VAULT_BACKEND_PLUGIN", "6669da05-b1c8-4f49-97d9-c8e5bed98e20");
        command.env("PLUGIN_PROTOCOL_VERSIONS", "3,4,5").env("PLUGIN_CLIENT_CERT", host.pem());
        command.env("PLUGIN_UNIX_SOCKET_DIR", directory.path()).envs(environment.iter().copied());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let errors = process.stderr.take().map(BufReader::new);
        Self { process, line: line.trim_end().to_owned(), errors, directory }
    }

    pub fn field(&self, index: usize) -> &str {
        self.line.split('|').nth(index).unwrap_or_default()
    }

    pub fn socket(&self) -> PathBuf {
        PathBuf::from(self.field(3))
    }

    pub fn certificate(&self) -> Vec<u8> {
        STANDARD_NO_PAD.decode(self.field(5)).unwrap()
    }

    /// Waits until the process has ended, and checks that it took its socket along.
    pub async fn ended(&mut self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.process.try_wait().unwrap().is_none() {
            assert!(tokio::time::Instant::now() < deadline, "the process does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(std::fs::read_dir(self.directory.path()).unwrap().count(), 0);
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
