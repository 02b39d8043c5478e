//! The three files of one secret.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::failure::{failed, not_regular};
use super::folder::{Folder, Owner, if_exists};
use super::snapshot::{FileSnapshot, FileVersions};
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// The longest wait for the lock, and the interval between attempts. A writer holds it for milliseconds.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// One secret's files, in their directory.
pub(super) struct Files {
    folder: Folder,
    document: OsString,
    versions: OsString,
    lock: OsString,
    /// The owners that the last [snapshot](Files::snapshot) found. A file swapped since then gets nothing that it returned.
    owners: Cell<Option<Owners>>,
}

/// The owners of the document and of the versions.
#[derive(Clone, Copy)]
struct Owners {
    document: Owner,
    versions: Owner,
}

impl Files {
    pub(super) fn of(given: &Path) -> Result<Self> {
        // The document's own path may contain symbolic links: a rename would replace the link instead of its target.
        let path = given.canonicalize().map_err(|error| failed("find", given, &error))?;
        let (Some(folder), Some(document)) = (path.parent(), path.file_name()) else { return Err(not_regular(&path)) };
        let beside = |suffix: &str| {
            let mut name = document.to_owned();
            name.push(suffix);
            name
        };
        let (versions, lock, owners) = (beside(".rotation"), beside(".lock"), Cell::new(None));
        Ok(Self { folder: Folder::open(folder)?, document: document.to_owned(), versions, lock, owners })
    }

    /// The document's path.
    pub(super) fn name(&self) -> String {
        self.folder.path_of(&self.document).display().to_string()
    }

    /// The document's folder, without symbolic links.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(super) fn document(&self) -> Result<SecretString> {
        self.folder.read_private(&self.document).map(|read| SecretString::from(read.text.as_str()))
    }

    /// The document and its versions.
    ///
    /// # Errors
    /// `StoreDenied` also for files that a rotation must not replace.
    pub(super) fn snapshot(&self) -> Result<FileSnapshot> {
        let document = self.folder.read_replaceable(&self.document, None)?;
        let versions = if_exists(self.folder.read_replaceable(&self.versions, Some(document.owner)))?;
        let owner = versions.as_ref().map_or(document.owner, |versions| versions.owner);
        self.owners.set(Some(Owners { document: document.owner, versions: owner }));
        let versions = versions.map_or_else(|| Ok(FileVersions::default()), |read| self.parse_versions(&read.text))?;
        Ok(FileSnapshot::new(SecretString::from(document.text.as_str()), versions))
    }

    fn parse_versions(&self, text: &str) -> Result<FileVersions> {
        serde_json::from_str(text).map_err(|_| {
            let message = format!("{} is damaged", self.folder.path_of(&self.versions).display());
            let hint = "remove that file: the document is complete, and the next rotation starts over";
            RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint)
        })
    }

    /// Replaces the document of the last snapshot.
    pub(super) fn write_document(&self, text: &str) -> Result<()> {
        self.folder.replace(&self.document, text, self.owners()?.document)
    }

    /// Replaces the versions of the last snapshot.
    pub(super) fn write_versions(&self, versions: &FileVersions) -> Result<()> {
        let text = serde_json::to_string(versions).map(Zeroizing::new);
        let path = self.folder.path_of(&self.versions);
        let text = text.map_err(|error| failed("write", &path, &error.into()))?;
        self.folder.replace(&self.versions, &text, self.owners()?.versions)
    }

    fn owners(&self) -> Result<Owners> {
        let missing = || RotationError::new(ErrorKind::StoreUnavailable, "the files were not read before the write");
        self.owners.get().ok_or_else(missing)
    }

    /// Locks the secret against other writers until the file is dropped.
    pub(super) fn lock(&self) -> Result<File> {
        let owner = self.folder.read_private(&self.document)?.owner;
        let (file, path) = (self.folder.open_lock(&self.lock, owner)?, self.folder.path_of(&self.lock));
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_WAIT => thread::sleep(LOCK_POLL),
                Err(TryLockError::WouldBlock) => {
                    let message = format!("another rotation is writing {}", self.name());
                    return Err(RotationError::new(ErrorKind::StoreConflict, message));
                }
                Err(TryLockError::Error(error)) => return Err(failed("lock", &path, &error)),
            }
        }
    }
}
