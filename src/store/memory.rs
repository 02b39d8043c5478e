//! Secrets in this process alone, for demonstrations and tests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::rotation::{
    AHEAD, CURRENT, Description, ErrorKind, LabelledVersion, PENDING, PREVIOUS, Result, RotationError, SecretId,
    SecretStore, Staged, StoredValue, VersionId, VersionSelector, WriteAhead,
};
use crate::secret::{SecretString, same};

/// Keeps any number of secrets for as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    secrets: Mutex<HashMap<SecretId, Vec<Version>>>,
}

#[derive(Debug)]
struct Version {
    id: VersionId,
    labels: Vec<&'static str>,
    value: Option<SecretString>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a secret with a current value, in place of one of the same name.
    pub fn create(&self, secret: SecretId, value: SecretString) {
        let version = Version { id: VersionId::random(), labels: vec![CURRENT], value: Some(value) };
        self.lock().insert(secret, vec![version]);
    }

    /// Stages a version without a value, as a secrets service does before it calls for the first step.
    ///
    /// # Errors
    /// [`ErrorKind::SecretNotFound`].
    pub fn stage_empty(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        let mut secrets = self.lock();
        let versions = versions_of(&mut secrets, secret)?;
        versions.push(Version { id: version.clone(), labels: vec![PENDING], value: None });
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretId, Vec<Version>>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretStore for MemoryStore {
    async fn describe(&self, secret: &SecretId) -> Result<Description> {
        let mut secrets = self.lock();
        let versions = versions_of(&mut secrets, secret)?.iter().filter(|version| !version.labels.is_empty());
        let labelled = versions.map(|version| LabelledVersion {
            id: version.id.clone(),
            labels: version.labels.iter().map(|label| (*label).to_owned()).collect(),
        });
        Ok(Description { name: secret.as_str().to_owned(), versions: labelled.collect(), ..Description::default() })
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        let mut secrets = self.lock();
        let Ok(versions) = versions_of(&mut secrets, secret) else { return Ok(None) };
        let found = versions.iter().find(|version| match selector {
            VersionSelector::Current => version.labels.contains(&CURRENT),
            VersionSelector::Pending(id) => version.id == *id && version.labels.contains(&PENDING),
            VersionSelector::Previous => version.labels.contains(&PREVIOUS),
        });
        Ok(found.and_then(|version| version.value.clone()).map(StoredValue::from))
    }

    async fn stage(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &SecretString,
        _rotation_token: Option<&SecretString>,
    ) -> Result<Staged> {
        let mut secrets = self.lock();
        let versions = versions_of(&mut secrets, secret)?;
        if let Some(found) = versions.iter_mut().find(|found| found.id == *version) {
            return match &found.value {
                Some(held) if same(held, value) => Ok(Staged::Stored),
                Some(_) => Ok(Staged::HeldAnother),
                None => {
                    found.value = Some(value.clone());
                    Ok(Staged::Stored)
                }
            };
        }
        let in_the_way = |held: &Version| held.labels.contains(&PENDING) && !held.labels.contains(&CURRENT);
        if let Some(holder) = versions.iter().find(|held| in_the_way(held)) {
            return Err(conflict(format!("the version {} is staged already", holder.id)));
        }
        take_label(versions, PENDING);
        versions.push(Version { id: version.clone(), labels: vec![PENDING], value: Some(value.clone()) });
        Ok(Staged::Stored)
    }

    async fn promote(&self, secret: &SecretId, version: &VersionId, holder: Option<&VersionId>) -> Result<()> {
        let mut secrets = self.lock();
        let versions = versions_of(&mut secrets, secret)?;
        let current = versions.iter().find(|held| held.labels.contains(&CURRENT)).map(|held| held.id.clone());
        if current.as_ref() != holder || !versions.iter().any(|held| held.id == *version) {
            return Err(conflict("another version is current by now".to_owned()));
        }
        if current.as_ref() == Some(version) {
            return Ok(());
        }
        for label in [CURRENT, PREVIOUS, PENDING] {
            take_label(versions, label);
        }
        for held in versions.iter_mut() {
            if Some(&held.id) == current.as_ref() {
                held.labels.push(PREVIOUS);
            } else if held.id == *version {
                held.labels.push(CURRENT);
            }
        }
        versions.retain(|held| !held.labels.is_empty());
        Ok(())
    }

    async fn unstage(&self, secret: &SecretId, version: &VersionId) -> Result<()> {
        let mut secrets = self.lock();
        let versions = versions_of(&mut secrets, secret)?;
        for held in versions.iter_mut().filter(|held| held.id == *version) {
            held.labels.retain(|label| *label != PENDING);
        }
        versions.retain(|held| !held.labels.is_empty());
        Ok(())
    }
}

impl WriteAhead for MemoryStore {
    async fn write_intent(&self, secret: &SecretId, value: &SecretString, _: Option<&SecretString>) -> Result<()> {
        let mut secrets = self.lock();
        let versions = versions_of(&mut secrets, secret)?;
        versions.retain(|held| !held.labels.contains(&AHEAD));
        versions.push(Version { id: VersionId::random(), labels: vec![AHEAD], value: Some(value.clone()) });
        Ok(())
    }

    async fn read_intent(&self, secret: &SecretId) -> Result<Option<SecretString>> {
        let mut secrets = self.lock();
        let found = versions_of(&mut secrets, secret)?.iter().find(|held| held.labels.contains(&AHEAD));
        Ok(found.and_then(|held| held.value.clone()))
    }

    async fn clear_intent(&self, secret: &SecretId, _: &VersionId) -> Result<()> {
        versions_of(&mut self.lock(), secret)?.retain(|held| !held.labels.contains(&AHEAD));
        Ok(())
    }
}

fn versions_of<'a>(
    secrets: &'a mut HashMap<SecretId, Vec<Version>>,
    secret: &SecretId,
) -> Result<&'a mut Vec<Version>> {
    let missing = || RotationError::new(ErrorKind::SecretNotFound, format!("there is no secret {secret}"));
    secrets.get_mut(secret).ok_or_else(missing)
}

fn take_label(versions: &mut [Version], label: &str) {
    for version in versions {
        version.labels.retain(|have| *have != label);
    }
}

fn conflict(message: String) -> RotationError {
    RotationError::new(ErrorKind::StoreConflict, message)
}
