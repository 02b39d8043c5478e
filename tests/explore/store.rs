//! The model of a store: versions, labels, and the rules of each flavour.

use std::sync::Arc;

use genesys_rotator::rotation::{
    AHEAD, CURRENT, Description, ErrorKind, LEASE, LabelledVersion, PENDING, PREVIOUS, Result, RotationError, Staged,
    VersionId,
};

use crate::hash::{mix, of_text};
use crate::planted::Bug;
use crate::scene::{Flavour, Mode};
use crate::value::Value;

/// The labels, each as one bit of a version's set.
pub const LABELS: [&str; 6] = [CURRENT, PENDING, PREVIOUS, AHEAD, LEASE, "ROTATOR_CLAIM"];
pub const IS_CURRENT: u8 = 1;
pub const IS_PENDING: u8 = 2;
pub const IS_PREVIOUS: u8 = 4;
pub const IS_AHEAD: u8 = 8;
pub const IS_LEASE: u8 = 16;
/// On Secrets Manager, the version that is about to get one of the two labels before.
pub const IS_CLAIM: u8 = 32;

/// For how long after a write a read may be stale, in milliseconds.
const STALE_FOR: u64 = 1_000;

#[derive(Clone, Debug)]
pub struct Version {
    pub id: VersionId,
    /// The same in every schedule in which its actor makes the same calls, whatever the id.
    name: u64,
    pub value: Option<Arc<Value>>,
    pub labels: u8,
}

/// The store.
#[derive(Clone, Debug)]
pub struct Store {
    pub flavour: Flavour,
    pub mode: Mode,
    pub versions: Vec<Version>,
    pub rotation_enabled: Option<bool>,
    pub bug: Option<Bug>,
    named: [u64; 8],
    /// The write-ahead entries that were ever written.
    intents: Vec<VersionId>,
    /// What the versions were before the last write, and when it was.
    before: Option<(u64, Vec<Version>)>,
    /// A value that was written over another one.
    pub overwritten: bool,
}

