//! The host's end of a multiplexed connection.

use std::future::poll_fn;
use std::path::Path;

use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};

/// A yamux connection to a plugin's socket, from the host's side.
pub struct YamuxSession {
    requests: mpsc::Sender<tokio::sync::oneshot::Sender<Compat<yamux::Stream>>>,
    accepted: tokio::sync::Mutex<mpsc::Receiver<Compat<yamux::Stream>>>,
}

impl YamuxSession {
    /// Connects to a plugin's socket, and drives the connection on a background task.
    pub async fn connect(socket: &Path) -> Self {
        let socket = UnixStream::connect(socket).await.unwrap();
        let mut connection = yamux::Connection::new(socket.compat(), yamux::Config::default(), yamux::Mode::Client);
        let (requests, mut asked) = mpsc::channel::<tokio::sync::oneshot::Sender<_>>(16);
        let (inbound, accepted) = mpsc::channel(16);
        tokio::spawn(poll_fn(move |context| {
            while let std::task::Poll::Ready(next) = connection.poll_next_inbound(context) {
                let Some(Ok(stream)) = next else { return std::task::Poll::Ready(()) };
                let _ = inbound.try_send(stream.compat());
            }
            while let std::task::Poll::Ready(Some(reply)) = asked.poll_recv(context) {
                let std::task::Poll::Ready(Ok(stream)) = connection.poll_new_outbound(context) else { continue };
                let _ = reply.send(stream.compat());
            }
            std::task::Poll::Pending
        }));
        Self { requests, accepted: tokio::sync::Mutex::new(accepted) }
    }

    pub(super) async fn open(&self) -> Compat<yamux::Stream> {
        let (reply, opened) = tokio::sync::oneshot::channel();
        self.requests.send(reply).await.unwrap();
        opened.await.unwrap()
    }

    pub(super) async fn accept(&self) -> Compat<yamux::Stream> {
        self.accepted.lock().await.recv().await.unwrap()
    }
}
