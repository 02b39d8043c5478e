//! Errors of files.

use std::io;
use std::path::Path;

use crate::rotation::{ErrorKind, RotationError};

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

pub(super) fn not_regular(path: &Path) -> RotationError {
    let hint = "use the path of the file that holds the document; remove anything else at NAME.lock and NAME.rotation";
    RotationError::new(ErrorKind::DocumentInvalid, format!("{} is not a regular file", path.display())).with_hint(hint)
}

pub(super) fn exists(path: &Path) -> RotationError {
    RotationError::new(ErrorKind::StoreConflict, format!("{} exists and is not overwritten", path.display()))
        .with_hint("name another file, or remove this one if it is not needed")
}

pub(super) fn not_utf8(path: &Path) -> RotationError {
    RotationError::new(ErrorKind::DocumentInvalid, format!("{} is not UTF-8", path.display()))
}

pub(super) fn not_private(path: &Path, mode: u32) -> RotationError {
    let message = format!("{} is readable or writable by other users (mode {mode:03o})", path.display());
    denied(message, format!("chmod 600 {}", path.display()))
}

pub(super) fn symbolic_link(path: &Path) -> RotationError {
    let message = format!("{} is a symbolic link, which is not followed", path.display());
    denied(message, format!("find out who created it, and remove it: rm {}", path.display()))
}

pub(super) fn several_links(path: &Path, links: u64) -> RotationError {
    let message = format!("{} has {links} hard links, and a rotation would update only one of them", path.display());
    denied(message, "replace the other links with symbolic links or copies, or remove them")
}

pub(super) fn of_another_user(path: &Path, user: u32) -> RotationError {
    let message = format!("{} belongs to user {user}, who does not own the document", path.display());
    denied(message, format!("find out who created it, and remove it: rm {}", path.display()))
}

fn denied(message: String, hint: impl Into<String>) -> RotationError {
    RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_of_a_file_has_its_kind_and_its_hint() {
        for (error, kind, words) in [
            (io::ErrorKind::NotFound, ErrorKind::SecretNotFound, "write the document"),
            (io::ErrorKind::PermissionDenied, ErrorKind::StoreDenied, "who owns the file"),
            (io::ErrorKind::ReadOnlyFilesystem, ErrorKind::StoreDenied, "who owns the file"),
            (io::ErrorKind::StorageFull, ErrorKind::StoreUnavailable, "check the disk"),
        ] {
            let failed = failed("write", Path::new("/token.json"), &error.into());
            assert_eq!(failed.kind(), kind, "{failed}");
            assert!(failed.hint().contains(words), "{failed}: {}", failed.hint());
        }
    }
}