impl Store {
    pub fn new(flavour: Flavour, mode: Mode, document: &str, bug: Option<Bug>) -> Self {
        let current = Version {
            id: VersionId::from_store("version-at-the-start-00000000000"),
            name: 1,
            value: Some(Arc::new(Value::parse(document, mode))),
            labels: IS_CURRENT,
        };
        Self {
            flavour,
            mode,
            versions: vec![current],
            rotation_enabled: None,
            bug,
            named: [0; 8],
            intents: Vec::new(),
            before: None,
            overwritten: false,
        }
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub fn holder(&self, label: u8) -> Option<&Version> {
        self.versions.iter().find(|version| version.labels & label != 0)
    }

    pub fn current(&self) -> &Version {
        self.holder(IS_CURRENT).expect("a current version")
    }

    pub fn current_value(&self) -> &Arc<Value> {
        self.current().value.as_ref().expect("the current version has a value")
    }

    fn version(&self, id: &VersionId) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == *id)
    }

    /// The versions that a stale read sees, if a write was just made.
    pub fn stale(&self, now: u64) -> Option<&[Version]> {
        let (at, versions) = self.before.as_ref()?;
        (self.flavour == Flavour::Aws && now <= at + STALE_FOR).then_some(versions.as_slice())
    }

    fn keep_for_stale_reads(&mut self, now: u64) {
        if self.flavour == Flavour::Aws {
            self.before = Some((now, self.versions.clone()));
        }
    }

    pub fn describe(&self, versions: &[Version]) -> Description {
        let labels = |version: &Version| {
            let held = LABELS.iter().enumerate().filter(|(bit, _)| version.labels & 1 << bit != 0);
            held.map(|(_, label)| (*label).to_owned()).collect()
        };
        let labelled = versions.iter().filter(|version| version.labels != 0);
        let versions =
            labelled.map(|version| LabelledVersion { id: version.id.clone(), labels: labels(version) }).collect();
        Description {
            name: "secret".to_owned(),
            rotation_enabled: self.rotation_enabled,
            versions,
            ..Description::default()
        }
    }

    pub fn name_of(&self, id: &VersionId) -> u64 {
        self.version(id).map_or_else(|| of_text(id.as_str()), |version| version.name)
    }

    fn entry(&mut self, id: &VersionId, maker: usize) -> usize {
        if let Some(index) = self.versions.iter().position(|version| version.id == *id) {
            return index;
        }
        self.named[maker] += 1;
        let name = mix(maker as u64 + 2, self.named[maker]);
        self.versions.push(Version { id: id.clone(), name, value: None, labels: 0 });
        self.versions.len() - 1
    }

    fn attach(&mut self, label: u8, index: usize) {
        let holder = self.versions.iter().position(|version| version.labels & label != 0);
        if holder == Some(index) {
            return;
        }
        self.versions.iter_mut().for_each(|version| version.labels &= !label);
        self.versions[index].labels |= label;
        if let (IS_CURRENT, Some(former)) = (label, holder) {
            self.versions.iter_mut().for_each(|version| version.labels &= !IS_PREVIOUS);
            self.versions[former].labels = self.versions[former].labels & !IS_PENDING | IS_PREVIOUS;
        }
    }

    /// Secrets Manager stages an empty version before createSecret; returns the version that the rotation works on.
    pub fn begin(&mut self, fresh: &VersionId, maker: usize) -> VersionId {
        if let Some(pending) = self.holder(IS_PENDING).filter(|version| version.labels & IS_CURRENT == 0) {
            return pending.id.clone();
        }
        let index = self.entry(fresh, maker);
        self.attach(IS_PENDING, index);
        fresh.clone()
    }

    pub fn stage(&mut self, id: &VersionId, value: Arc<Value>, maker: usize, now: u64) -> Result<Staged> {
        if self.has(Bug::StageStoresNothing) {
            return Ok(Staged::Stored);
        }
        let is_dropped = self.has(Bug::UnknownFieldsAreDropped);
        let value = if is_dropped { Arc::new(value.without("unknown", self.mode)) } else { value };
        let held = self
            .version(id)
            .filter(|held| self.flavour == Flavour::Aws || held.labels & (IS_CURRENT | IS_PENDING) != 0);
        if let Some(held) = held.and_then(|held| held.value.as_ref()) {
            let staged = if held.hash == value.hash { Staged::Stored } else { Staged::HeldAnother };
            if staged == Staged::Stored || !self.has(Bug::StageOverwrites) {
                return Ok(staged);
            }
            self.overwritten = true;
        }
        if self.flavour != Flavour::Aws {
            let other = self.holder(IS_PENDING).filter(|other| other.id != *id && other.labels & IS_CURRENT == 0);
            if other.is_some() && !self.has(Bug::StageTakesLabel) {
                return Err(conflict("another version is already staged"));
            }
        }
        self.keep_for_stale_reads(now);
        let index = self.entry(id, maker);
        self.attach(IS_PENDING, index);
        self.versions[index].value = Some(value);
        self.collect();
        Ok(Staged::Stored)
    }

    /// `over` is the value that the caller compared with, and its version.
    pub fn promote(&mut self, id: &VersionId, over: (Option<&VersionId>, &str), now: u64) -> Result<()> {
        let current = self.current();
        if (current.id == *id && self.flavour == Flavour::Aws) || self.has(Bug::PromoteDoesNothing) {
            return Ok(());
        }
        let is_expected = match self.flavour {
            Flavour::Aws => over.0 == Some(&current.id),
            _ => over.1 == self.current_value().text,
        };
        if !is_expected && !self.has(Bug::PromoteIgnoresCurrent) {
            return Err(conflict("the current version changed during the rotation"));
        }
        let index = self.versions.iter().position(|version| version.id == *id && version.value.is_some());
        let Some(index) = index else {
            return Err(RotationError::new(ErrorKind::SecretNotFound, "no such version"));
        };
        if self.flavour != Flavour::Aws && self.versions[index].labels & IS_PENDING == 0 {
            return Err(conflict("the version is no longer staged"));
        }
        self.keep_for_stale_reads(now);
        let former = self.current_value().clone();
        self.attach(IS_CURRENT, index);
        if self.flavour != Flavour::Aws {
            self.versions[index].labels &= !IS_PENDING;
        }
        if self.flavour == Flavour::Plugin {
            let value = self.versions[index].value.take().expect("a value");
            let is_same = value.kept == former.kept;
            self.versions[index].value =
                Some(if is_same { value } else { Arc::new(former.with_token_of(&value, self.mode)) });
        }
        self.collect();
        Ok(())
    }

    pub fn unstage(&mut self, id: &VersionId, now: u64) -> Result<()> {
        if self.has(Bug::UnstageDoesNothing) {
            return Ok(());
        }
        match self.versions.iter().position(|version| version.id == *id && version.labels & IS_PENDING != 0) {
            Some(index) => {
                self.keep_for_stale_reads(now);
                self.versions[index].labels &= !IS_PENDING;
                self.collect();
                Ok(())
            }
            None if self.flavour == Flavour::Aws => Err(conflict("the labels changed during the rotation")),
            None => Ok(()),
        }
    }

    /// Writes the write-ahead entry in place of another one. Writing it again changes nothing.
    pub fn write_intent(&mut self, id: &VersionId, value: Arc<Value>, maker: usize, now: u64) {
        if self.has(Bug::IntentIsNotStored) || self.intents.contains(id) {
            return;
        }
        self.intents.push(id.clone());
        self.keep_for_stale_reads(now);
        let index = self.entry(id, maker);
        self.attach(IS_AHEAD, index);
        self.versions[index].value = Some(value);
        self.collect();
    }

    /// Writes a version and gives it a label of its own: the first half of a compare-and-set on Secrets Manager.
    pub fn claim(&mut self, id: &VersionId, value: Arc<Value>, maker: usize, now: u64) {
        self.keep_for_stale_reads(now);
        let index = self.entry(id, maker);
        self.attach(IS_CLAIM, index);
        self.versions[index].value = Some(value);
    }

    /// Moves a label from the version `seen` to the version `id`.
    pub fn compare_and_set(
        &mut self,
        label: u8,
        seen: Option<&VersionId>,
        id: &VersionId,
        maker: usize,
        now: u64,
    ) -> Result<()> {
        let holder = self.holder(label).map(|version| &version.id);
        if self.has(Bug::LeaseIsGrantedTwice) {
            return Ok(());
        }
        if holder == Some(id) && (self.flavour != Flavour::Aws || seen.is_none_or(|seen| seen == id)) {
            return Ok(());
        }
        if holder != seen && !self.has(Bug::CompareAndSetIgnoresSeen) {
            return Err(conflict("the label is on another version"));
        }
        if self.flavour == Flavour::Aws && self.version(id).is_none() {
            return Err(RotationError::new(ErrorKind::SecretNotFound, "no such version"));
        }
        self.keep_for_stale_reads(now);
        let index = self.entry(id, maker);
        self.attach(label, index);
        self.collect();
        Ok(())
    }

    /// Gives a version its value: the write-ahead entry of a store without labels.
    pub fn fill(&mut self, id: &VersionId, value: Arc<Value>) {
        self.versions
            .iter_mut()
            .filter(|version| version.id == *id)
            .for_each(|version| version.value = Some(value.clone()));
    }

    pub fn clear_intent(&mut self, id: &VersionId, now: u64) -> Result<()> {
        if self.has(Bug::ClearDoesNothing) {
            return Ok(());
        }
        let is_holder = |version: &Version| version.labels & IS_AHEAD != 0;
        let held = self.versions.iter().position(|version| is_holder(version) && version.id == *id);
        let any = self.versions.iter().position(is_holder).filter(|_| self.has(Bug::ClearIgnoresHolder));
        match held.or(any) {
            Some(index) => {
                self.keep_for_stale_reads(now);
                self.versions[index].labels &= !IS_AHEAD;
                self.collect();
                Ok(())
            }
            None if self.flavour == Flavour::Aws => Err(conflict("the labels changed during the rotation")),
            None => Ok(()),
        }
    }

    /// An operator replaces the current value.
    pub fn edit(&mut self, value: Value, maker: usize, now: u64) {
        self.keep_for_stale_reads(now);
        if self.flavour == Flavour::Plugin {
            let index =
                self.versions.iter().position(|version| version.labels & IS_CURRENT != 0).expect("a current version");
            self.versions[index].value = Some(Arc::new(value));
            return;
        }
        let id = VersionId::from_store(format!("edited-{maker}-{}-0000000000000000000000", self.named[maker]));
        let previous = self.holder(IS_PREVIOUS).map(|version| version.name);
        let index = self.entry(&id, maker);
        self.attach(IS_CURRENT, index);
        self.versions[index].value = Some(Arc::new(value));
        if self.flavour != Flavour::Aws {
            // The edited document has no version of its own, and the previous label stays.
            self.versions.iter_mut().for_each(|version| version.labels &= !IS_PREVIOUS);
            self.versions
                .iter_mut()
                .filter(|version| Some(version.name) == previous)
                .for_each(|version| version.labels |= IS_PREVIOUS);
            self.collect();
        }
    }

    /// Drops what a store without labels does not keep.
    fn collect(&mut self) {
        if self.flavour != Flavour::Aws {
            self.versions.retain(|version| version.labels != 0);
            self.versions
                .iter_mut()
                .filter(|version| version.labels == IS_PREVIOUS)
                .for_each(|version| version.value = None);
        }
    }

    pub fn hash(&self, now: u64) -> u64 {
        let of = |versions: &[Version]| {
            versions.iter().fold(0, |hash, version| {
                let value = version.value.as_ref().map_or(0, |value| value.hash);
                hash ^ mix(mix(version.name, value), u64::from(version.labels))
            })
        };
        let stale = self.stale(now).map_or(0, of);
        let flags = self.rotation_enabled.map_or(2, u64::from);
        let hash = self.named.iter().fold(mix(of(&self.versions), stale), |hash, named| mix(hash, *named));
        mix(hash, flags)
    }
}

fn conflict(message: &str) -> RotationError {
    RotationError::new(ErrorKind::StoreConflict, message)
}
