//! Private files: checked reads, and atomic writes that keep the owner.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::rotation::{ErrorKind, Result, RotationError};

/// Reads a file that only its owner may read or write.
///
/// # Errors
/// `StoreDenied` for a file that its group or others may read or write; `DocumentInvalid` for anything but a UTF-8 file.
pub(super) fn read_private(path: &Path) -> Result<Zeroizing<String>> {
    let metadata = fs::metadata(path).map_err(|error| failed("read", path, &error))?;
    if !metadata.is_file() {
        let message = format!("{} is not a regular file", path.display());
        let hint = "use the path of the file that holds the document";
        return Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message = format!("{} is readable or writable by other users (mode {mode:03o})", path.display());
        let hint = format!("chmod 600 {}", path.display());
        return Err(RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint));
    }
    let bytes = fs::read(path).map(Zeroizing::new).map_err(|error| failed("read", path, &error))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(RotationError::new(ErrorKind::DocumentInvalid, format!("{} is not UTF-8", path.display()))),
    }
}

/// Replaces a file atomically.
pub(super) fn replace(path: &Path, text: &str) -> Result<()> {
    write_and_rename(path, text).map_err(|error| failed("write", path, &error))
}

fn write_and_rename(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("/"));
    let mut file = NamedTempFile::with_prefix_in(".genesys-rotator-", directory)?;
    file.as_file().set_permissions(Permissions::from_mode(0o600))?;
    keep_owner(path, file.as_file())?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename is durable only once the directory is synced.
    File::open(directory)?.sync_all()
}

/// Gives `file` the owner of `path`, so that a rotation run by root does not take the file from its user.
pub(super) fn keep_owner(path: &Path, file: &File) -> io::Result<()> {
    let owned = fs::metadata(path).or_else(|_| fs::metadata(path.parent().unwrap_or(path)))?;
    let made = file.metadata()?;
    if (owned.uid(), owned.gid()) == (made.uid(), made.gid()) {
        return Ok(());
    }
    fchown(file, Some(owned.uid()), Some(owned.gid()))
}

/// The error of a file operation; `action` is a verb. No retry helps: a full disk stays full for longer than that.
pub(super) fn failed(action: &str, path: &Path, error: &io::Error) -> RotationError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::SecretNotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::StoreDenied,
        _ => ErrorKind::StoreUnavailable,
    };
    let hint = match kind {
        ErrorKind::SecretNotFound => "write the document to this path first, with mode 600",
        ErrorKind::StoreDenied => "run this as the user who owns the file, with write access to its directory",
        _ => "check the disk: free space, mount options, health",
    };
    RotationError::new(kind, format!("cannot {action} {}: {error}", path.display())).with_hint(hint).permanent()
}
