//! Serves an engine, from the handshake to the shutdown.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures_util::FutureExt;
use tokio::time::timeout;
use tonic::transport;
use tonic::transport::server::Router;

use crate::error_chain::chain;
use crate::go_plugin::accept::connections;
use crate::go_plugin::broker::Broker;
use crate::go_plugin::handshake::{HostEnvironment, PROTOCOL_VERSION};
use crate::go_plugin::mux;
use crate::go_plugin::process::Process;
use crate::go_plugin::shutdown::Shutdown;
use crate::go_plugin::socket::{Socket, remove_stale};
use crate::go_plugin::tls::{Tls, TlsError};
use crate::logical::backend::Engine;
use crate::logical::mounts::Mounts;
use crate::proto::health::health_server::HealthServer;
use crate::proto::logical::plugin_version_server::PluginVersionServer;
use crate::proto::multiplexing::plugin_multiplexing_server::PluginMultiplexingServer;
use crate::proto::pb::backend_server::BackendServer;
use crate::proto::plugin::grpc_broker_server::GrpcBrokerServer;
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;

/// The version of go-plugin's own protocol (`CoreProtocolVersion`).
const CORE_PROTOCOL_VERSION: &str = "1";
// The next three together stay below the two seconds after which a host kills the process.
/// Time for calls in flight after the shutdown began.
const LAST_CALLS: Duration = Duration::from_millis(700);
/// Time for the mounts to clean up.
const CLEANUP: Duration = Duration::from_millis(400);
/// Time for all other tasks.
const LEFTOVERS: Duration = Duration::from_millis(200);
/// Limits the worker threads. Fewer threads need less processor time for each request, because a request does not change
/// its thread.
const MOST_THREADS: usize = 4;
/// Limits messages in both directions, in bytes. A list of 100,000 keys must fit; the host limits what callers send.
const LONGEST_MESSAGE: usize = 64 << 20;

/// Serves an engine to the host that started this process, and returns when the process is to exit.
///
/// Standard output carries the handshake and nothing else. Set a log subscriber before, such as one with an
/// [`HclogLayer`](crate::HclogLayer). [`Server`] has settings.
pub fn run<E: Engine>(host: &HostEnvironment, engine: E) -> ExitCode {
    Server::new(engine).run(host)
}

/// Serves an engine, with settings.
///
/// ```no_run
/// # use std::process::ExitCode;
/// # use openbao_plugin::{Engine, HostEnvironment, Server};
/// # fn serve(host: &HostEnvironment, engine: impl Engine) -> ExitCode {
/// Server::new(engine).worker_threads(2).longest_message(4 << 20).run(host)
/// # }
/// ```
pub struct Server<E> {
    engine: E,
    worker_threads: usize,
    longest_message: usize,
}

