//! One connection for all: yamux over the socket, and TLS over each of its streams.
//!
//! Vault's containerised plugins want it (go-plugin, internal/grpcmux), because a host cannot open
//! sockets of its own inside a container.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use yamux::{Config, Connection, Mode, Stream};

/// How many streams may wait to be opened.
const QUEUE: usize = 16;
/// How many streams one connection may hold: more than any host opens, as it keeps a few for each mount.
const MOST_STREAMS: usize = 4096;

type Reply = oneshot::Sender<io::Result<Wire>>;
type Session = Connection<Compat<UnixStream>>;

/// Opens streams to the host over the connection that it made.
pub(crate) struct Mux {
    requests: mpsc::Sender<Reply>,
}

/// The side of [`Mux`] that holds the connection.
pub(crate) struct MuxDriver {
    requests: mpsc::Receiver<Reply>,
}

/// Both sides, before the host has connected.
pub(crate) fn pair() -> (Mux, MuxDriver) {
    let (sender, requests) = mpsc::channel(QUEUE);
    (Mux { requests: sender }, MuxDriver { requests })
}

impl Mux {
    /// A new stream to the host.
    pub(crate) async fn open(&self) -> io::Result<Wire> {
        let (reply, opened) = oneshot::channel();
        let gone = |()| io::Error::from(io::ErrorKind::NotConnected);
        self.requests.send(reply).await.map_err(|_| gone(()))?;
        opened.await.map_err(|_| gone(()))?
    }
}

impl MuxDriver {
    /// Hands on each stream that the host opens, and opens those that are asked for, until the connection ends.
    pub(crate) async fn run(&mut self, socket: UnixStream, accepted: impl Fn(Wire)) {
        let mut config = Config::default();
        config.set_max_connection_receive_window(None).set_max_num_streams(MOST_STREAMS);
        let mut session = Connection::new(socket.compat(), config, Mode::Server);
        let mut asking = None;
        poll_fn(|context| self.poll(&mut session, &mut asking, &accepted, context)).await;
    }

    fn poll(
        &mut self,
        session: &mut Session,
        asking: &mut Option<Reply>,
        accepted: &impl Fn(Wire),
        context: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            match session.poll_next_inbound(context) {
                Poll::Ready(Some(Ok(stream))) => {
                    accepted(Wire::from_stream(stream));
                    continue;
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if asking.is_none() {
                let Poll::Ready(Some(reply)) = self.requests.poll_recv(context) else { return Poll::Pending };
                *asking = Some(reply);
            }
            let Poll::Ready(opened) = session.poll_new_outbound(context) else { return Poll::Pending };
            if let Some(reply) = asking.take() {
                // Whoever asked may have given up.
                let _ = reply.send(opened.map(Wire::from_stream).map_err(io::Error::other));
            }
        }
    }
}

/// Bytes to and from the host, in clear as yet.
pub(crate) enum Wire {
    /// A connection of its own.
    Socket(UnixStream),
    /// A part of the one connection.
    Stream(Box<Compat<Stream>>),
}

impl Wire {
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self::Socket(socket)
    }

    fn from_stream(stream: Stream) -> Self {
        Self::Stream(Box::new(stream.compat()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_read(context, into),
            Self::Stream(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Stream(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_flush(context),
            Self::Stream(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Stream(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
