//! A secret in a local file: the document itself, where its readers read it.
//!
//! What is staged waits in a second file beside it, `NAME.rotation`, with the ids of the versions.
//! Both are written to a temporary file, synced and renamed, so that a reader sees the old
//! document or the new one and a crash leaves either; a third, `NAME.lock`, keeps writers apart.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::rotation::{
    AHEAD, CURRENT, Description, ErrorKind, LabelledVersion, PENDING, PREVIOUS, Result, RotationError, SecretId,
    SecretStore, Staged, VersionId, Wanted,
};
use crate::secret::{SecretString, same};

/// How long the lock is waited for, and how often it is tried meanwhile.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Takes a secret's id for the path of a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileStore;

/// What is known beside the document.
#[derive(Default, Serialize, Deserialize)]
struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Promoted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<Pending>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<Ahead>,
}

/// What was written down before the client's own secret was touched.
#[derive(Serialize, Deserialize)]
struct Ahead {
    version: String,
    value: Zeroizing<String>,
}

#[derive(Serialize, Deserialize)]
struct Promoted {
    version: String,
    /// Tells whether the document is still the one that was promoted, or was edited since.
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Pending {
    version: String,
    value: Zeroizing<String>,
    /// What the document was when this was staged; an edit made since must not be undone.
    base_sha256: Option<String>,
}

/// One secret's files.
struct Files {
    document: PathBuf,
    state: PathBuf,
    lock: PathBuf,
}

impl SecretStore for FileStore {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        with_files(secret, |files| {
            let document = files.document()?;
            let state = files.state(&document)?;
            let mut versions = vec![label(&state.current_id(&document), CURRENT)];
            versions.extend(state.pending.as_ref().map(|pending| label(&pending.version, PENDING)));
            versions.extend(state.previous.as_ref().map(|previous| label(previous, PREVIOUS)));
            versions.extend(state.ahead.as_ref().map(|ahead| label(&ahead.version, AHEAD)));
            let name = files.document.display().to_string();
            Ok(Description { name, versions, ..Description::default() })
        })
        .await
    }

    async fn read(&self, secret: &SecretId, wanted: Wanted<'_>) -> Result<Option<SecretString>> {
        let version = match wanted {
            Wanted::Current => None,
            Wanted::Pending(version) => Some(version.clone()),
        };
        with_files(secret, move |files| match version {
            None => files.document().map(Some),
            Some(version) => {
                Ok(files.state(&files.document()?)?.staged(&version).map(|value| SecretString::from(value.as_str())))
            }
        })
        .await
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        let (version, value) = (version.clone(), value.clone());
        with_files(secret, move |files| {
            let _lock = files.lock()?;
            let document = files.document()?;
            let mut state = files.state(&document)?;
            if let Some(held) = state.staged(&version) {
                let held = SecretString::from(held.as_str());
                return Ok(if same(&held, &value) { Staged::Stored } else { Staged::HeldAnother });
            }
            state.finish_promotion(&files.document()?);
            if let Some(pending) = &state.pending {
                return Err(conflict(format!("the version {} is staged already", pending.version)));
            }
            let value = Zeroizing::new(value.expose_secret().to_owned());
            let base_sha256 = Some(digest(document.expose_secret()));
            state.pending = Some(Pending { version: version.as_str().to_owned(), value, base_sha256 });
            files.write_state(&state)?;
            Ok(Staged::Stored)
        })
        .await
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, holder: Option<&VersionId>) -> Result<()> {
        let (version, holder) = (version.clone(), holder.cloned());
        with_files(secret, move |files| {
            let _lock = files.lock()?;
            let document = files.document()?;
            let mut state = files.state(&document)?;
            let current = state.current_id(&document);
            let Some(value) = state.staged(&version).cloned() else {
                return Err(conflict(format!("the version {version} is not staged any more")));
            };
            let edited = state.base().is_some_and(|base| base != digest(document.expose_secret()));
            if edited || holder.is_some_and(|holder| holder.as_str() != current) {
                return Err(conflict("the document was changed by somebody else meanwhile".to_owned()));
            }
            // The document goes first: after a crash in between, reading the state finds that
            // what is staged is what is current, and takes it for promoted.
            files.write_document(&value)?;
            state.current = Some(Promoted { version: version.as_str().to_owned(), sha256: digest(&value) });
            state.previous = Some(current).filter(|previous| previous != version.as_str());
            state.pending = None;
            files.write_state(&state)
        })
        .await
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        let version = version.clone();
        with_files(secret, move |files| {
            let _lock = files.lock()?;
            let mut state = files.state(&files.document()?)?;
            if state.staged(&version).is_none() {
                return Ok(());
            }
            state.pending = None;
            files.write_state(&state)
        })
        .await
    }

