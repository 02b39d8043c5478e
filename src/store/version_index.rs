//! Index of a secret's versions and their labels, for stores that have no labels of their own.
//!
//! The file store and the KV store write it as JSON beside the document, so its fields are a stored format.

use std::fmt;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::rotation::{
    AHEAD, CURRENT, Description, ErrorKind, LEASE, LabelledVersion, PENDING, PREVIOUS, Result, RotationError, Staged,
    StoredValue, VersionId,
};
use crate::secret::{SecretString, same};

/// A version as its store keeps it.
pub(crate) trait IndexedVersion {
    /// The version's id.
    fn id(&self) -> &VersionId;

    /// The version's value; `None` if it has no value yet or the store keeps the value elsewhere.
    fn value(&self) -> Option<&str> {
        None
    }
}

/// Maps the labels of one secret to versions. `C` is the current version and `P` the pending one, each with what the
/// store keeps of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct VersionIndex<C, P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<C>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<VersionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<IntentEntry>,
    /// The holder of the lease, or the version that it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<VersionId>,
}

/// The write-ahead entry of a client secret's rotation.
#[derive(Clone, Serialize, Deserialize)]
struct IntentEntry {
    version: VersionId,
    value: Zeroizing<String>,
}

/// Prints no values.
impl<C, P> fmt::Debug for VersionIndex<C, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VersionIndex").field("previous", &self.previous).finish_non_exhaustive()
    }
}

impl<C, P> Default for VersionIndex<C, P> {
    fn default() -> Self {
        Self { current: None, pending: None, previous: None, ahead: None, lease: None }
    }
}

impl<C: IndexedVersion, P: IndexedVersion> VersionIndex<C, P> {
    pub(crate) fn new(current: Option<C>, pending: Option<P>, previous: Option<VersionId>) -> Self {
        Self { current, pending, previous, ahead: None, lease: None }
    }

    pub(crate) fn current(&self) -> Option<&C> {
        self.current.as_ref()
    }

    /// The pending version, if it has this id.
    pub(crate) fn staged(&self, version: &VersionId) -> Option<&P> {
        self.pending.as_ref().filter(|pending| pending.id() == version)
    }

    /// Returns the outcome of staging `value` where `version` holds a value already, also one that was promoted, and
    /// `None` where it has to be written. `current` is the id of the current version, and its value.
    ///
    /// # Errors
    /// [`ErrorKind::StoreConflict`] if another version is pending. A pending label on the current version, which
    /// Secrets Manager allows, is no conflict.
    pub(crate) fn already_staged(
        &self,
        version: &VersionId,
        value: &SecretString,
        (current, current_value): (&VersionId, &SecretString),
    ) -> Result<Option<Staged>> {
        let promoted = self.current.as_ref().filter(|promoted| promoted.id() == version);
        let promoted = promoted.map(|promoted| promoted.value().unwrap_or(current_value.expose_secret()));
        if let Some(held) = self.staged(version).and_then(IndexedVersion::value).or(promoted) {
            let is_same = same(&SecretString::from(held), value);
            return Ok(Some(if is_same { Staged::Stored } else { Staged::HeldAnother }));
        }
        if self.previous.as_ref() == Some(version) {
            return Ok(Some(Staged::HeldAnother));
        }
        match self.pending.as_ref().map(IndexedVersion::id) {
            Some(pending) if pending != version && pending != current => {
                Err(conflict(format!("version {pending} is already staged")))
            }
            _ => Ok(None),
        }
    }

    /// Puts the pending label on a version.
    pub(crate) fn stage(&mut self, version: P) {
        self.pending = Some(version);
    }

    /// Removes the pending label from `version`; returns whether it had the label.
    pub(crate) fn unstage(&mut self, version: &VersionId) -> bool {
        self.take_pending_if(|pending| pending.id() == version).is_some()
    }

    /// Removes the pending version that a predicate accepts, and returns it.
    pub(crate) fn take_pending_if(&mut self, predicate: impl FnOnce(&P) -> bool) -> Option<P> {
        self.pending.take_if(|pending| predicate(pending))
    }

    /// Returns the staged version if it may be promoted over the value `over`. `current` is the current value.
    ///
    /// # Errors
    /// [`ErrorKind::StoreConflict`].
    pub(crate) fn promotable(&self, version: &VersionId, over: &StoredValue, current: &SecretString) -> Result<&P> {
        let staged = self.staged(version).ok_or_else(|| conflict(format!("version {version} is no longer staged")))?;
        if same(&over.text, current) {
            return Ok(staged);
        }
        Err(conflict("the current version changed during the rotation".to_owned()))
    }

    /// Moves the current label to `version` and the previous label to `previous`, and removes the pending label.
    pub(crate) fn promote(&mut self, version: C, previous: Option<VersionId>) {
        self.previous = previous.filter(|previous| previous != version.id());
        self.current = Some(version);
        self.pending = None;
    }

    /// Describes the secret `name`. `current` is the id of the current version.
    pub(crate) fn describe(&self, name: impl Into<String>, current: VersionId) -> Description {
        let labelled = [
            (CURRENT, Some(current)),
            (PENDING, self.pending.as_ref().map(|pending| pending.id().clone())),
            (PREVIOUS, self.previous.clone()),
            (AHEAD, self.ahead.as_ref().map(|ahead| ahead.version.clone())),
            (LEASE, self.lease.clone()),
        ];
        let labelled = labelled.into_iter().filter_map(|(label, id)| Some((label, id?)));
        let versions = labelled.map(|(label, id)| LabelledVersion { id, labels: vec![label.to_owned()] }).collect();
        Description { name: name.into(), versions, ..Description::default() }
    }

