//! The store in memory.

use genesys_rotator::rotation::{SecretId, SecretStore, VersionSelector};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use genesys_rotator::store::memory::MemoryStore;
use uuid::Uuid;

use crate::contract::{tests, with_every_intent_row, with_every_row};
use crate::fixture::{Fixture, StoreRotator, rotator};

struct Memory(StoreRotator<MemoryStore>);

impl Fixture for Memory {
    type Store = MemoryStore;

    fn rotator(&self) -> &StoreRotator<MemoryStore> {
        &self.0
    }

    async fn create(&self, value: &str) -> SecretId {
        let secret = SecretId::new(Uuid::new_v4().to_string());
        self.store().create(secret.clone(), SecretString::from(value));
        secret
    }

    fn unknown(&self) -> SecretId {
        SecretId::new("no/such/secret")
    }

    async fn every_value(&self, secret: &SecretId) -> Vec<String> {
        let current = self.store().read(secret, VersionSelector::Current).await.expect("a readable secret");
        current.into_iter().map(|value| value.text.expose_secret().to_owned()).collect()
    }
}

async fn memory() -> Memory {
    Memory(rotator(MemoryStore::new()))
}

with_every_row!(tests memory);
with_every_intent_row!(tests memory);