    async fn write_ahead(&self, secret: &SecretId, value: &SecretString, _: Option<&SecretString>) -> Result<()> {
        let value = Zeroizing::new(value.expose_secret().to_owned());
        change_ahead(secret, Some(Ahead { version: VersionId::random().as_str().to_owned(), value })).await
    }

    async fn read_ahead(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        with_files(secret, |files| {
            let ahead = files.state(&files.document()?)?.ahead;
            Ok(ahead.map(|ahead| SecretString::from(ahead.value.as_str())))
        })
        .await
    }

    async fn clear_ahead(&self, secret: &SecretId, _: &VersionId) -> Result<()> {
        change_ahead(secret, None).await
    }
}

async fn change_ahead(secret: &SecretId, ahead: Option<Ahead>) -> Result<()> {
    with_files(secret, move |files| {
        let _lock = files.lock()?;
        let state = files.state(&files.document()?)?;
        files.write_state(&State { ahead, ..state })
    })
    .await
}

impl State {
    /// The current version's id. A document that nobody rotated yet, or that was edited since,
    /// has one that follows from its content.
    fn current_id(&self, document: &SecretString) -> String {
        let found = digest(document.expose_secret());
        if let Some(current) = &self.current
            && current.sha256 == found
        {
            return current.version.clone();
        }
        found
    }

    /// Takes a staged document that readers already read for promoted.
    fn settled(mut self, document: &SecretString) -> Self {
        let found = digest(document.expose_secret());
        if let Some(pending) = self.pending.take_if(|pending| digest(&pending.value) == found) {
            let former = self.current.replace(Promoted { version: pending.version, sha256: found });
            self.previous = former.map(|former| former.version);
        }
        self
    }

    /// Writes down what a crash between the two writes of promoting left out.
    fn finish_promotion(&mut self, document: &SecretString) {
        let current = self.current_id(document);
        if self.pending.as_ref().is_some_and(|pending| pending.version == current) {
            self.previous = self.current.take().map(|former| former.version);
            self.current = Some(Promoted { version: current, sha256: digest(document.expose_secret()) });
            self.pending = None;
        }
    }

    fn base(&self) -> Option<&str> {
        self.pending.as_ref()?.base_sha256.as_deref()
    }

    fn staged(&self, version: &VersionId) -> Option<&Zeroizing<String>> {
        self.pending.as_ref().filter(|pending| pending.version == version.as_str()).map(|pending| &pending.value)
    }
}

impl Files {
    fn of(secret: &SecretId) -> Result<Self> {
        let given = Path::new(secret.as_str());
        // A rename would replace a symbolic link instead of what it points to.
        let document = given.canonicalize().map_err(|error| failed("cannot be found", given, error))?;
        let beside = |ending: &str| {
            let mut name = document.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        Ok(Self { state: beside(".rotation"), lock: beside(".lock"), document })
    }

    fn document(&self) -> Result<SecretString> {
        read_private(&self.document).map(|text| SecretString::from(text.as_str()))
    }

    fn state(&self, document: &SecretString) -> Result<State> {
        if !self.state.exists() {
            return Ok(State::default());
        }
        let text = read_private(&self.state)?;
        serde_json::from_str(&text).map(|state: State| state.settled(document)).map_err(|_| {
            let message = format!("{} is damaged", self.state.display());
            let hint = "remove that file: the document beside it is whole, and the next rotation starts afresh";
            RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint)
        })
    }

    fn write_document(&self, text: &str) -> Result<()> {
        replace(&self.document, text)
    }