    /// The value of the write-ahead entry.
    pub(crate) fn intent(&self) -> Option<SecretString> {
        self.ahead.as_ref().map(|ahead| SecretString::from(ahead.value.as_str()))
    }

    /// Writes the write-ahead entry with a new id.
    pub(crate) fn set_intent(&mut self, id: &VersionId, value: &SecretString) {
        let value = Zeroizing::new(value.expose_secret().to_owned());
        self.ahead = Some(IntentEntry { version: id.clone(), value });
    }

    /// Deletes the write-ahead entry if `id` is still its id.
    pub(crate) fn clear_intent(&mut self, id: &VersionId) {
        self.ahead.take_if(|ahead| ahead.version == *id);
    }

    /// Moves the lease from `from` to `to`.
    ///
    /// # Errors
    /// [`ErrorKind::StoreConflict`] if the lease is on neither.
    pub(crate) fn move_lease(&mut self, from: Option<&VersionId>, to: &VersionId) -> Result<()> {
        if self.lease.as_ref() != from && self.lease.as_ref() != Some(to) {
            return Err(conflict("another rotation holds the lease".to_owned()));
        }
        self.lease = Some(to.clone());
        Ok(())
    }
}

fn conflict(message: String) -> RotationError {
    RotationError::new(ErrorKind::StoreConflict, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct TestVersion(VersionId, &'static str);

    impl IndexedVersion for TestVersion {
        fn id(&self) -> &VersionId {
            &self.0
        }

        fn value(&self) -> Option<&str> {
            Some(self.1)
        }
    }

    type Index = VersionIndex<TestVersion, TestVersion>;

    fn id(text: &str) -> VersionId {
        VersionId::from_store(text)
    }

    fn index(current: Option<&str>, pending: Option<&str>) -> Index {
        Index::new(current.map(version), pending.map(version), None)
    }

    fn version(text: &str) -> TestVersion {
        TestVersion(id(text), "value")
    }

    #[test]
    fn a_version_is_staged_once_and_another_pending_version_is_a_conflict() {
        use ErrorKind::StoreConflict;
        for (current, pending, value, expected) in [
            ("one", None, "value", Ok(None)),
            ("one", Some("two"), "value", Ok(Some(Staged::Stored))),
            ("one", Some("two"), "other", Ok(Some(Staged::HeldAnother))),
            ("two", None, "value", Ok(Some(Staged::Stored))),
            ("two", None, "other", Ok(Some(Staged::HeldAnother))),
            ("one", Some("one"), "value", Ok(None)),
            ("one", Some("three"), "value", Err(StoreConflict)),
        ] {
            let staged = index(Some(current), pending).already_staged(
                &id("two"),
                &value.into(),
                (&id(current), &"value".into()),
            );
            assert_eq!(staged.map_err(|error| error.kind()), expected, "{current} {pending:?} {value}");
        }
    }

    #[test]
    fn only_the_pending_version_is_promoted_and_only_over_the_current_value() {
        for (pending, over, expected) in [
            (Some("two"), "value", true),
            (Some("two"), "other", false),
            (Some("three"), "value", false),
            (None, "value", false),
        ] {
            let (index, over_value) = (index(Some("one"), pending), SecretString::from(over).into());
            let promotable = index.promotable(&id("two"), &over_value, &"value".into());
            assert_eq!(promotable.is_ok(), expected, "{pending:?} {over}");
            assert!(promotable.err().is_none_or(|error| error.kind() == ErrorKind::StoreConflict));
        }
    }

    #[test]
    fn the_lease_moves_by_compare_and_set() {
        let mut index = index(Some("one"), None);
        for (seen, to, expected) in
            [(None, "a", true), (None, "a", true), (None, "b", false), (Some("a"), "b", true), (Some("a"), "c", false)]
        {
            assert_eq!(index.move_lease(seen.map(id).as_ref(), &id(to)).is_ok(), expected, "{seen:?} {to}");
        }
    }

    #[test]
    fn only_the_entry_that_was_seen_is_cleared() {
        let mut index = index(Some("one"), None);
        index.set_intent(&id("one-ahead"), &"hush".into());
        let seen = index.describe("name", id("one")).holder(AHEAD).cloned().expect("an entry");
        index.set_intent(&id("two-ahead"), &"hush".into());
        index.clear_intent(&seen);
        assert!(index.intent().is_some(), "another entry is kept");
        let seen = index.describe("name", id("one")).holder(AHEAD).cloned().expect("an entry");
        index.clear_intent(&seen);
        assert!(index.intent().is_none());
    }

    #[test]
    fn promoting_moves_the_labels() {
        let mut index = index(Some("one"), Some("two"));
        index.set_intent(&id("ahead"), &"hush".into());
        index.move_lease(None, &id("one")).expect("no other lease");
        index.promote(version("two"), Some(id("one")));
        let described = index.describe("name", id("two"));
        let holders = [CURRENT, PREVIOUS, PENDING].map(|label| described.holder(label).map(VersionId::as_str));
        assert_eq!((described.name.as_str(), holders), ("name", [Some("two"), Some("one"), None]));
        assert!(
            described.holder(AHEAD).is_some() && described.holder(LEASE) == Some(&id("one")),
            "a promotion keeps the write-ahead entry and the lease"
        );
        index.promote(version("two"), Some(id("two")));
        assert_eq!(index.describe("name", id("two")).holder(PREVIOUS), None);
    }
}
