//! A secret in a local file: the document itself, at the path that readers read.
//!
//! `NAME.rotation` beside it holds the staged version and the version ids. Both files are written to a temporary file,
//! synced and renamed, so that a reader sees the old document or the new one, also after a crash. Writers lock
//! `NAME.lock`.

mod create;
mod failure;
mod files;
mod folder;
mod list;
mod snapshot;

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use self::files::Files;
pub use self::list::list_folder;
use self::snapshot::{FileVersions, StagedDocument};
use crate::rotation::{
    Description, ErrorKind, Lease, Result, RotationError, SecretId, SecretStore, Staged, StoredValue, VersionId,
    VersionSelector, WriteAhead,
};
use crate::secret::SecretString;

/// Secrets in files. The secret's id is the path of the document.
#[derive(Clone, Debug, Default)]
pub struct FileStore {
    /// The folder that relative paths start from; the working directory if empty.
    folder: PathBuf,
}

impl FileStore {
    /// The store of a document, which may name other documents by paths relative to its own folder. If the document's
    /// path contains symbolic links, that is the folder of their target. `document` is an absolute path.
    pub fn beside(document: &SecretId) -> Self {
        let path = Path::new(document.as_str());
        // A document that does not exist names no other one.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Self { folder: target.parent().unwrap_or(&target).to_owned() }
    }

    /// Runs file work on a blocking thread.
    async fn with_files<T: Send + 'static>(
        &self,
        secret: &SecretId,
        work: impl FnOnce(&Files) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.folder.join(secret.as_str());
        let done = tokio::task::spawn_blocking(move || work(&Files::of(&path)?)).await;
        done.unwrap_or_else(|error| {
            let message = "the file operation was interrupted";
            Err(RotationError::new(ErrorKind::StoreUnavailable, message).with_source(error))
        })
    }

    /// Changes the versions of a secret, but not its document.
    async fn change_versions(
        &self,
        secret: &SecretId,
        change: impl FnOnce(&mut FileVersions) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        self.with_files(secret, move |files| {
            let _lock = files.lock()?;
            let mut found = files.snapshot()?;
            change(&mut found.versions)?;
            files.write_versions(&found.versions)
        })
        .await
    }
}

impl SecretStore for FileStore {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        self.with_files(secret, |files| {
            let found = files.snapshot()?;
            Ok(found.versions.describe(files.name(), found.current_id()))
        })
        .await
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        let version = match selector {
            VersionSelector::Current => None,
            VersionSelector::Pending(version) => Some(version.clone()),
            VersionSelector::Previous => return Ok(None),
        };
        self.with_files(secret, move |files| match version {
            None => Ok(Some(StoredValue { folder: Some(files.folder()), ..files.document()?.into() })),
            Some(version) => {
                let found = files.snapshot()?;
                Ok(found.versions.staged(&version).map(|staged| SecretString::from(staged.value.as_str()).into()))
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
        self.with_files(secret, move |files| {
            let _lock = files.lock()?;
            let mut found = files.snapshot()?;
            if let Some(staged) =
                found.versions.already_staged(&version, &value, (&found.current_id(), &found.document))?
            {
                return Ok(staged);
            }
            let value = Zeroizing::new(value.expose_secret().to_owned());
            found.versions.stage(StagedDocument { version, value });
            files.write_versions(&found.versions)?;
            Ok(Staged::Stored)
        })
        .await
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        let (version, over) = (version.clone(), over.clone());
        self.with_files(secret, move |files| {
            let _lock = files.lock()?;
            let mut found = files.snapshot()?;
            let current = found.current_id();
            let staged = found.versions.promotable(&version, &over, &found.document)?;
            // The document is written first: after a crash in between, the snapshot completes the promotion.
            files.write_document(&staged.value)?;
            let promoted = staged.promoted();
            found.versions.promote(promoted, Some(current));
            files.write_versions(&found.versions)
        })
        .await
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        let version = version.clone();
        self.change_versions(secret, move |versions| {
            versions.unstage(&version);
            Ok(())
        })
        .await
    }
}

impl WriteAhead for FileStore {
    async fn write_intent(
        &self,
        secret: &SecretId,
        id: &VersionId,
        value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        let (id, value) = (id.clone(), value.clone());
        self.change_versions(secret, move |versions| {
            versions.set_intent(&id, &value);
            Ok(())
        })
        .await
    }

    async fn read_intent(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        self.with_files(secret, |files| Ok(files.snapshot()?.versions.intent())).await
    }

    async fn clear_intent(&self, secret: &SecretId, id: &VersionId) -> Result<()> {
        let id = id.clone();
        self.change_versions(secret, move |versions| {
            versions.clear_intent(&id);
            Ok(())
        })
        .await
    }
}

impl Lease for FileStore {
    async fn take_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        seen: Option<&VersionId>,
        _rotation_token: Option<&SecretString>,
    ) -> Result<()> {
        let (holder, seen) = (holder.clone(), seen.cloned());
        self.change_versions(secret, move |versions| versions.move_lease(seen.as_ref(), &holder)).await
    }

    async fn release_lease(&self, secret: &SecretId, holder: &VersionId, version: &VersionId) -> Result<()> {
        let (holder, version) = (holder.clone(), version.clone());
        self.change_versions(secret, move |versions| versions.move_lease(Some(&holder), &version)).await
    }
}
