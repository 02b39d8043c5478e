//! A plugin's process, started as a host does.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tempfile::TempDir;

use super::identity::HostIdentity;
use crate::go_plugin::handshake::{COOKIE, COOKIE_NAME};

/// Limits the wait for the process to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A plugin's process, and its handshake line. It is killed when this is dropped.
pub struct PluginProcess {
    /// The process.
    pub process: Child,
    /// The handshake line, without its line break.
    pub line: String,
    /// The standard error, which carries the log.
    pub errors: Option<BufReader<ChildStderr>>,
    /// The directory of the sockets.
    pub directory: TempDir,
}

impl PluginProcess {
    /// Starts a binary as go-plugin does, and reads its handshake line. `environment` is added to the host's variables.
    pub fn start(binary: &Path, host: &HostIdentity, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("host").tempdir_in("/tmp").unwrap();
        let mut command = Command::new(binary);
        command.env(COOKIE_NAME, COOKIE);
        command.env("PLUGIN_PROTOCOL_VERSIONS", "3,4,5").env("PLUGIN_CLIENT_CERT", host.pem());
        command.env("PLUGIN_UNIX_SOCKET_DIR", directory.path()).envs(environment.iter().copied());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let errors = process.stderr.take().map(BufReader::new);
        Self { process, line: line.trim_end().to_owned(), errors, directory }
    }

    /// Returns a field of the handshake line, counted from 0.
    pub fn field(&self, index: usize) -> &str {
        self.line.split('|').nth(index).unwrap_or_default()
    }

    /// Returns the path of the plugin's socket.
    pub fn socket(&self) -> PathBuf {
        PathBuf::from(self.field(3))
    }

    /// Returns the plugin's certificate, DER.
    pub fn certificate(&self) -> Vec<u8> {
        STANDARD_NO_PAD.decode(self.field(5)).unwrap()
    }

    /// Waits until the process has ended, and checks that it removed its socket.
    pub async fn ended(&mut self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.process.try_wait().unwrap().is_none() {
            assert!(tokio::time::Instant::now() < deadline, "the process does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(std::fs::read_dir(self.directory.path()).unwrap().count(), 0);
    }
}

impl Drop for PluginProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
