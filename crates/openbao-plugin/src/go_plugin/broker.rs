//! The broker: connects to the services that the host serves for each mount (go-plugin, grpc_broker.go).

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Response, Status, Streaming};

use super::host_error::HostError;
use super::mux::{Mux, RawStream};
use super::shutdown::Shutdown;
use super::tls::server_name;
use crate::proto::plugin::ConnInfo;
use crate::proto::plugin::conn_info::Knock;
use crate::proto::plugin::grpc_broker_server::GrpcBroker;

/// Limits the wait for the host's address, and each connection attempt (go-plugin, grpc_broker.go).
const DIAL_DEADLINE: Duration = Duration::from_secs(5);
/// How many knocks may wait to be sent.
const QUEUE: usize = 16;

/// This process's end of the broker. Clones share it.
#[derive(Clone)]
pub(crate) struct Broker {
    shared: Arc<Shared>,
}

struct Shared {
    inbox: Inbox,
    to_host: mpsc::Sender<ConnInfo>,
    /// Taken when the host opens the broker's stream.
    outgoing: Mutex<Option<mpsc::Receiver<ConnInfo>>>,
    connector: TlsConnector,
    mux: Option<Mux>,
    /// Held from a knock until its stream is open: the host gives the next stream to the last service announced.
    knocking: tokio::sync::Mutex<()>,
    shutdown: Shutdown,
}

impl Broker {
    /// Connects through `mux`, or without one to the socket addresses that the host sends.
    pub(crate) fn new(connector: TlsConnector, mux: Option<Mux>, shutdown: Shutdown) -> Self {
        let (to_host, outgoing) = mpsc::channel(QUEUE);
        let inbox = Inbox::default();
        let outgoing = Mutex::new(Some(outgoing));
        let knocking = tokio::sync::Mutex::new(());
        Self { shared: Arc::new(Shared { inbox, to_host, outgoing, connector, mux, knocking, shutdown }) }
    }

    /// Connects to the host's service with this id.
    pub(crate) async fn dial(&self, id: u32) -> Result<Channel, HostError> {
        let address = match self.shared.mux {
            Some(_) => Address::Mux(id),
            None => Address::Unix(self.address(id).await?),
        };
        let shared = self.shared.clone();
        let connector = tower::service_fn(move |_: Uri| {
            let (shared, address) = (shared.clone(), address.clone());
            async move { within(shared.connect(&address)).await.map(TokioIo::new) }
        });
        // Only the authority of requests: the connector decides where to connect.
        let endpoint = Endpoint::from_static("http://localhost");
        let connected = endpoint.connect_with_connector(connector).await;
        connected.map_err(|error| HostError::unreachable("cannot connect to the host", &error))
    }

    async fn address(&self, id: u32) -> Result<PathBuf, HostError> {
        let info = self.shared.inbox.take(id).await;
        let info = info.ok_or_else(|| HostError::new(format!("the host sent no address for service {id}")))?;
        match info.network.as_str() {
            "unix" => Ok(PathBuf::from(info.address)),
            other => {
                Err(HostError::new(format!("unsupported network {other:?} for service {id}: only unix is supported")))
            }
        }
    }
}

#[derive(Clone)]
enum Address {
    Unix(PathBuf),
    Mux(u32),
}

impl Shared {
    async fn connect(&self, address: &Address) -> io::Result<TlsStream<RawStream>> {
        match (address, &self.mux) {
            (Address::Unix(path), _) => self.secure(RawStream::Socket(UnixStream::connect(path).await?)).await,
            (Address::Mux(id), Some(mux)) => {
                let _knocking = self.knocking.lock().await;
                self.knock(*id).await?;
                // The host accepts the stream at its first bytes, so the lock is held until the TLS handshake is done.
                self.secure(mux.open().await?).await
            }
            (Address::Mux(_), None) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    async fn secure(&self, stream: RawStream) -> io::Result<TlsStream<RawStream>> {
        self.connector.connect(server_name(), stream).await
    }

    /// Announces the service of the next stream, and waits for the host's acknowledgement.
    async fn knock(&self, id: u32) -> io::Result<()> {
        let knock = Knock { knock: true, ..Knock::default() };
        let announcement = ConnInfo { service_id: id, knock: Some(knock), ..ConnInfo::default() };
        self.to_host.send(announcement).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        let answer = self.inbox.take(id).await.and_then(|answer| answer.knock).unwrap_or_default();
        if answer.ack && answer.error.is_empty() {
            return Ok(());
        }
        Err(io::Error::other(format!("the host did not acknowledge the knock for service {id}: {}", answer.error)))
    }
}

/// The host's messages that no receiver has read yet, by service id.
#[derive(Default)]
struct Inbox {
    waiting: Mutex<HashMap<u32, (Instant, ConnInfo)>>,
    arrived: Notify,
}

impl Inbox {
    fn put(&self, info: ConnInfo) {
        let mut waiting = self.waiting.lock();
        // Older messages are abandoned: the attempts that wanted them have timed out.
        waiting.retain(|_, (arrived_at, _)| arrived_at.elapsed() < DIAL_DEADLINE);
        waiting.insert(info.service_id, (Instant::now(), info));
        self.arrived.notify_waiters();
    }

    async fn take(&self, id: u32) -> Option<ConnInfo> {
        let arrival = async {
            loop {
                let mut arrived = pin!(self.arrived.notified());
                arrived.as_mut().enable();
                if let Some((_, info)) = self.waiting.lock().remove(&id) {
                    return info;
                }
                arrived.await;
            }
        };
        timeout(DIAL_DEADLINE, arrival).await.ok()
    }
}

async fn within<T>(attempt: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(DIAL_DEADLINE, attempt).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[tonic::async_trait]
impl GrpcBroker for Broker {
    type StartStreamStream = BoxStream<'static, Result<ConnInfo, Status>>;

    /// The host keeps this stream open while it lives, so its end shuts the process down.
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        let outgoing = self.shared.outgoing.lock().take();
        let outgoing = outgoing.ok_or_else(|| Status::already_exists("the broker's stream is already open"))?;
        let mut incoming = request.into_inner();
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let reading = async {
                while let Ok(Some(info)) = incoming.message().await {
                    shared.inbox.put(info);
                }
            };
            // A task that held either side of the stream would keep the connection and the process alive.
            tokio::select! {
                () = reading => shared.shutdown.trigger("the host closed the broker's stream"),
                _ = shared.shutdown.triggered() => {}
            }
        });
        let shutdown = self.shared.shutdown.clone();
        let knocks =
            stream::unfold(outgoing, |mut outgoing| async { outgoing.recv().await.map(|it| (Ok(it), outgoing)) });
        Ok(Response::new(knocks.take_until(async move { shutdown.triggered().await }).boxed()))
    }
}
