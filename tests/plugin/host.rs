//! A small host: it starts the engine as go-plugin does, and keeps its storage in memory.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures_util::StreamExt;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio_rustls::{TlsAcceptor, TlsConnector, rustls};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use tonic::transport::{Channel, Endpoint, Server, Uri};
use tonic::{Request, Response, Status};

use super::example::engine;
use super::wire::{logical, pb, plugin};

const PATIENCE: Duration = Duration::from_secs(30);

/// A host's key and certificate: P-521 and an authority's, as go-plugin makes them.
pub struct Identity {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Identity {
    pub fn new() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { certificate: parameters.self_signed(&key).unwrap(), key }
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }

    /// Dials as this host.
    pub fn connector(&self) -> TlsConnector {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyPlugin));
        let mut config = builder.with_client_auth_cert(vec![self.certificate.der().clone()], self.key()).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.unwrap().with_no_client_auth();
        let mut config = builder.with_single_cert(vec![self.certificate.der().clone()], self.key()).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// The engine's process, with what its handshake said.
pub struct Plugin {
    pub process: Child,
    pub line: String,
    pub errors: Option<BufReader<ChildStderr>>,
    pub directory: TempDir,
}

impl Plugin {
    pub fn start(host: &Identity, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("host").tempdir_in("/tmp").unwrap();
        let mut command = Command::new(engine());
        command.env("VAULT_BACKEND_PLUGIN", "6669da05-b1c8-4f49-97d9-c8e5bed98e20");
        command.env("PLUGIN_PROTOCOL_VERSIONS", "3,4,5").env("PLUGIN_CLIENT_CERT", host.certificate.pem());
        command.env("PLUGIN_UNIX_SOCKET_DIR", directory.path()).envs(environment.iter().copied());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let errors = process.stderr.take().map(BufReader::new);
        Self { process, line: line.trim_end().to_owned(), errors, directory }
    }

    pub fn field(&self, index: usize) -> &str {
        self.line.split('|').nth(index).unwrap_or_default()
    }

    pub fn socket(&self) -> PathBuf {
        PathBuf::from(self.field(3))
    }

    pub fn certificate(&self) -> Vec<u8> {
        STANDARD_NO_PAD.decode(self.field(5)).unwrap()
    }

    /// Waits until the process has ended, and checks that it took its socket along.
    pub async fn ended(&mut self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.process.try_wait().unwrap().is_none() {
            assert!(tokio::time::Instant::now() < deadline, "the process does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(std::fs::read_dir(self.directory.path()).unwrap().count(), 0);
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

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
        host.serve(road, identity.acceptor(), storage, incoming).await;
        host
    }

    async fn serve(
        &self,
        road: Arc<Road>,
        acceptor: TlsAcceptor,
        storage: Storage,
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
        let server = Server::builder().add_service(pb::storage_server::StorageServer::new(storage));
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

/// yamux from the host's side.
pub struct Session {
    requests: mpsc::Sender<tokio::sync::oneshot::Sender<Compat<yamux::Stream>>>,
    accepted: tokio::sync::Mutex<mpsc::Receiver<Compat<yamux::Stream>>>,
}

impl Session {
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

    async fn open(&self) -> Compat<yamux::Stream> {
        let (reply, opened) = tokio::sync::oneshot::channel();
        self.requests.send(reply).await.unwrap();
        opened.await.unwrap()
    }

    async fn accept(&self) -> Compat<yamux::Stream> {
        self.accepted.lock().await.recv().await.unwrap()
    }
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

/// The host's storage. Writes fail with `refusal` where there is one.
#[derive(Clone, Default)]
pub struct Storage {
    pub entries: Arc<Mutex<BTreeMap<String, pb::StorageEntry>>>,
    pub refusal: String,
}

#[tonic::async_trait]
impl pb::storage_server::Storage for Storage {
    async fn list(&self, request: Request<pb::StorageListArgs>) -> Result<Response<pb::StorageListReply>, Status> {
        let prefix = request.into_inner().prefix;
        let entries = self.entries.lock().unwrap();
        let keys = entries.keys().filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned)).collect();
        Ok(Response::new(pb::StorageListReply { keys, err: String::new() }))
    }

    async fn get(&self, request: Request<pb::StorageGetArgs>) -> Result<Response<pb::StorageGetReply>, Status> {
        let entry = self.entries.lock().unwrap().get(&request.into_inner().key).cloned();
        Ok(Response::new(pb::StorageGetReply { entry, err: String::new() }))
    }

    async fn put(&self, request: Request<pb::StoragePutArgs>) -> Result<Response<pb::StoragePutReply>, Status> {
        let entry = request.into_inner().entry.unwrap();
        if self.refusal.is_empty() {
            self.entries.lock().unwrap().insert(entry.key.clone(), entry);
        }
        Ok(Response::new(pb::StoragePutReply { err: self.refusal.clone() }))
    }

    async fn delete(
        &self,
        request: Request<pb::StorageDeleteArgs>,
    ) -> Result<Response<pb::StorageDeleteReply>, Status> {
        self.entries.lock().unwrap().remove(&request.into_inner().key);
        Ok(Response::new(pb::StorageDeleteReply { err: self.refusal.clone() }))
    }
}

/// Takes any plugin: what is tested is whom the plugin takes.
#[derive(Debug)]
struct AnyPlugin;

impl ServerCertVerifier for AnyPlugin {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
