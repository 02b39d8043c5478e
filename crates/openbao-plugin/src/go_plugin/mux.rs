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

#[cfg(test)]
mod properties {
    use std::cell::Cell;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A frame of yamux: version, type, flags, stream and length (hashicorp/yamux, spec.md), and a body.
    fn frame() -> impl Strategy<Value = Vec<u8>> {
        let numbers = (prop_oneof![9 => Just(0_u8), 1 => any::<u8>()], 0..5_u8, 0..16_u16, 0..8_u32, 0..64_u32);
        (numbers, vec(any::<u8>(), 0..64)).prop_map(|((version, kind, flags, stream, length), body)| {
            let head =
                [&[version, kind][..], &flags.to_be_bytes(), &stream.to_be_bytes(), &length.to_be_bytes()].concat();
            [head, body].concat()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: (ProptestConfig::default().cases / 2).max(1), ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_of_a_peer_panic_and_its_end_ends_the_connection(
            frames in prop_oneof![3 => vec(frame(), 0..8), 1 => vec(vec(any::<u8>(), 0..64), 0..4)],
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let accepted = Cell::new(0);
            runtime.block_on(async {
                let (ours, theirs) = UnixStream::pair().unwrap();
                let (_mux, mut driver) = pair();
                let peer = async move {
                    let (mut reader, mut writer) = theirs.into_split();
                    // The driver may close the connection first.
                    let _ = writer.write_all(&frames.concat()).await;
                    let _ = writer.shutdown().await;
                    let _ = reader.read_to_end(&mut Vec::new()).await;
                };
                tokio::join!(driver.run(ours, |_stream| accepted.set(accepted.get() + 1)), peer);
            });
            prop_assert!(accepted.get() <= MOST_STREAMS);
        }
    }
}
