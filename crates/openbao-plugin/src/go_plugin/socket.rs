//! The unix socket that the host connects to.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Prefix of the names of listening sockets.
const PREFIX: &str = "secrets-engine-";
/// Prefix of the names of sockets that are not ready yet.
const UNFINISHED: &str = ".secrets-engine-";

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
    /// connections therefore belongs to a killed process, and is removed here.
    pub(crate) fn bind(directory: &Path, group: Option<&str>) -> io::Result<Self> {
        remove_stale(directory);
        let id = uuid::Uuid::new_v4().simple();
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

/// Removes sockets of killed processes.
fn remove_stale(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && is_stale(&entry.path()) {
            drop(SocketFile(entry.path()));
        }
    }
}

/// Returns whether a path is a socket that no process listens on.
fn is_stale(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    is_socket && BlockingStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
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
    use super::*;

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
        let own = std::os::unix::fs::MetadataExt::gid(&fs::metadata(directory.path()).unwrap());
        let socket = Socket::bind(directory.path(), Some(&own.to_string())).unwrap();
        assert_eq!(fs::metadata(socket.path()).unwrap().permissions().mode() & 0o777, 0o660);
        let error = Socket::bind(directory.path(), Some("no such group")).err().unwrap();
        assert!(error.to_string().contains("no such group"), "{error}");
        drop(socket);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn bind_removes_only_stale_sockets() {
        let directory = tempfile::tempdir().unwrap();
        let dead = directory.path().join("secrets-engine-dead");
        drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
        let file = directory.path().join("secrets-engine-notes.txt");
        fs::write(&file, "kept").unwrap();
        let alive = Socket::bind(directory.path(), None).unwrap();
        assert!(!dead.exists() && file.exists());
        let other = Socket::bind(directory.path(), None).unwrap();
        assert!(alive.path().exists() && other.path().exists());
    }

    #[tokio::test]
    async fn a_group_is_resolved_by_name_or_number() {
        assert_eq!(group_id("root").unwrap(), 0);
        assert_eq!(group_id("4711").unwrap(), 4711);
    }
}
