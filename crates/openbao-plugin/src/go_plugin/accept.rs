//! Connections of the host, from the socket to the moment at which both ends have proved themselves.

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

use super::mux::{MuxDriver, Wire};
use super::shutdown::End;

/// How long a peer may take to prove itself.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the host may take to connect at all. Its own patience is a minute (go-plugin, `StartTimeout`).
const FIRST_CONNECTION: Duration = Duration::from_secs(60);
/// How long to wait after a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);
/// How many proved connections may wait to be served.
const QUEUE: usize = 16;

/// A connection of the host.
pub(crate) struct HostConnection(TlsStream<Wire>);

/// The host's connections. Whoever else dials is turned away, and disturbs nobody.
pub(crate) fn connections(
    listener: UnixListener,
    acceptor: TlsAcceptor,
    mux: Option<MuxDriver>,
    end: End,
) -> impl Stream<Item = io::Result<HostConnection>> {
    let (proved, served) = mpsc::channel(QUEUE);
    let door = Door { acceptor, proved };
    tokio::spawn(async move {
        match mux {
            Some(driver) => accept_streams(listener, door, driver).await,
            None => accept_connections(listener, door).await,
        }
    });
    unfold((served, FIRST_CONNECTION), move |(mut served, patience)| {
        let end = end.clone();
        async move {
            let Ok(connection) = timeout(patience, served.recv()).await else {
                end.reach("no host connected");
                return None;
            };
            Some((Ok(connection?), (served, Duration::MAX)))
        }
    })
}

#[derive(Clone)]
struct Door {
    acceptor: TlsAcceptor,
    proved: mpsc::Sender<HostConnection>,
}

impl Door {
    /// Lets the peer prove itself, beside the others.
    fn admit(&self, wire: Wire) {
        let door = self.clone();
        tokio::spawn(async move {
            match timeout(HANDSHAKE, door.acceptor.accept(wire)).await {
                // Nobody serves any more once the receiver is gone.
                Ok(Ok(stream)) => drop(door.proved.send(HostConnection(stream)).await),
                Ok(Err(error)) => tracing::debug!("a peer that is not the host was turned away: {error}"),
                Err(_) => tracing::debug!("a peer took too long to prove that it is the host"),
            }
        });
    }
}

async fn accept_connections(listener: UnixListener, door: Door) {
    loop {
        door.admit(Wire::new(accept(&listener).await));
    }
}

/// The host makes one connection. One that ends, such as a stranger's, leaves room for it.
async fn accept_streams(listener: UnixListener, door: Door, mut driver: MuxDriver) {
    loop {
        let socket = accept(&listener).await;
        driver.run(socket, |wire| door.admit(wire)).await;
    }
}

async fn accept(listener: &UnixListener) -> UnixStream {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => return socket,
            Err(error) => {
                tracing::warn!("the socket takes no connection: {error}");
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
