//! Creates documents that do not exist.

use std::path::Path;

use secrecy::ExposeSecret;

use super::FileStore;
use super::failure::{exists, failed, not_regular};
use super::folder::Folder;
use crate::rotation::{ErrorKind, Result, RotationError, SecretCreation, SecretId, VersionId};
use crate::secret::SecretString;

impl FileStore {
    /// Writes a document to a path that does not exist, readable by its owner only.
    ///
    /// # Errors
    /// `StoreConflict` if there is anything at the path; otherwise as for staging.
    pub async fn create_document(&self, secret: &SecretId, value: &SecretString) -> Result<()> {
        let (path, value) = (self.folder.join(secret.as_str()), value.clone());
        let done = tokio::task::spawn_blocking(move || create(&path, value.expose_secret())).await;
        done.unwrap_or_else(|error| {
            let message = "the file operation was interrupted";
            Err(RotationError::new(ErrorKind::StoreUnavailable, message).with_source(error))
        })
    }
}

impl SecretCreation for FileStore {
    async fn create(&self, secret: &SecretId, _version: &VersionId, value: &SecretString) -> Result<()> {
        self.create_document(secret, value).await
    }
}

fn create(path: &Path, text: &str) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(not_regular(path)) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let folder = parent.canonicalize().map_err(|error| failed("open the directory", parent, &error))?;
    if Folder::open(&folder)?.create_new(name, text)? { Ok(()) } else { Err(exists(path)) }
}
