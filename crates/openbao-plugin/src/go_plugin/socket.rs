//! The unix socket that the host connects to.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Prefix of the names of listening sockets. A name has 15 bytes, about as many as one of go-plugin's.
const PREFIX: &str = "bp-";
/// Prefix of the names of sockets that are not ready yet.
const UNFINISHED: &str = ".bp-";
/// The random digits in a name.
const DIGITS: usize = 12;
/// Limits the path of a socket, in bytes: `sun_path` of unix(7) without the zero at its end.
const LONGEST_PATH: usize = 107;
const LONGEST_DIRECTORY: usize = LONGEST_PATH - "/".len() - UNFINISHED.len() - DIGITS;

/// A listening socket and its file.
pub(crate) struct Socket {
    pub(crate) listener: UnixListener,
    pub(crate) file: SocketFile,
}

/// Removes its file when dropped.
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.0);
    }
}

impl Socket {
    /// Listens on a new socket in a directory, for the owner only or for a group as well.
    ///
    /// The socket gets its final name once it listens with its permissions set. A socket with a final name that refuses
    /// connections therefore belongs to a killed process; see [`remove_stale`].
    pub(crate) fn bind(directory: &Path, group: Option<&str>) -> io::Result<Self> {
        check_length(directory)?;
        let mut id = uuid::Uuid::new_v4().simple().to_string();
        id.truncate(DIGITS);
        let unfinished = SocketFile(directory.join(format!("{UNFINISHED}{id}")));
        let listener = UnixListener::bind(&unfinished.0)?;
        fs::set_permissions(&unfinished.0, fs::Permissions::from_mode(if group.is_some() { 0o660 } else { 0o600 }))?;
        if let Some(group) = group {
            chown(&unfinished.0, None, Some(group_id(group)?))?;
        }
        let file = SocketFile(directory.join(format!("{PREFIX}{id}")));
        fs::rename(&unfinished.0, &file.0)?;
        Ok(Self { listener, file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file.0
    }
}

fn check_length(directory: &Path) -> io::Result<()> {
    let length = directory.as_os_str().len();
    if length <= LONGEST_DIRECTORY {
        return Ok(());
    }
    let text = format!(
        "its path has {length} bytes, and a directory of sockets may have {LONGEST_DIRECTORY}: set TMPDIR of the server \
         to a shorter one"
    );
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

/// Removes the sockets of killed processes of this user from the directory of a socket.
///
/// The directory may be shared and large, so this runs after the handshake, for which hosts wait only 60 seconds.
pub(crate) async fn remove_stale(own: PathBuf) {
    let found = tokio::task::spawn_blocking(move || sockets_beside(&own)).await;
    for path in found.unwrap_or_default() {
        // It does not block: with a full queue of connections it fails at once, and not with a refusal.
        let connected = UnixStream::connect(&path).await;
        if connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            drop(SocketFile(path));
        }
    }
}

/// The other sockets of this user beside a socket.
fn sockets_beside(own: &Path) -> Vec<PathBuf> {
    let entries = own.parent().and_then(|directory| fs::read_dir(directory).ok());
    let Ok(user) = fs::symlink_metadata(own).map(|metadata| metadata.uid()) else { return Vec::new() };
    let is_socket = |metadata: fs::Metadata| metadata.file_type().is_socket() && metadata.uid() == user;
    let named =
        entries.into_iter().flatten().flatten().filter(|entry| {
            entry.path() != own && entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
        });
    named.filter(|entry| entry.metadata().is_ok_and(is_socket)).map(|entry| entry.path()).collect()
}

/// Resolves a group number, or a name in /etc/group.
fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    let groups = fs::read_to_string("/etc/group")?;
    let lines = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut named = lines.filter(|fields| fields.first() == Some(&group));
    let id = named.find_map(|fields| fields.get(2)?.parse().ok());
    id.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("group {group:?} is not in /etc/group")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream as BlockingStream;
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn the_socket_has_mode_0600_and_is_removed_on_drop() {
        let directory = tempfile::tempdir().unwrap();
        let socket = Socket::bind(directory.path(), None).unwrap();
        let path = socket.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(BlockingStream::connect(&path).is_ok());
        drop(socket);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_group_gets_mode_0660_and_an_unknown_group_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let own = fs::metadata(directory.path()).unwrap().gid();
        let socket = Socket::bind(directory.path(), Some(&own.to_string())).unwrap();
        assert_eq!(fs::metadata(socket.path()).unwrap().permissions().mode() & 0o777, 0o660);
        let error = Socket::bind(directory.path(), Some("no such group")).err().unwrap();
        assert!(error.to_string().contains("no such group"), "{error}");
        drop(socket);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    /// A socket whose queue of connections is full: a blocking connect waits until its process accepts.
    async fn overcrowded(path: &Path) -> (UnixListener, Vec<UnixStream>) {
        let socket = tokio::net::UnixSocket::new_stream().unwrap();
        socket.bind(path).unwrap();
        let listener = socket.listen(0).unwrap();
        let mut waiting = Vec::new();
        while let Ok(connection) = UnixStream::connect(path).await {
            waiting.push(connection);
        }
        (listener, waiting)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_socket_with_a_full_queue_delays_nothing_and_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (busy, dead) =
            (directory.path().join(format!("{PREFIX}busy")), directory.path().join(format!("{PREFIX}dead")));
        let (_listener, waiting) = overcrowded(&busy).await;
        assert!(!waiting.is_empty());
        drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
        let path = directory.path().to_owned();
        let bound = tokio::task::spawn_blocking(move || Socket::bind(&path, None).unwrap());
        let socket =
            tokio::time::timeout(PATIENCE, bound).await.expect("it does not wait for the busy socket").unwrap();
        remove_stale(socket.path().to_owned()).await;
        assert!(busy.exists() && !dead.exists() && socket.path().exists());
    }

    #[tokio::test]
    async fn other_users_sockets_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let theirs = directory.path().join(format!("{PREFIX}theirs"));
        drop(std::os::unix::net::UnixListener::bind(&theirs).unwrap());
        // Only root may give a file away.
        if chown(&theirs, Some(4711), None).is_err() {
            return;
        }
        let socket = Socket::bind(directory.path(), None).unwrap();
        remove_stale(socket.path().to_owned()).await;
        assert!(theirs.exists());
    }

    #[tokio::test]
    async fn stale_sockets_are_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let dead = directory.path().join(format!("{PREFIX}dead"));
        drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
        let file = directory.path().join(format!("{PREFIX}notes"));
        fs::write(&file, "kept").unwrap();
        let alive = Socket::bind(directory.path(), None).unwrap();
        remove_stale(alive.path().to_owned()).await;
        assert!(!dead.exists() && file.exists());
        let other = Socket::bind(directory.path(), None).unwrap();
        remove_stale(other.path().to_owned()).await;
        assert!(alive.path().exists() && other.path().exists());
    }

    #[tokio::test]
    async fn a_path_has_at_most_107_bytes() {
        let parent = tempfile::tempdir().unwrap();
        let directory = |length: usize| {
            let name = "x".repeat(length - parent.path().as_os_str().len() - 1);
            let directory = parent.path().join(name);
            fs::create_dir(&directory).unwrap();
            directory
        };
        let longest = directory(LONGEST_DIRECTORY);
        let socket = Socket::bind(&longest, None).unwrap();
        assert!(socket.path().as_os_str().len() <= LONGEST_PATH);
        assert!(BlockingStream::connect(socket.path()).is_ok());
        let error = Socket::bind(&directory(LONGEST_DIRECTORY + 1), None).err().unwrap();
        assert_eq!(
            error.to_string(),
            "its path has 91 bytes, and a directory of sockets may have 90: set TMPDIR of the server to a shorter one"
        );
    }

    #[tokio::test]
    async fn a_group_is_resolved_by_name_or_number() {
        assert_eq!(group_id("root").unwrap(), 0);
        assert_eq!(group_id("4711").unwrap(), 4711);
    }
}
