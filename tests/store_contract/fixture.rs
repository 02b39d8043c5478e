//! The fixture of the contract: a store, a rotator on it, and a way to create secrets.

use std::time::Duration;

use genesys_rotator::rotation::{CURRENT, PREVIOUS, Result, RotationReport};
use genesys_rotator::rotation::{
    Deadline, ErrorKind, PENDING, RetryPolicy, RotationStore, Rotator, SecretId, SecretStore, Staged, StagedBy, Step,
    StepReport, StepRequest, StoredValue, SystemClock, VersionId, VersionSelector, WriteAhead,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::issuer::StubIssuer;

/// A document before its first rotation.
pub const DOCUMENT: &str = r#"{"region":"mypurecloud.ie","client_id":"client","client_secret":"hush"}"#;

/// A rotator on the store under test.
pub type StoreRotator<S> = Rotator<S, StubIssuer, SystemClock>;

/// A store of one kind, empty at first.
pub trait Fixture {
    /// The store's type.
    type Store: RotationStore;

    /// The rotator, which owns the store.
    fn rotator(&self) -> &StoreRotator<Self::Store>;

    /// Creates a secret that was never rotated.
    async fn create(&self, value: &str) -> SecretId;

    /// The id of a secret that does not exist.
    fn unknown(&self) -> SecretId;

    /// Every value that the store still has, with or without a label.
    async fn every_value(&self, secret: &SecretId) -> Vec<String>;

    /// The store.
    fn store(&self) -> &Self::Store {
        &self.rotator().store
    }
}

/// A rotator with retries that wait 2 ms.
pub fn rotator<S: RotationStore>(store: S) -> StoreRotator<S> {
    let wait = Duration::from_millis(2);
    let retries = RetryPolicy { first_wait: wait, longest_wait: wait, settling_retries: 20, ..RetryPolicy::default() };
    Rotator::new(store, StubIssuer::default(), SystemClock).with_retries(retries)
}

/// A deadline that no test reaches.
pub fn plenty() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// A secret of the store, with shorthands for its operations.
pub struct Secret<'a, P: Fixture> {
    pub fixture: &'a P,
    pub id: SecretId,
}

impl<'a, P: Fixture> Secret<'a, P> {
    pub async fn holding(fixture: &'a P, value: &str) -> Self {
        Self { fixture, id: fixture.create(value).await }
    }

    pub async fn stage(&self, version: &VersionId, value: &str) -> Result<Staged> {
        self.fixture.store().stage(&self.id, version, &SecretString::from(value), None).await
    }

    /// Promotes a version over the value that was current before.
    pub async fn promote(&self, version: &VersionId, over: &StoredValue) -> Result<()> {
        self.fixture.store().promote(&self.id, version, over).await
    }

    /// The current value with its version.
    pub async fn current_value(&self) -> StoredValue {
        let value = self.fixture.store().read(&self.id, VersionSelector::Current).await.expect("a readable secret");
        value.expect("a current value")
    }

    pub async fn unstage(&self, version: &VersionId) -> Result<()> {
        self.fixture.store().unstage(&self.id, version).await
    }

    pub async fn write_intent(&self, value: &str) -> Result<()> {
        self.fixture.store().write_intent(&self.id, &VersionId::random(), &SecretString::from(value), None).await
    }

    /// What was stored in the write-ahead entry.
    pub async fn intent(&self) -> Option<String> {
        let value = self.fixture.store().read_intent(&self.id).await.expect("a readable secret");
        value.map(|value| value.expose_secret().to_owned())
    }

    pub async fn current(&self) -> String {
        self.read(VersionSelector::Current).await.expect("a current value")
    }

    pub async fn pending(&self, version: &VersionId) -> Option<String> {
        self.read(VersionSelector::Pending(version)).await
    }

    async fn read(&self, selector: VersionSelector<'_>) -> Option<String> {
        let value = self.fixture.store().read(&self.id, selector).await.expect("a readable secret");
        value.map(|value| value.text.expose_secret().to_owned())
    }

    pub async fn holder(&self, label: &str) -> Option<VersionId> {
        let described = self.fixture.store().describe(&self.id).await.expect("a description");
        described.holder(label).cloned()
    }

    /// The current version.
    pub async fn current_id(&self) -> VersionId {
        self.holder(CURRENT).await.expect("a current version")
    }

    /// The versions with AWSCURRENT, AWSPREVIOUS and AWSPENDING.
    pub async fn labels(&self) -> [Option<VersionId>; 3] {
        [self.holder(CURRENT).await, self.holder(PREVIOUS).await, self.holder(PENDING).await]
    }

    /// Runs a rotation.
    pub async fn rotate(&self) -> RotationReport {
        self.fixture.rotator().rotate(&self.id, VersionId::random(), plenty(), |_| {}).await
    }

    /// Runs one step of a rotation that this process staged.
    pub async fn step(&self, step: Step, version: &VersionId) -> Result<StepReport> {
        let request = StepRequest {
            secret: self.id.clone(),
            version: version.clone(),
            rotation_token: None,
            staged_by: StagedBy::Rotator,
        };
        self.fixture.rotator().step(step, &request, plenty()).await
    }

    /// The token of the current version.
    pub async fn current_token(&self) -> String {
        token_in(&self.current().await).expect("a token")
    }
}

/// The access token in a document.
pub fn token_in(value: &str) -> Option<String> {
    let document: Value = serde_json::from_str(value).ok()?;
    document["access_token"].as_str().map(str::to_owned)
}

/// The kind of the error.
pub fn kind_of<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}
