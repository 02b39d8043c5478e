//! Multiplexing: yamux over one socket connection, and TLS over each of its streams.
//!
//! Vault's containerised plugins require it (go-plugin, internal/grpcmux), because a host cannot open sockets of its
//! own inside a container.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use yamux::{Config, Connection, Mode, Stream};

/// How many requests for streams may wait.
const QUEUE: usize = 16;
/// Limits the streams of one connection. A host opens a few for each mount.
const MOST_STREAMS: usize = 4096;

type Reply = oneshot::Sender<io::Result<RawStream>>;
type Session = Connection<Compat<UnixStream>>;

/// Opens streams over the host's connection.
pub(crate) struct Mux {
    requests: mpsc::Sender<Reply>,
}

/// Drives the connection for [`Mux`].
pub(crate) struct MuxDriver {
    requests: mpsc::Receiver<Reply>,
}

/// Returns both sides, before the host has connected.
pub(crate) fn pair() -> (Mux, MuxDriver) {
    let (sender, requests) = mpsc::channel(QUEUE);
    (Mux { requests: sender }, MuxDriver { requests })
}

impl Mux {
    /// Opens a stream to the host.
    pub(crate) async fn open(&self) -> io::Result<RawStream> {
        let (reply, opened) = oneshot::channel();
        let gone = |()| io::Error::from(io::ErrorKind::NotConnected);
        self.requests.send(reply).await.map_err(|_| gone(()))?;
        opened.await.map_err(|_| gone(()))?
    }
}

impl MuxDriver {
    /// Passes each stream of the host to `accepted`, and opens the requested ones, until the connection ends.
    pub(crate) async fn run(&mut self, socket: UnixStream, accepted: impl Fn(RawStream)) {
        let mut config = Config::default();
        config.set_max_connection_receive_window(None).set_max_num_streams(MOST_STREAMS);
        let mut session = Connection::new(socket.compat(), config, Mode::Server);
        let mut request = None;
        poll_fn(|context| self.poll(&mut session, &mut request, &accepted, context)).await;
    }

    fn poll(
        &mut self,
        session: &mut Session,
        request: &mut Option<Reply>,
        accepted: &impl Fn(RawStream),
        context: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            match session.poll_next_inbound(context) {
                Poll::Ready(Some(Ok(stream))) => {
                    accepted(RawStream::from_yamux(stream));
                    continue;
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if request.is_none() {
                let Poll::Ready(Some(reply)) = self.requests.poll_recv(context) else { return Poll::Pending };
                *request = Some(reply);
            }
            let Poll::Ready(opened) = session.poll_new_outbound(context) else { return Poll::Pending };
            if let Some(reply) = request.take() {
                // The requester may have timed out.
                let _ = reply.send(opened.map(RawStream::from_yamux).map_err(io::Error::other));
            }
        }
    }
}

/// A connection to the host in plain text, before TLS.
pub(crate) enum RawStream {
    /// A socket connection.
    Socket(UnixStream),
    /// A stream of the multiplexed connection.
    Yamux(Box<Compat<Stream>>),
}

impl RawStream {
    fn from_yamux(stream: Stream) -> Self {
        Self::Yamux(Box::new(stream.compat()))
    }
}

impl AsyncRead for RawStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_read(context, into),
            Self::Yamux(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for RawStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Yamux(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_flush(context),
            Self::Yamux(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Yamux(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
