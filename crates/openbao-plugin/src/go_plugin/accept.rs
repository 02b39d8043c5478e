//! Accepts the host's connections, up to the completed TLS handshake.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::mux::{MuxDriver, RawStream};
use super::shutdown::Shutdown;

/// Limits the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Limits the wait for the host's first connection. The host itself gives up after a minute (go-plugin, `StartTimeout`).
const FIRST_CONNECTION: Duration = Duration::from_secs(60);
/// Delay after a failed accept, such as with too many open files.
const PAUSE: Duration = Duration::from_millis(50);
/// How many authenticated connections may wait to be served.
const QUEUE: usize = 16;

/// An authenticated connection of the host.
pub(crate) struct HostConnection(TlsStream<RawStream>);

/// Returns the host's connections. Other peers fail the TLS handshake, without effect on the host's connections.
pub(crate) fn connections(
    listener: UnixListener,
    acceptor: TlsAcceptor,
    mux: Option<MuxDriver>,
    shutdown: Shutdown,
) -> impl Stream<Item = io::Result<HostConnection>> {
    let (authenticated, served) = mpsc::channel(QUEUE);
    let handshakes = Handshakes { acceptor, authenticated };
    tokio::spawn(async move {
        match mux {
            Some(driver) => accept_streams(listener, handshakes, driver).await,
            None => accept_connections(listener, handshakes).await,
        }
    });
    unfold((served, FIRST_CONNECTION), move |(mut served, limit)| {
        let shutdown = shutdown.clone();
        async move {
            let Ok(connection) = timeout(limit, served.recv()).await else {
                shutdown.trigger("no host connected");
                return None;
            };
            Some((Ok(connection?), (served, Duration::MAX)))
        }
    })
}

#[derive(Clone)]
struct Handshakes {
    acceptor: TlsAcceptor,
    authenticated: mpsc::Sender<HostConnection>,
}

impl Handshakes {
    /// Runs the TLS handshake on a background task.
    fn start(&self, stream: RawStream) {
        let Self { acceptor, authenticated } = self.clone();
        tokio::spawn(async move {
            match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                // The receiver is dropped at shutdown.
                Ok(Ok(stream)) => drop(authenticated.send(HostConnection(stream)).await),
                Ok(Err(error)) => tracing::debug!("TLS handshake failed: {error}"),
                Err(_) => tracing::debug!("TLS handshake timed out"),
            }
        });
    }
}

async fn accept_connections(listener: UnixListener, handshakes: Handshakes) {
    loop {
        handshakes.start(RawStream::Socket(accept(&listener).await));
    }
}

/// Accepts one multiplexed connection at a time. When one ends, such as another peer's, the next is accepted.
async fn accept_streams(listener: UnixListener, handshakes: Handshakes, mut driver: MuxDriver) {
    loop {
        let socket = accept(&listener).await;
        driver.run(socket, |stream| handshakes.start(stream)).await;
    }
}

async fn accept(listener: &UnixListener) -> UnixStream {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => return socket,
            Err(error) => {
                tracing::warn!("accept failed: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Connected for HostConnection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for HostConnection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, into)
    }
}

impl AsyncWrite for HostConnection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}
