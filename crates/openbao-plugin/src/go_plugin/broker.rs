//! The broker: where the host says how to dial it back, for each mount.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Response, Status, Streaming};

use super::mux::{Mux, Wire};
use super::shutdown::End;
use super::tls::server_name;
use crate::logical::failure::HostError;
use crate::logical::message::unreachable;
use crate::proto::plugin::ConnInfo;
use crate::proto::plugin::conn_info::Knock;
use crate::proto::plugin::grpc_broker_server::GrpcBroker;

/// How long the host may take to say where it listens, and to be dialled (go-plugin, grpc_broker.go).
const DIAL_DEADLINE: Duration = Duration::from_secs(5);
/// How many knocks may wait for the host to read them.
const QUEUE: usize = 16;

/// The broker's end in this process. Clones share it.
#[derive(Clone)]
pub(crate) struct Broker {
    shared: Arc<Shared>,
}

struct Shared {
    arrivals: Arrivals,
    to_host: mpsc::Sender<ConnInfo>,
    /// Taken by the host's one stream.
    outgoing: Mutex<Option<mpsc::Receiver<ConnInfo>>>,
    connector: TlsConnector,
    mux: Option<Mux>,
    /// A knock, its answer and the stream that follows belong together.
    knocking: tokio::sync::Mutex<()>,
    end: End,
}

impl Broker {
    /// A broker that dials through `mux` where there is one, and else where the host says.
    pub(crate) fn new(connector: TlsConnector, mux: Option<Mux>, end: End) -> Self {
        let (to_host, outgoing) = mpsc::channel(QUEUE);
        let arrivals = Arrivals::default();
        let outgoing = Mutex::new(Some(outgoing));
        let knocking = tokio::sync::Mutex::new(());
        Self { shared: Arc::new(Shared { arrivals, to_host, outgoing, connector, mux, knocking, end }) }
    }

    /// Dials what the host serves under a number.
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
        // The address is no more than the authority that requests bear.
        let endpoint = Endpoint::from_static("http://localhost");
        let dialled = endpoint.connect_with_connector(connector).await;
        dialled.map_err(|error| unreachable("the host cannot be dialled back", chain(&error)))
    }

    async fn address(&self, id: u32) -> Result<PathBuf, HostError> {
        let told = self.shared.arrivals.take(id).await;
        let told = told.ok_or_else(|| HostError::new("the host did not say where to dial it back"))?;
        match told.network.as_str() {
            "unix" => Ok(PathBuf::from(told.address)),
            other => {
                Err(HostError::new(format!("the host wants to be dialled over {other:?}: only unix is known here")))
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
    async fn connect(&self, address: &Address) -> io::Result<tokio_rustls::client::TlsStream<Wire>> {
        match (address, &self.mux) {
            (Address::Unix(path), _) => self.secure(Wire::new(UnixStream::connect(path).await?)).await,
            (Address::Mux(id), Some(mux)) => {
                let _turn = self.knocking.lock().await;
                self.knock(*id).await?;
                // The host learns of the stream from its first bytes, so the turn lasts until it has answered.
                self.secure(mux.open().await?).await
            }
            (Address::Mux(_), None) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    async fn secure(&self, wire: Wire) -> io::Result<tokio_rustls::client::TlsStream<Wire>> {
        self.connector.connect(server_name(), wire).await
    }

    /// Announces whom the next stream is for, and waits until the host knows.
    async fn knock(&self, id: u32) -> io::Result<()> {
        let knock = Knock { knock: true, ..Knock::default() };
        let announcement = ConnInfo { service_id: id, knock: Some(knock), ..ConnInfo::default() };
        self.to_host.send(announcement).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        let answer = self.arrivals.take(id).await.and_then(|answer| answer.knock).unwrap_or_default();
        if answer.ack && answer.error.is_empty() {
            return Ok(());
        }
        Err(io::Error::other(format!("the host did not open its door to service {id}: {}", answer.error)))
    }
}

/// What the host has said and nobody asked for yet.
#[derive(Default)]
struct Arrivals {
    waiting: Mutex<HashMap<u32, (Instant, ConnInfo)>>,
    news: Notify,
}

impl Arrivals {
    fn put(&self, told: ConnInfo) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody asks any more for what has waited this long.
        waiting.retain(|_, (arrived, _)| arrived.elapsed() < DIAL_DEADLINE);
        waiting.insert(told.service_id, (Instant::now(), told));
        self.news.notify_waiters();
    }

    async fn take(&self, id: u32) -> Option<ConnInfo> {
        let arrival = async {
            loop {
                let mut news = std::pin::pin!(self.news.notified());
                news.as_mut().enable();
                if let Some((_, told)) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
                    return told;
                }
                news.await;
            }
        };
        timeout(DIAL_DEADLINE, arrival).await.ok()
    }
}

async fn within<T>(attempt: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(DIAL_DEADLINE, attempt).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// An error with all its causes: tonic's own words are only "transport error".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tonic::async_trait]
impl GrpcBroker for Broker {
    type StartStreamStream = BoxStream<'static, Result<ConnInfo, Status>>;

    /// The host keeps this stream open for as long as it lives: its end is the process's.
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        let outgoing = self.shared.outgoing.lock().unwrap_or_else(PoisonError::into_inner).take();
        let outgoing = outgoing.ok_or_else(|| Status::already_exists("the broker's stream is open already"))?;
        let mut incoming = request.into_inner();
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let reading = async {
                while let Ok(Some(told)) = incoming.message().await {
                    shared.arrivals.put(told);
                }
            };
            // Either side of the stream keeps its connection open, and with it the process.
            tokio::select! {
                () = reading => shared.end.reach("the host closed the broker's stream"),
                _ = shared.end.reached() => {}
            }
        });
        let end = self.shared.end.clone();
        let knocks =
            stream::unfold(outgoing, |mut outgoing| async { outgoing.recv().await.map(|it| (Ok(it), outgoing)) });
        Ok(Response::new(knocks.take_until(async move { end.reached().await }).boxed()))
    }
}
