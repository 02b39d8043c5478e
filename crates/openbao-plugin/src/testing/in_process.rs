//! An engine in the test's own process.

use std::io::{self, Write};
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::host::{Host, Transport};
use super::identity::HostIdentity;
use super::memory_storage::MemoryStorage;
use super::memory_system_view::MemorySystemView;
use crate::go_plugin::handshake::{COOKIE, COOKIE_NAME, HostEnvironment, PROTOCOL_VERSION};
use crate::logical::backend::Engine;

/// Sends the handshake line to the host in the same process.
struct HandshakeSender(mpsc::UnboundedSender<Vec<u8>>);

impl Write for HandshakeSender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Serves an engine on a background task until the host is dropped, and sets up one mount with the id `mount`.
///
/// Returns the connected host and the directory of the sockets, which must live as long as the host.
///
/// # Panics
///
/// The engine cannot be served, or refuses the mount.
pub async fn serve<E: Engine>(engine: E, storage: MemoryStorage) -> (Host, TempDir) {
    serve_with(engine, storage, MemorySystemView::default()).await
}

/// The same as [`serve`], with a system view that the test may change.
///
/// # Panics
///
/// The engine cannot be served, or refuses the mount.
pub async fn serve_with<E: Engine>(engine: E, storage: MemoryStorage, system: MemorySystemView) -> (Host, TempDir) {
    let identity = HostIdentity::new();
    let directory = tempfile::Builder::new().prefix("host").tempdir_in("/tmp").unwrap();
    let environment = HostEnvironment::from_lookup(|name| match name {
        COOKIE_NAME => Some(COOKIE.to_owned()),
        "PLUGIN_PROTOCOL_VERSIONS" => Some(PROTOCOL_VERSION.to_owned()),
        "PLUGIN_CLIENT_CERT" => Some(identity.pem()),
        "PLUGIN_UNIX_SOCKET_DIR" => Some(directory.path().display().to_string()),
        _ => None,
    });
    let environment = environment.unwrap();
    let (sender, mut handshake) = mpsc::unbounded_channel();
    tokio::spawn(async move { crate::serve::serve(&environment, engine, HandshakeSender(sender)).await });
    let line = String::from_utf8(handshake.recv().await.unwrap()).unwrap();
    let socket = PathBuf::from(line.split('|').nth(3).unwrap());
    let host = Host::connect_with(&identity, Transport::Sockets(socket), storage, system).await;
    assert_eq!(host.setup("mount").await, "");
    (host, directory)
}
