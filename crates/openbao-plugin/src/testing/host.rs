//! A small host: it connects to a plugin as go-plugin does, and keeps the storage in memory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::server::Router;
use tonic::transport::{Channel, Endpoint, Server, Uri};
use tonic::{Request, Status, Streaming};

use super::identity::HostIdentity;
use super::memory_storage::MemoryStorage;
use super::memory_system_view::MemorySystemView;
use super::yamux_session::YamuxSession;
use crate::proto::plugin::ConnInfo;
use crate::proto::plugin::conn_info::Knock;
use crate::proto::plugin::grpc_broker_client::GrpcBrokerClient;
use crate::proto::{logical, pb};

/// How many messages and connections may wait on the broker.
const QUEUE: usize = 16;

/// How the host reaches the plugin.
pub enum Transport {
    /// A connection to the plugin's socket per gRPC channel.
    Sockets(PathBuf),
    /// One multiplexed connection.
    Multiplexed(YamuxSession),
}

impl Transport {
    async fn connect(&self) -> io::Result<BoxedStream> {
        match self {
            Self::Sockets(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Multiplexed(session) => Ok(Box::new(session.open().await)),
        }
    }
}

/// A connected host. Dropping it closes the broker's stream, which ends the plugin.
pub struct Host {
    /// The gRPC channel to the plugin.
    pub channel: Channel,
    to_plugin: mpsc::Sender<ConnInfo>,
}

impl Host {
    /// Connects, opens the broker's stream, and serves `storage` as service 1.
    pub async fn connect(identity: &HostIdentity, transport: Transport, storage: MemoryStorage) -> Self {
        Self::connect_with(identity, transport, storage, MemorySystemView::default()).await
    }

    /// The same as [`Host::connect`], with a system view that the test may change.
    pub async fn connect_with(
        identity: &HostIdentity,
        transport: Transport,
        storage: MemoryStorage,
        system: MemorySystemView,
    ) -> Self {
        let transport = Arc::new(transport);
        let dial = (transport.clone(), identity.connector());
        let connector = tower::service_fn(move |_: Uri| {
            let (transport, tls) = dial.clone();
            async move {
                let name = ServerName::try_from("localhost").unwrap();
                Ok::<_, io::Error>(TokioIo::new(tls.connect(name, transport.connect().await?).await?))
            }
        });
        let channel = Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap();
        let (to_plugin, outgoing) = mpsc::channel(QUEUE);
        let outgoing =
            stream::unfold(outgoing, |mut outgoing| async { outgoing.recv().await.map(|it| (it, outgoing)) });
        let incoming = GrpcBrokerClient::new(channel.clone()).start_stream(outgoing).await.unwrap().into_inner();
        let host = Self { channel, to_plugin };
        let server = Server::builder().add_service(pb::storage_server::StorageServer::new(storage));
        let server = server.add_service(pb::system_view_server::SystemViewServer::new(system.clone()));
        let server = server.add_service(pb::events_server::EventsServer::new(system));
        let (connections, ready) = mpsc::channel(QUEUE);
        match &*transport {
            Transport::Sockets(path) => host.accept_sockets(path, connections).await,
            Transport::Multiplexed(_) => host.accept_streams(transport, incoming, connections),
        }
        serve(server, identity.acceptor(), ready);
        host
    }

    /// Listens on a socket beside the plugin's, and sends its address to the plugin.
    async fn accept_sockets(&self, plugin: &Path, connections: mpsc::Sender<BoxedStream>) {
        let path = plugin.with_file_name("host");
        let listener = UnixListener::bind(&path).unwrap();
        let (network, address) = ("unix".to_owned(), path.display().to_string());
        self.to_plugin.send(ConnInfo { service_id: 1, network, address, knock: None }).await.unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // Tests check that the plugin leaves its directory empty.
                let _ = fs::remove_file(&path);
                let _ = connections.send(Box::new(socket)).await;
            }
        });
    }

    /// Acknowledges the plugin's knocks, and accepts a stream for each.
    fn accept_streams(
        &self,
        transport: Arc<Transport>,
        mut incoming: Streaming<ConnInfo>,
        connections: mpsc::Sender<BoxedStream>,
    ) {
        let to_plugin = self.to_plugin.downgrade();
        tokio::spawn(async move {
            while let Some(Ok(ConnInfo { service_id, knock, .. })) = incoming.next().await {
                assert!(knock.is_some_and(|knock| knock.knock && !knock.ack));
                let knock = Some(Knock { knock: true, ack: true, error: String::new() });
                let (Some(to_plugin), Transport::Multiplexed(session)) = (to_plugin.upgrade(), &*transport) else {
                    return;
                };
                to_plugin.send(ConnInfo { service_id, knock, ..ConnInfo::default() }).await.unwrap();
                let stream: BoxedStream = Box::new(session.accept().await);
                let _ = connections.send(stream).await;
            }
        });
    }

    /// Sets a mount up, and returns the plugin's error, empty if there is none.
    pub async fn setup(&self, id: &str) -> String {
        let arguments = pb::SetupArgs { broker_id: 1, backend_uuid: id.to_owned(), ..Default::default() };
        self.backend().setup(of_mount(id, arguments)).await.unwrap().into_inner().err
    }

    /// Returns a client of the plugin's `pb.Backend` service.
    pub fn backend(&self) -> pb::backend_client::BackendClient<Channel> {
        pb::backend_client::BackendClient::new(self.channel.clone())
    }

    /// Returns the version that the plugin reports.
    pub async fn version(&self) -> String {
        let mut client = logical::plugin_version_client::PluginVersionClient::new(self.channel.clone());
        client.version(logical::Empty {}).await.unwrap().into_inner().plugin_version
    }

    /// Sends a request to a mount. `data` is a JSON object, or empty.
    ///
    /// # Errors
    ///
    /// The call itself failed: the mount is unknown, or the plugin is gone. An engine's failure is in the reply.
    pub async fn ask(
        &self,
        id: &str,
        operation: &str,
        path: &str,
        data: &str,
    ) -> Result<pb::HandleRequestReply, Status> {
        let (operation, path, data) = (operation.to_owned(), path.to_owned(), data.to_owned());
        let request = Some(pb::Request { operation, path, data, ..Default::default() });
        let arguments = pb::HandleRequestArgs { storage_id: 0, request };
        Ok(self.backend().handle_request(of_mount(id, arguments)).await?.into_inner())
    }
}

/// Serves the host's services on the plugin's connections.
fn serve(server: Router, acceptor: TlsAcceptor, ready: mpsc::Receiver<BoxedStream>) {
    let incoming = stream::unfold((acceptor, ready), |(acceptor, mut ready)| async {
        let mut secured = acceptor.accept(ready.recv().await?).await.unwrap();
        // tonic serves only streams that implement `Connected`.
        let (served, mut bytes) = tokio::io::duplex(64 << 10);
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut secured, &mut bytes).await });
        Some((Ok::<_, io::Error>(served), (acceptor, ready)))
    });
    tokio::spawn(server.serve_with_incoming(incoming));
}

/// Addresses a message to a mount, by the metadata `multiplex_id`.
pub fn of_mount<T>(id: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("multiplex_id", id.parse().unwrap());
    request
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection in plain text, before TLS.
type BoxedStream = Box<dyn Duplex>;
