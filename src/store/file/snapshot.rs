//! The document and its versions at one moment.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::rotation::VersionId;
use crate::secret::SecretString;
use crate::store::version_index::{IndexedVersion, VersionIndex};

/// The content of `NAME.rotation`.
pub(super) type FileVersions = VersionIndex<PromotedDocument, StagedDocument>;

/// The version promoted last.
#[derive(Serialize, Deserialize)]
pub(super) struct PromotedDocument {
    version: VersionId,
    /// The digest of the promoted document; a document with another digest was edited since.
    sha256: String,
}

/// The pending version.
#[derive(Serialize, Deserialize)]
pub(super) struct StagedDocument {
    pub(super) version: VersionId,
    pub(super) value: Zeroizing<String>,
}

/// What one read of a secret's files returned.
pub(super) struct FileSnapshot {
    pub(super) document: SecretString,
    /// The digest of the document.
    sha256: String,
    pub(super) versions: FileVersions,
}

impl IndexedVersion for PromotedDocument {
    fn id(&self) -> &VersionId {
        &self.version
    }
}

impl IndexedVersion for StagedDocument {
    fn id(&self) -> &VersionId {
        &self.version
    }

    fn value(&self) -> Option<&str> {
        Some(&self.value)
    }
}

impl StagedDocument {
    pub(super) fn promoted(&self) -> PromotedDocument {
        PromotedDocument { version: self.version.clone(), sha256: digest(&self.value) }
    }
}

impl FileSnapshot {
    /// Completes a promotion that crashed between its two writes: a staged document that readers already read is the
    /// current one.
    pub(super) fn new(document: SecretString, mut versions: FileVersions) -> Self {
        let sha256 = digest(document.expose_secret());
        if let Some(staged) = versions.take_pending_if(|staged| digest(&staged.value) == sha256) {
            let previous = versions.current().map(|current| current.version.clone());
            versions.promote(staged.promoted(), previous);
        }
        Self { document, sha256, versions }
    }

    /// The current version's id: the digest for a document that was never rotated or was edited since.
    pub(super) fn current_id(&self) -> VersionId {
        match self.versions.current() {
            Some(current) if current.sha256 == self.sha256 => current.version.clone(),
            _ => VersionId::from_store(self.sha256.as_str()),
        }
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
