//! An engine in the test's own process, over the same wire.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::{Engine, HostEnvironment};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{Host, Identity, Road, Storage};

/// The handshake, for who reads it in the same process.
struct Handshake(mpsc::UnboundedSender<Vec<u8>>);

impl Write for Handshake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Serves an engine until the host is dropped, and connects a host with one mount to it. The
/// directory is that of the sockets.
pub async fn serve<E: Engine>(engine: E, storage: Storage) -> (Host, TempDir) {
    let identity = Identity::new();
    let directory = tempfile::Builder::new().prefix("host").tempdir_in("/tmp").unwrap();
    let environment = HostEnvironment::from_lookup(|name| match name {
        "VAULT_BACKEND_PLUGIN" => Some("6669da05-b1c8-4f49-97d9-c8e5bed98e20".to_owned()),
        "PLUGIN_PROTOCOL_VERSIONS" => Some("5".to_owned()),
        "PLUGIN_CLIENT_CERT" => Some(identity.pem()),
        "PLUGIN_UNIX_SOCKET_DIR" => Some(directory.path().display().to_string()),
        _ => None,
    });
    let environment = environment.unwrap();
    let (sender, mut handshake) = mpsc::unbounded_channel();
    tokio::spawn(async move { crate::serve(&environment, engine, Handshake(sender)).await });
    let line = String::from_utf8(handshake.recv().await.unwrap()).unwrap();
    let socket = PathBuf::from(line.split('|').nth(3).unwrap());
    let host = Host::connect(&identity, Road::Sockets(socket), storage).await;
    assert_eq!(host.setup("mount").await, "");
    (host, directory)
}