impl<E: Engine> Server<E> {
    /// A thread for two cores, at most 4, and messages of at most 64 MiB. The other cores are the host's.
    pub fn new(engine: E) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let worker_threads = (cores / 2).clamp(1, MOST_THREADS);
        Self { engine, worker_threads, longest_message: LONGEST_MESSAGE }
    }

    /// Sets the worker threads of [`run`](Self::run), at least one.
    #[must_use]
    pub fn worker_threads(mut self, threads: usize) -> Self {
        self.worker_threads = threads.max(1);
        self
    }

    /// Limits the messages from and to the host, in bytes. Hosts accept requests of 32 MiB unless they are configured
    /// otherwise, and the answer to a list is one message.
    #[must_use]
    pub fn longest_message(mut self, bytes: usize) -> Self {
        self.longest_message = bytes;
        self
    }

    /// Serves the host that started this process; see [`run`].
    pub fn run(self, host: &HostEnvironment) -> ExitCode {
        let threads = self.worker_threads;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let served = match runtime {
            Ok(runtime) => {
                let served = runtime.block_on(self.serve(host, io::stdout()));
                runtime.shutdown_timeout(LEFTOVERS);
                served
            }
            Err(error) => Err(Reason::Threads(error).into()),
        };
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{}", chain(&error));
                ExitCode::FAILURE
            }
        }
    }

    /// Serves on the current runtime; see [`serve`].
    ///
    /// # Errors
    ///
    /// The host's certificate, the socket's directory or its group cannot be used, or the handshake cannot be written.
    pub async fn serve(self, host: &HostEnvironment, handshake: impl Write) -> Result<(), ServeError> {
        let tls = Tls::new(&host.certificate).map_err(Reason::Tls)?;
        let directory = host.socket_directory.clone().unwrap_or_else(env::temp_dir);
        let socket =
            Socket::bind(&directory, host.socket_group.as_deref()).map_err(|error| Reason::Socket(directory, error))?;
        let shutdown = Shutdown::new();
        shutdown.watch_process().map_err(Reason::Signals)?;
        write_handshake(handshake, &handshake_line(socket.path(), &tls.certificate, host.multiplexing))
            .map_err(Reason::Handshake)?;
        tokio::spawn(remove_stale(socket.path().to_owned()));
        let Socket { listener, file } = socket;
        let (mux, driver) = match host.multiplexing {
            Some(true) => Some(mux::pair()).unzip(),
            _ => (None, None),
        };
        let process = Process { version: self.engine.version(), shutdown: shutdown.clone() };
        let broker = Broker::new(tls.connector, mux, shutdown.clone());
        let mounts = Mounts::new(self.engine, broker.clone(), self.longest_message);
        let incoming = connections(listener, tls.acceptor, driver, shutdown.clone());
        let services = services(process, broker, mounts.clone(), self.longest_message);
        let serving = services.serve_with_incoming_shutdown(incoming, shutdown.triggered().map(|_| ()));
        serve_until(serving, &shutdown).await;
        mounts.cleanup(CLEANUP).await;
        drop(file);
        Ok(())
    }
}

/// Why an engine could not be served. The cause is its [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ServeError(#[from] Reason);

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("cannot start worker threads")]
    Threads(#[source] io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot open a socket in {}", .0.display())]
    Socket(PathBuf, #[source] io::Error),
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
    #[error("cannot write the handshake")]
    Handshake(#[source] io::Error),
}

/// Serves an engine until the host requests a shutdown or is gone, and removes the socket.
///
/// `handshake` is the standard output. It gets one line.
///
/// # Errors
///
/// The host's certificate, the socket's directory or its group cannot be used, or the handshake cannot be written.
pub async fn serve<E: Engine>(host: &HostEnvironment, engine: E, handshake: impl Write) -> Result<(), ServeError> {
    Server::new(engine).serve(host, handshake).await
}

fn services<E: Engine>(process: Process, broker: Broker, mounts: Mounts<E>, longest_message: usize) -> Router {
    let requests = BackendServer::new(mounts)
        .max_decoding_message_size(longest_message)
        .max_encoding_message_size(longest_message);
    transport::Server::builder()
        .add_service(HealthServer::new(process.clone()))
        .add_service(GrpcBrokerServer::new(broker))
        .add_service(GrpcControllerServer::new(process.clone()))
        .add_service(GrpcStdioServer::new(process.clone()))
        .add_service(PluginMultiplexingServer::new(process.clone()))
        .add_service(PluginVersionServer::new(process))
        .add_service(requests)
}

/// Serves until the shutdown, and then waits for calls in flight.
async fn serve_until<F>(serving: F, shutdown: &Shutdown)
where
    F: Future<Output = Result<(), transport::Error>>,
{
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = &mut serving => return,
        reason = shutdown.triggered() => tracing::debug!(reason, "shutting down"),
    }
    if timeout(LAST_CALLS, serving).await.is_err() {
        tracing::debug!("calls in flight were cut off by the shutdown");
    }
}

/// The handshake (go-plugin, "internals"): versions, the socket, the protocol and this process's certificate.
fn handshake_line(socket: &Path, certificate: &[u8], multiplexing: Option<bool>) -> String {
    let certificate = STANDARD_NO_PAD.encode(certificate);
    let socket = socket.display();
    // A host that did not set PLUGIN_MULTIPLEX_GRPC may not expect a seventh field.
    let multiplexing = if multiplexing.is_some() { "|true" } else { "" };
    format!("{CORE_PROTOCOL_VERSION}|{PROTOCOL_VERSION}|unix|{socket}|grpc|{certificate}{multiplexing}\n")
}

fn write_handshake(mut output: impl Write, line: &str) -> io::Result<()> {
    output.write_all(line.as_bytes())?;
    output.flush()
}
