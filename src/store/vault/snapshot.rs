//! The document and its versions at one moment.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::endpoint::KvVersion;
use super::json_equality::equal_json;
use super::location::Location;
use crate::rotation::{ErrorKind, Result, RotationError, VersionId};
use crate::secret::SecretString;
use crate::store::version_index::{IndexedVersion, VersionIndex};

/// The content of the pending path.
pub(super) type KvVersions = VersionIndex<PromotedVersion, StagedVersion>;

/// The version promoted last.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PromotedVersion {
    version: VersionId,
    /// When KV created it, to the nanosecond. A document with another time was edited or created again since.
    created_time: String,
}

/// The pending version.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StagedVersion {
    version: VersionId,
    /// The document as text, which keeps the order of its fields and every digit.
    pub(super) document: Zeroizing<String>,
    /// The KV version that was current when this version was staged.
    pub(super) follows: u64,
}

/// What one read of a secret returned.
pub(super) struct KvSnapshot {
    pub(super) location: Location,
    pub(super) document: KvVersion,
    pub(super) versions: KvVersions,
    /// The KV version of the pending path, which a write of it must find; 0 if the path was never written.
    pub(super) versions_cas: u64,
}

impl IndexedVersion for PromotedVersion {
    fn id(&self) -> &VersionId {
        &self.version
    }
}

impl IndexedVersion for StagedVersion {
    fn id(&self) -> &VersionId {
        &self.version
    }

    fn value(&self) -> Option<&str> {
        Some(&self.document)
    }
}

impl StagedVersion {
    pub(super) fn new(version: &VersionId, value: &SecretString, document: &KvVersion) -> Self {
        let text = Zeroizing::new(value.expose_secret().to_owned());
        Self { version: version.clone(), document: text, follows: document.version }
    }

    fn promoted_as(&self, document: &KvVersion) -> PromotedVersion {
        PromotedVersion { version: self.version.clone(), created_time: document.created_time.clone() }
    }
}

impl KvSnapshot {
    /// Completes a promotion that crashed between its two writes: a staged document that readers already read is the
    /// current one.
    pub(super) fn new(location: Location, document: KvVersion, versions: (KvVersions, u64)) -> Self {
        let (mut versions, versions_cas) = versions;
        let is_promoted =
            |staged: &StagedVersion| document.version > staged.follows && equal_json(&staged.document, &document.text);
        if let Some(staged) = versions.take_pending_if(is_promoted) {
            let previous = versions.current().map(|current| current.version.clone());
            let previous = previous.unwrap_or_else(|| kv_version_id(staged.follows));
            versions.promote(staged.promoted_as(&document), Some(previous));
        }
        Self { location, document, versions, versions_cas }
    }

    /// The current version's id: the KV version for a document that was never rotated or was edited since.
    pub(super) fn current_id(&self) -> VersionId {
        match self.versions.current() {
            Some(current) if current.created_time == self.document.created_time => current.version.clone(),
            _ => kv_version_id(self.document.version),
        }
    }

    /// The versions after `staged` was written as `written` over this document.
    pub(super) fn promoted(&self, staged: &StagedVersion, written: &KvVersion) -> KvVersions {
        let mut versions = self.versions.clone();
        versions.promote(staged.promoted_as(written), Some(self.current_id()));
        versions
    }
}

fn kv_version_id(version: u64) -> VersionId {
    VersionId::from_store(format!("kv-version-{version}"))
}

/// # Errors
/// `DocumentInvalid`, without the content.
pub(super) fn parse(stored: &KvVersion, path: &str) -> Result<KvVersions> {
    serde_json::from_str(&stored.text).map_err(|_| {
        let hint = format!("delete {path} in the API: the document is complete, and the next rotation starts over");
        RotationError::new(ErrorKind::DocumentInvalid, format!("{path} is damaged")).with_hint(hint)
    })
}

pub(super) fn to_json(versions: &KvVersions) -> Zeroizing<String> {
    Zeroizing::new(serde_json::to_string(versions).expect("strings and numbers are always JSON"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const STAGED: &str = r#"{"pending":{"version":"one","document":"{\"staged\":1}","follows":3}}"#;
    const PROMOTED: &str =
        r#"{"current":{"version":"one","created_time":"2026-01-02T03:04:05.000000001Z"},"previous":"kv-version-3"}"#;
    const WRITTEN_AHEAD: &str = r#"{"previous":"kv-version-3","ahead":{"version":"two","value":"{}"}}"#;

    fn stored(text: &str, version: u64, created_time: &str) -> KvVersion {
        KvVersion {
            text: Zeroizing::new(text.to_owned()),
            version,
            created_time: created_time.to_owned(),
            custom_metadata: BTreeMap::default(),
        }
    }

    #[test]
    fn the_stored_form_is_read_and_written_unchanged() {
        for text in [STAGED, PROMOTED, WRITTEN_AHEAD, "{}"] {
            let versions = parse(&stored(text, 1, ""), "path").unwrap();
            assert_eq!(to_json(&versions).as_str(), text);
        }
    }

    #[test]
    fn a_promotion_writes_the_stored_form() {
        let versions = parse(&stored(STAGED, 1, ""), "path").unwrap();
        let location = Location::parse("secret/x").unwrap();
        let snapshot = KvSnapshot::new(location, stored("{}", 3, "earlier"), (versions, 1));
        let staged = snapshot.versions.staged(&VersionId::from_store("one")).unwrap();
        let written = stored("", 4, "2026-01-02T03:04:05.000000001Z");
        assert_eq!(to_json(&snapshot.promoted(staged, &written)).as_str(), PROMOTED);
    }
}
