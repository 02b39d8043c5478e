//! What is known beside the document: which version is which, and what is staged.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::endpoint::Stored;
use super::meaning::means_the_same;
use crate::rotation::{
    AHEAD, CURRENT, ErrorKind, LabelledVersion, PENDING, PREVIOUS, Result, RotationError, VersionId,
};

/// What lies at the pending path.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<Promoted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ahead: Option<Ahead>,
}

/// What was written down before the client's own secret was touched.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Ahead {
    pub(super) version: String,
    pub(super) value: Zeroizing<String>,
}

/// Which version of KV a version of ours became.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Promoted {
    version: String,
    /// When KV made it, to the nanosecond. It tells whether the document is still the one
    /// that was promoted, or was edited since, or made anew.
    created_time: String,
}

/// A version that is staged.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) version: String,
    /// The document as text, so that it keeps its order and every digit.
    pub(super) document: Zeroizing<String>,
    /// The KV version that was current when it was staged.
    pub(super) follows: u64,
}

impl State {
    /// # Errors
    /// `DocumentInvalid`, without the content.
    pub(super) fn parse(stored: &Stored, path: &str) -> Result<Self> {
        serde_json::from_str(&stored.text).map_err(|_| {
            let hint =
                format!("remove it ({path} in the API): the document is whole, and the next rotation starts afresh");
            RotationError::new(ErrorKind::DocumentInvalid, format!("what lies at {path} is damaged")).with_hint(hint)
        })
    }

    pub(super) fn to_json(&self) -> Zeroizing<String> {
        Zeroizing::new(serde_json::to_string(self).expect("strings and numbers are always JSON"))
    }

    /// The current version's id. A document that nobody rotated yet, or that was edited since,
    /// goes by its number in KV.
    pub(super) fn current_id(&self, document: &Stored) -> String {
        match &self.current {
            Some(current) if current.created_time == document.created_time => current.version.clone(),
            _ => format!("kv-version-{}", document.version),
        }
    }

    /// Takes a staged document that readers already read for promoted: a crash between
    /// the two writes of promoting leaves that behind.
    pub(super) fn settled(self, document: &Stored) -> Self {
        let is_promoted = self.pending.as_ref().is_some_and(|pending| {
            document.version > pending.follows && means_the_same(&pending.document, &document.text)
        });
        if !is_promoted {
            return self;
        }
        let former = self
            .current
            .as_ref()
            .map(|former| former.version.clone())
            .or_else(|| self.pending.as_ref().map(|pending| format!("kv-version-{}", pending.follows)));
        self.with_current(former, document)
    }

    /// The state once the staged version was written over `former`.
    pub(super) fn promoted(&self, former: &Stored, written: &Stored) -> Self {
        let previous = self.current_id(former);
        self.clone().with_current(Some(previous), written)
    }

    fn with_current(self, previous: Option<String>, document: &Stored) -> Self {
        let promoted =
            |pending: Pending| Promoted { version: pending.version, created_time: document.created_time.clone() };
        Self { current: self.pending.map(promoted), pending: None, previous, ahead: self.ahead }
    }

    pub(super) fn staged(&self, version: &VersionId) -> Option<&Pending> {
        self.pending.as_ref().filter(|pending| pending.version == version.as_str())
    }

    pub(super) fn take_staged(self, version: &VersionId) -> Option<Zeroizing<String>> {
        self.pending.filter(|pending| pending.version == version.as_str()).map(|pending| pending.document)
    }

    /// The versions with their labels.
    pub(super) fn labelled(&self, document: &Stored) -> Vec<LabelledVersion> {
        let mut versions = vec![label(&self.current_id(document), CURRENT)];
        versions.extend(self.pending.as_ref().map(|pending| label(&pending.version, PENDING)));
        versions.extend(self.previous.as_ref().map(|previous| label(previous, PREVIOUS)));
        versions.extend(self.ahead.as_ref().map(|ahead| label(&ahead.version, AHEAD)));
        versions
    }
}

fn label(id: &str, label: &str) -> LabelledVersion {
    LabelledVersion { id: VersionId::from_store(id), labels: vec![label.to_owned()] }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const STAGED: &str = r#"{"pending":{"version":"one","document":"{\"staged\":1}","follows":3}}"#;
    const PROMOTED: &str =
        r#"{"current":{"version":"one","created_time":"2026-01-02T03:04:05.000000001Z"},"previous":"kv-version-3"}"#;
    const WRITTEN_AHEAD: &str = r#"{"previous":"kv-version-3","ahead":{"version":"two","value":"{}"}}"#;

    fn stored(text: &str, version: u64, created_time: &str) -> Stored {
        Stored {
            text: Zeroizing::new(text.to_owned()),
            version,
            created_time: created_time.to_owned(),
            custom_metadata: BTreeMap::default(),
        }
    }

    #[test]
    fn the_stored_form_is_read_and_written_unchanged() {
        for text in [STAGED, PROMOTED, WRITTEN_AHEAD, "{}"] {
            let state = State::parse(&stored(text, 1, ""), "path").unwrap();
            assert_eq!(state.to_json().as_str(), text);
        }
    }

    #[test]
    fn a_promotion_writes_the_stored_form() {
        let state = State::parse(&stored(STAGED, 1, ""), "path").unwrap();
        let (before, after) = (stored("{}", 3, "earlier"), stored("", 4, "2026-01-02T03:04:05.000000001Z"));
        assert_eq!(state.promoted(&before, &after).to_json().as_str(), PROMOTED);
    }
}