    fn write_state(&self, state: &State) -> Result<()> {
        let text = serde_json::to_string(state).map(Zeroizing::new);
        let text = text.map_err(|error| failed("cannot be written", &self.state, error.into()))?;
        replace(&self.state, &text)
    }

    /// Whoever holds the lock is done in milliseconds, so that even many who wait for it get it soon. One that was
    /// stopped while it held it is not waited for.
    fn lock(&self) -> Result<File> {
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&self.lock);
        let file = opened.map_err(|error| failed("cannot be opened", &self.lock, error))?;
        keep_owner(&self.document, &file).map_err(|error| failed("cannot be given to its owner", &self.lock, error))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) if began.elapsed() < LOCK_WAIT => thread::sleep(LOCK_POLL),
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(conflict(format!("another rotation is writing {}", self.document.display())));
                }
                Err(fs::TryLockError::Error(error)) => return Err(failed("cannot be locked", &self.lock, error)),
            }
        }
    }
}

/// File work is done off the threads that serve the network.
async fn with_files<T: Send + 'static>(
    secret: &SecretId,
    work: impl FnOnce(&Files) -> Result<T> + Send + 'static,
) -> Result<T> {
    let secret = secret.clone();
    let done = tokio::task::spawn_blocking(move || work(&Files::of(&secret)?)).await;
    done.unwrap_or_else(|error| {
        Err(RotationError::new(ErrorKind::StoreUnavailable, "file work was cut short").with_source(error))
    })
}

/// A secret that others on this machine may read is none.
fn read_private(path: &Path) -> Result<Zeroizing<String>> {
    let metadata = fs::metadata(path).map_err(|error| failed("cannot be read", path, error))?;
    if !metadata.is_file() {
        let message = format!("{} is not a regular file", path.display());
        let hint = "give the path of the file that holds the document";
        return Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message = format!("{} may be read or written by others (mode {mode:03o})", path.display());
        let hint = format!("chmod 600 {}", path.display());
        return Err(RotationError::new(ErrorKind::StoreDenied, message).with_hint(hint));
    }
    let bytes = fs::read(path).map(Zeroizing::new).map_err(|error| failed("cannot be read", path, error))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(RotationError::new(ErrorKind::DocumentInvalid, format!("{} is not text", path.display()))),
    }
}

fn replace(path: &Path, text: &str) -> Result<()> {
    write_and_rename(path, text).map_err(|error| failed("cannot be written", path, error))
}

fn write_and_rename(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("/"));
    let mut file = NamedTempFile::with_prefix_in(".genesys-rotator-", directory)?;
    file.as_file().set_permissions(Permissions::from_mode(0o600))?;
    keep_owner(path, file.as_file())?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename itself has to survive a power cut too.
    File::open(directory)?.sync_all()
}

/// Run by root, this must not take the file away from the user whose programs read it.
fn keep_owner(path: &Path, file: &File) -> io::Result<()> {
    let owned = fs::metadata(path).or_else(|_| fs::metadata(path.parent().unwrap_or(path)))?;
    let made = file.metadata()?;
    if (owned.uid(), owned.gid()) == (made.uid(), made.gid()) {
        return Ok(());
    }
    fchown(file, Some(owned.uid()), Some(owned.gid()))
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn label(id: &str, label: &str) -> LabelledVersion {
    LabelledVersion { id: VersionId::from_store(id), labels: vec![label.to_owned()] }
}

fn conflict(message: String) -> RotationError {
    RotationError::new(ErrorKind::StoreConflict, message)
}

fn failed(what: &str, path: &Path, error: io::Error) -> RotationError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::SecretNotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::StoreDenied,
        _ => ErrorKind::StoreUnavailable,
    };
    let hint = match kind {
        ErrorKind::SecretNotFound => "write the document to this path first, with mode 600",
        ErrorKind::StoreDenied => "run this as the user who owns the file, with write access to its directory",
        _ => "look at the disk: its space, its mount options, its health",
    };
    let error = RotationError::new(kind, format!("{} {what}: {error}", path.display())).with_hint(hint);
    // A full disk does not empty itself within the seconds of a retry.
    error.permanent()
}
