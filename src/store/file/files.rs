//! The three files of one secret.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::disk::{failed, keep_owner, read_private, replace};
use super::snapshot::{FileSnapshot, FileVersions};
use crate::rotation::{ErrorKind, Result, RotationError, SecretId};
use crate::secret::SecretString;

/// The longest wait for the lock, and the interval between attempts. A writer holds it for milliseconds.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// The paths of one secret's files.
pub(super) struct Files {
    document: PathBuf,
    versions: PathBuf,
    lock: PathBuf,
}

impl Files {
    pub(super) fn of(secret: &SecretId) -> Result<Self> {
        let given = Path::new(secret.as_str());
        // A rename would replace a symbolic link instead of its target.
        let document = given.canonicalize().map_err(|error| failed("find", given, &error))?;
        let beside = |suffix: &str| {
            let mut name = document.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        Ok(Self { versions: beside(".rotation"), lock: beside(".lock"), document })
    }

    /// The document's path.
    pub(super) fn name(&self) -> String {
        self.document.display().to_string()
    }

    pub(super) fn document(&self) -> Result<SecretString> {
        read_private(&self.document).map(|text| SecretString::from(text.as_str()))
    }

    /// The document and its versions.
    pub(super) fn snapshot(&self) -> Result<FileSnapshot> {
        Ok(FileSnapshot::new(self.document()?, self.versions()?))
    }

    fn versions(&self) -> Result<FileVersions> {
        if !self.versions.exists() {
            return Ok(FileVersions::default());
        }
        serde_json::from_str(&read_private(&self.versions)?).map_err(|_| {
            let message = format!("{} is damaged", self.versions.display());
            let hint = "remove that file: the document is complete, and the next rotation starts over";
            RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint)
        })
    }

    pub(super) fn write_document(&self, text: &str) -> Result<()> {
        replace(&self.document, text)
    }

    pub(super) fn write_versions(&self, versions: &FileVersions) -> Result<()> {
        let text = serde_json::to_string(versions).map(Zeroizing::new);
        replace(&self.versions, &text.map_err(|error| failed("write", &self.versions, &error.into()))?)
    }

    /// Locks the secret against other writers until the file is dropped.
    pub(super) fn lock(&self) -> Result<File> {
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&self.lock);
        let file = opened.map_err(|error| failed("open", &self.lock, &error))?;
        keep_owner(&self.document, &file).map_err(|error| failed("set the owner of", &self.lock, &error))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) if began.elapsed() < LOCK_WAIT => thread::sleep(LOCK_POLL),
                Err(fs::TryLockError::WouldBlock) => {
                    let message = format!("another rotation is writing {}", self.document.display());
                    return Err(RotationError::new(ErrorKind::StoreConflict, message));
                }
                Err(fs::TryLockError::Error(error)) => return Err(failed("lock", &self.lock, &error)),
            }
        }
    }
}
