//! A small host: it starts an engine as go-plugin does, and keeps its storage in memory.

#![allow(missing_docs, clippy::missing_panics_doc, clippy::missing_errors_doc, reason = "TEMPORARY")]
#![allow(clippy::unwrap_used, reason = "what a test's own machinery cannot do fails the test")]

mod identity;
mod in_process;
mod plugin_process;
mod session;
mod storage;
mod system_view;

/// The wire's messages.
pub mod wire {
    pub use crate::proto::{logical, pb, plugin};
}

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::compat::Compat;
use tonic::Request;
pub use tonic::Status;
use tonic::transport::server::Router;
use tonic::transport::{Channel, Endpoint, Server, Uri};

pub use self::identity::Identity;
pub use self::in_process::serve;
pub use self::plugin_process::Plugin;
pub use self::session::Session;
pub use self::storage::{Moment, Storage};
pub use self::system_view::SystemView;
use self::wire::{logical, pb, plugin};

/// How the host reaches the plugin.
pub enum Road {
    /// A connection to its socket for each purpose.
    Sockets(PathBuf),
    /// One connection for all.
    Mux(Session),
}

/// A connected host. It ends the broker's stream when it is dropped.
pub struct Host {
    pub channel: Channel,
    to_plugin: mpsc::Sender<plugin::ConnInfo>,
}

impl Host {
    /// Connects, opens the broker's stream, and serves `storage` as service 1.
    pub async fn connect(identity: &Identity, road: Road, storage: Storage) -> Self {
        Self::connect_with(identity, road, storage, SystemView::default()).await
    }

    /// The same, with a view of the system that the test may change.
    pub async fn connect_with(identity: &Identity, road: Road, storage: Storage, system: SystemView) -> Self {
        let road = Arc::new(road);
        let dial = (road.clone(), identity.connector());
        let connector = tower::service_fn(move |_: Uri| {
            let (road, tls) = dial.clone();
            async move {
                let wire = match &*road {
                    Road::Sockets(path) => Wire::Socket(UnixStream::connect(path).await?),
                    Road::Mux(session) => Wire::Stream(session.open().await),
                };
                let name = ServerName::try_from("localhost").unwrap();
                Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, wire.boxed()).await?))
            }
        });
        let channel = Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap();
        let (to_plugin, told) = mpsc::channel(16);
        let outgoing = futures_util::stream::unfold(told, |mut told| async { told.recv().await.map(|it| (it, told)) });
        let mut broker = plugin::grpc_broker_client::GrpcBrokerClient::new(channel.clone());
        let incoming = broker.start_stream(outgoing).await.unwrap().into_inner();
        let host = Self { channel, to_plugin };
        let server = Server::builder().add_service(pb::storage_server::StorageServer::new(storage));
        let server = server.add_service(pb::system_view_server::SystemViewServer::new(system));
        host.serve(road, identity.acceptor(), server, incoming).await;
        host
    }

    async fn serve(
        &self,
        road: Arc<Road>,
        acceptor: TlsAcceptor,
        server: Router,
        mut incoming: tonic::Streaming<plugin::ConnInfo>,
    ) {
        let (wires, ready) = mpsc::channel::<BoxedWire>(16);
        match &*road {
            Road::Sockets(path) => {
                let address = path.with_file_name("host");
                let listener = UnixListener::bind(&address).unwrap();
                self.tell(&address).await;
                tokio::spawn(async move {
                    while let Ok((socket, _)) = listener.accept().await {
                        // Nothing of the host's own is to be left beside the plugin's socket.
                        let _ = std::fs::remove_file(&address);
                        let _ = wires.send(Wire::Socket(socket).boxed()).await;
                    }
                });
            }
            Road::Mux(_) => {
                let to_plugin = self.to_plugin.downgrade();
                tokio::spawn(async move {
                    while let Some(Ok(told)) = incoming.next().await {
                        assert!(told.knock.is_some_and(|knock| knock.knock && !knock.ack));
                        let knock = plugin::conn_info::Knock { knock: true, ack: true, error: String::new() };
                        let answer =
                            plugin::ConnInfo { service_id: told.service_id, knock: Some(knock), ..Default::default() };
                        let Some(to_plugin) = to_plugin.upgrade() else { return };
                        to_plugin.send(answer).await.unwrap();
                        let Road::Mux(session) = &*road else { return };
                        wires.send(Wire::Stream(session.accept().await).boxed()).await.unwrap();
                    }
                });
            }
        }
        let incoming = futures_util::stream::unfold((acceptor, ready), |(acceptor, mut ready)| async {
            let mut secured = acceptor.accept(ready.recv().await?).await.unwrap();
            // tonic serves only what says who is at the other end.
            let (served, mut bytes) = tokio::io::duplex(64 << 10);
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut secured, &mut bytes).await });
            Some((Ok::<_, std::io::Error>(served), (acceptor, ready)))
        });
        tokio::spawn(server.serve_with_incoming(incoming));
    }

    async fn tell(&self, address: &Path) {
        let (network, address) = ("unix".to_owned(), address.display().to_string());
        self.to_plugin.send(plugin::ConnInfo { service_id: 1, network, address, knock: None }).await.unwrap();
    }

    pub async fn setup(&self, id: &str) -> String {
        let arguments = pb::SetupArgs { broker_id: 1, backend_uuid: id.to_owned(), ..Default::default() };
        self.backend().setup(of_mount(id, arguments)).await.unwrap().into_inner().err
    }

    pub fn backend(&self) -> pb::backend_client::BackendClient<Channel> {
        pb::backend_client::BackendClient::new(self.channel.clone())
    }

    pub async fn version(&self) -> String {
        let mut client = logical::plugin_version_client::PluginVersionClient::new(self.channel.clone());
        client.version(logical::Empty {}).await.unwrap().into_inner().plugin_version
    }

    /// A request to a mount.
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

/// A message to a mount of the process.
pub fn of_mount<T>(id: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("multiplex_id", id.parse().unwrap());
    request
}

enum Wire {
    Socket(UnixStream),
    Stream(Compat<yamux::Stream>),
}

trait Duplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Duplex for T {}

type BoxedWire = Box<dyn Duplex>;

impl Wire {
    fn boxed(self) -> BoxedWire {
        match self {
            Self::Socket(socket) => Box::new(socket),
            Self::Stream(stream) => Box::new(stream),
        }
    }
}
