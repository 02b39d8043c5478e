//! The listening socket, on loopback or in the file system, and its connections.

use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::endpoint::Endpoint;
use crate::cli::exit::{CommandFailure, Exit};

/// How long a connection may take to send the header of a request. An idle connection stays open for as long.
const HEADER: Duration = Duration::from_secs(60);
/// The number of connections at a time. Further ones wait.
const CONNECTIONS: usize = 1024;
/// The longest path of a Unix socket, in bytes (unix(7)).
const LONGEST_PATH: usize = 107;

/// A socket that listens.
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    /// With its path, which is removed at the end.
    Unix(UnixListener, SocketFile),
}

/// A socket in the file system.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Nothing can be done about a socket that another program has replaced or removed.
        let _ = fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens on a loopback address.
    ///
    /// # Errors
    /// The port is taken.
    pub(super) async fn on_address(address: SocketAddr) -> Result<Self, CommandFailure> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let own = listener.local_addr()?;
            Ok::<_, io::Error>(Self::Tcp(listener, own))
        };
        bound.await.map_err(|error| CommandFailure {
            exit: Exit::Failed,
            message: format!("{address}: this address cannot be used: {error}"),
            hint: "choose another port with --listen, or port 0 for a free one".to_owned(),
        })
    }

    /// Listens on a Unix socket that only this user may open. A socket that nothing listens on is replaced.
    ///
    /// # Errors
    /// The path is too long, in use, or something other than a socket.
    pub(super) async fn on_socket(path: &Path) -> Result<Self, CommandFailure> {
        let wrong = |why: String, hint: &str| CommandFailure {
            exit: Exit::Failed,
            message: format!("{}: {why}", path.display()),
            hint: hint.to_owned(),
        };
        if path.as_os_str().len() > LONGEST_PATH {
            let why = format!(
                "the path of a Unix socket has at most {LONGEST_PATH} bytes, and this one has {}",
                path.as_os_str().len()
            );
            return Err(wrong(why, "choose a shorter path, such as one below /run or a relative path"));
        }
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(wrong("it exists and is no socket".to_owned(), "choose another path"));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(wrong("another program listens there".to_owned(), "end it, or choose another path"));
            }
            Ok(_) => fs::remove_file(path).map_err(|error| wrong(error.to_string(), "remove the old socket"))?,
            Err(_) => {}
        }
        let bind = || {
            // Between both calls, others could connect only if the folder lets them in; no request has been answered yet.
            let listener = UnixListener::bind(path)?;
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            Ok::<_, io::Error>(listener)
        };
        let listener = bind()
            .map_err(|error| wrong(error.to_string(), "choose a path in a folder that this user may write to"))?;
        Ok(Self::Unix(listener, SocketFile(path.to_owned())))
    }

    /// The address for callers: a URL, or the path of the socket.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Tcp(_, address) => format!("http://{address}"),
            Self::Unix(_, file) => format!("unix:{}", file.0.display()),
        }
    }

    /// Answers connections until `stopped` completes, then lets the running requests end until the future of `hurry`
    /// completes.
    pub(super) async fn serve<H: Future<Output = ()>>(
        self,
        endpoint: Arc<Endpoint>,
        stopped: impl Future<Output = ()>,
        hurry: impl FnOnce() -> H,
    ) {
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let accept = async {
            loop {
                // The semaphore is never closed.
                let place = places.clone().acquire_owned().await.ok();
                match &self {
                    Self::Tcp(listener, _) => match listener.accept().await {
                        Ok((stream, _)) => {
                            // A delay of small answers costs more than it saves on loopback.
                            let _ = stream.set_nodelay(true);
                            connection(stream, &endpoint, &graceful, place);
                        }
                        Err(error) => pause(&error).await,
                    },
                    Self::Unix(listener, _) => match listener.accept().await {
                        Ok((stream, _)) => connection(stream, &endpoint, &graceful, place),
                        Err(error) => pause(&error).await,
                    },
                }
            }
        };
        tokio::select! {
            () = accept => {}
            () = stopped => {}
        }
        drop(self);
        tokio::select! {
            () = graceful.shutdown() => {}
            () = hurry() => {}
        }
    }
}

fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    endpoint: &Arc<Endpoint>,
    graceful: &GracefulShutdown,
    place: Option<tokio::sync::OwnedSemaphorePermit>,
) {
    let endpoint = endpoint.clone();
    let answer = service_fn(move |request| endpoint.clone().answer(request).map(Ok::<_, Infallible>).boxed());
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER);
    let watched = graceful.watch(server.serve_connection(TokioIo::new(stream), answer));
    tokio::spawn(async move {
        // A caller that disconnects is no error of this endpoint.
        let _ = watched.await;
        drop(place);
    });
}

/// Waits after a connection that could not be accepted, for example without file descriptors.
async fn pause(error: &io::Error) {
    tracing::warn!("a connection was not accepted: {error}");
    sleep(Duration::from_millis(100)).await;
}
