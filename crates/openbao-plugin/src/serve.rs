//! Serving an engine, from the handshake to the end.

use std::error::Error as StdError;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fmt};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures_util::FutureExt;
use tokio::time::timeout;
use tonic::transport::Server;
use tonic::transport::server::Router;

use crate::go_plugin::accept::connections;
use crate::go_plugin::broker::Broker;
use crate::go_plugin::handshake::{HostEnvironment, PROTOCOL_VERSION};
use crate::go_plugin::mux;
use crate::go_plugin::process::Process;
use crate::go_plugin::shutdown::End;
use crate::go_plugin::socket::Socket;
use crate::go_plugin::tls::Tls;
use crate::logical::backend::Engine;
use crate::logical::mounts::Mounts;
use crate::logical::storage::LONGEST_MESSAGE;
use crate::proto::health::health_server::HealthServer;
use crate::proto::logical::plugin_version_server::PluginVersionServer;
use crate::proto::multiplexing::plugin_multiplexing_server::PluginMultiplexingServer;
use crate::proto::pb::backend_server::BackendServer;
use crate::proto::plugin::grpc_broker_server::GrpcBrokerServer;
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;

/// The version of go-plugin's own protocol (`CoreProtocolVersion`).
const CORE_PROTOCOL_VERSION: &str = "1";
// All three together stay below the two seconds after which a host kills the process.
/// How long calls in flight may take once the end has come.
const LAST_CALLS: Duration = Duration::from_millis(700);
/// How long the mounts may take to clean up.
const CLEANUP: Duration = Duration::from_millis(400);
/// How long whatever else still runs may hold up the process.
const LEFTOVERS: Duration = Duration::from_millis(200);
/// How many threads do the work, at most. A host with many cores has better use for them.
const MOST_THREADS: usize = 4;

/// Serves an engine to the host that started this process, and returns when the process is to end.
///
/// Standard output carries the handshake and nothing else. A log subscriber has to be set before, such as
/// one with an [`HclogLayer`](crate::HclogLayer).
pub fn run<E: Engine>(host: &HostEnvironment, engine: E) -> ExitCode {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let served = match &runtime {
        Ok(runtime) => runtime.block_on(serve(host, engine, io::stdout())),
        Err(error) => Err(ServeError { what: "the process cannot start its threads", cause: error.to_string() }),
    };
    if let Ok(runtime) = runtime {
        runtime.shutdown_timeout(LEFTOVERS);
    }
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Why an engine could not be served.
#[derive(Debug)]
pub struct ServeError {
    what: &'static str,
    cause: String,
}

/// Serves an engine until the host asks for the end or is gone, and removes the socket.
///
/// `handshake` is the standard output. It gets one line.
///
/// # Errors
///
/// The host's certificate, the socket's directory or its group cannot be used, or the handshake cannot be written.
pub async fn serve<E: Engine>(host: &HostEnvironment, engine: E, handshake: impl Write) -> Result<(), ServeError> {
    let tls = Tls::new(&host.certificate).map_err(failed("no secure connection can be made"))?;
    let directory = host.socket_directory.clone().unwrap_or_else(env::temp_dir);
    let socket = Socket::bind(&directory, host.socket_group.as_deref())
        .map_err(|error| ServeError { what: "no socket can be opened", cause: in_directory(&directory, &error) })?;
    let end = End::new();
    end.watch().map_err(failed("signals cannot be received"))?;
    shake_hands(handshake, &line(socket.path(), &tls.certificate, host.multiplexing))
        .map_err(failed("the host does not read the handshake"))?;
    let Socket { listener, file } = socket;
    let (mux, driver) = match host.multiplexing {
        Some(true) => Some(mux::pair()).unzip(),
        _ => (None, None),
    };
    let process = Process { version: engine.version(), end: end.clone() };
    let broker = Broker::new(tls.connector, mux, end.clone());
    let mounts = Mounts::new(engine, broker.clone());
    let incoming = connections(listener, tls.acceptor, driver, end.clone());
    let services = services(process, broker, mounts.clone());
    let serving = services.serve_with_incoming_shutdown(incoming, end.reached().map(|_| ()));
    until_the_end(serving, &end).await;
    mounts.cleanup(CLEANUP).await;
    drop(file);
    Ok(())
}

fn services<E: Engine>(process: Process, broker: Broker, mounts: Mounts<E>) -> Router {
    let requests = BackendServer::new(mounts)
        .max_decoding_message_size(LONGEST_MESSAGE)
        .max_encoding_message_size(LONGEST_MESSAGE);
    Server::builder()
        .add_service(HealthServer::new(process.clone()))
        .add_service(GrpcBrokerServer::new(broker))
        .add_service(GrpcControllerServer::new(process.clone()))
        .add_service(GrpcStdioServer::new(process.clone()))
        .add_service(PluginMultiplexingServer::new(process.clone()))
        .add_service(PluginVersionServer::new(process))
        .add_service(requests)
}

/// Serves until the end, and the calls in flight a little longer.
async fn until_the_end<F>(serving: F, end: &End)
where
    F: Future<Output = Result<(), tonic::transport::Error>>,
{
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = &mut serving => return,
        reason = end.reached() => tracing::debug!(reason, "the process ends"),
    }
    if timeout(LAST_CALLS, serving).await.is_err() {
        tracing::debug!("calls in flight were not waited for any longer");
    }
}

/// go-plugin, "internals": versions, the address, the protocol, our certificate.
fn line(socket: &Path, certificate: &[u8], multiplexing: Option<bool>) -> String {
    let certificate = STANDARD_NO_PAD.encode(certificate);
    let socket = socket.display();
    // A host that does not ask for multiplexing may take one more field for a part of the certificate.
    let multiplexing = if multiplexing.is_some() { "|true" } else { "" };
    format!("{CORE_PROTOCOL_VERSION}|{PROTOCOL_VERSION}|unix|{socket}|grpc|{certificate}{multiplexing}\n")
}

fn shake_hands(mut output: impl Write, line: &str) -> io::Result<()> {
    output.write_all(line.as_bytes())?;
    output.flush()
}

fn in_directory(directory: &Path, error: &io::Error) -> String {
    format!("{}: {error}", directory.display())
}

fn failed<T: fmt::Display>(what: &'static str) -> impl FnOnce(T) -> ServeError {
    move |error| ServeError { what, cause: error.to_string() }
}

impl fmt::Display for ServeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.what, self.cause)
    }
}

impl StdError for ServeError {}
