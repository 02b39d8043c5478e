//! The listening socket, on loopback or in the file system, and its connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, io};

use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::fs::Mode;
use rustix::process::{geteuid, umask};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::endpoint::Endpoint;
use crate::cli::exit::{CommandFailure, Exit};

/// How long a connection may take to send the header of a request. An idle connection stays open for as long.
const HEADER: Duration = Duration::from_secs(60);
/// How long a connection stays open without a request with valid credentials. Any user of this machine can connect.
const STRANGER: Duration = Duration::from_secs(10);
/// The number of connections at a time. Further ones wait. Each may need one more to the platform, and a process may often
/// have no more than 1024 open files.
const CONNECTIONS: usize = 400;
/// The longest path of a Unix socket, in bytes (unix(7)).
const LONGEST_PATH: usize = 107;

/// A socket that listens.
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    /// With its path, which is removed at the end.
    Unix(UnixListener, SocketFile),
}

/// A socket in the file system.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Its device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    fn identity(path: &Path) -> io::Result<(u64, u64)> {
        fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another endpoint may have replaced it.
        if Self::identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
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
        let hint = "choose a path in a folder that only this user may write to";
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !is_private(folder).map_err(|error| wrong(error.to_string(), hint))? {
            return Err(wrong("other users may write to its folder, and could replace it".to_owned(), hint));
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
            let before = umask(Mode::from_raw_mode(0o177));
            let bound = UnixListener::bind(path);
            umask(before);
            Ok::<_, io::Error>((bound?, SocketFile::identity(path)?))
        };
        let (listener, identity) = bind().map_err(|error| wrong(error.to_string(), hint))?;
        Ok(Self::Unix(listener, SocketFile { path: path.to_owned(), identity }))
    }

    /// The address for callers: a URL, or the path of the socket.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Tcp(_, address) => format!("http://{address}"),
            Self::Unix(_, file) => format!("unix:{}", file.path.display()),
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

/// Whether only this user and root can replace what is in a folder. Above it, a sticky folder protects what others own.
fn is_private(folder: &Path) -> io::Result<bool> {
    let folder = folder.canonicalize()?;
    for (height, ancestor) in folder.ancestors().enumerate() {
        let found = fs::metadata(ancestor)?;
        let is_protected = found.mode() & 0o022 == 0 || (height > 0 && found.mode() & 0o1000 != 0);
        if !is_protected || ![0, geteuid().as_raw()].contains(&found.uid()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    endpoint: &Arc<Endpoint>,
    graceful: &GracefulShutdown,
    place: Option<tokio::sync::OwnedSemaphorePermit>,
) {
    let (endpoint, is_known) = (endpoint.clone(), Arc::new(AtomicBool::new(false)));
    let known = is_known.clone();
    let answer = service_fn(move |request| {
        let (endpoint, known) = (endpoint.clone(), known.clone());
        async move { Ok::<_, Infallible>(endpoint.answer(request, &known).await) }.boxed()
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER);
    let watched = graceful.watch(server.serve_connection(TokioIo::new(stream), answer));
    let stranger = async move {
        sleep(STRANGER).await;
        if is_known.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            // A caller that disconnects is no error of this endpoint.
            _ = watched => {}
            () = stranger => {}
        }
        drop(place);
    });
}

/// Waits after a connection that could not be accepted, for example without file descriptors.
async fn pause(error: &io::Error) {
    tracing::warn!("a connection was not accepted: {error}");
    sleep(Duration::from_millis(100)).await;
}
