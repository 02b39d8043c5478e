//! Where the contract is run: a store, a rotator on it, and a way to put a secret there.

use std::time::Duration;

use genesys_rotator::rotation::{CURRENT, PREVIOUS, Result, RotationReport};
use genesys_rotator::rotation::{
    Deadline, ErrorKind, PENDING, RetryPolicy, RotationStore, Rotator, SecretId, SecretStore, Staged, StagedBy, Step,
    StepReport, StepRequest, SystemClock, VersionId, VersionSelector, WriteAhead,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::issuer::StubIssuer;

/// A document as an operator stores it first.
pub const DOCUMENT: &str = r#"{"region":"mypurecloud.ie","client_id":"client","client_secret":"hush"}"#;

/// A rotator on the store under test.
pub type Under<S> = Rotator<S, StubIssuer, SystemClock>;

/// A store of one kind, empty at first.
pub trait Place {
    /// The kind.
    type Store: RotationStore;

    /// The rotator, which owns the store.
    fn rotator(&self) -> &Under<Self::Store>;

    /// Makes a secret that nobody has rotated yet.
    async fn create(&self, value: &str) -> SecretId;

    /// An id that no secret has.
    fn unknown(&self) -> SecretId;

    /// Every value that the store still holds, with a label or without.
    async fn every_value(&self, secret: &SecretId) -> Vec<String>;

    /// The store.
    fn store(&self) -> &Self::Store {
        &self.rotator().store
    }
}

/// A rotator that waits so little between its tries that no test has to.
pub fn rotator<S: RotationStore>(store: S) -> Under<S> {
    let wait = Duration::from_millis(2);
    let retries = RetryPolicy { first_wait: wait, longest_wait: wait, settling_retries: 20, ..RetryPolicy::default() };
    Rotator::new(store, StubIssuer::default(), SystemClock).with_retries(retries)
}

/// Longer than anything takes.
pub fn plenty() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// A secret of the store, with what is usually done to it.
pub struct Secret<'a, P: Place> {
    pub place: &'a P,
    pub id: SecretId,
}

impl<'a, P: Place> Secret<'a, P> {
    pub async fn holding(place: &'a P, value: &str) -> Self {
        Self { place, id: place.create(value).await }
    }

    pub async fn stage(&self, version: &VersionId, value: &str) -> Result<Staged> {
        self.place.store().stage(&self.id, version, &SecretString::from(value), None).await
    }

    pub async fn promote(&self, version: &VersionId, holder: &VersionId) -> Result<()> {
        self.place.store().promote(&self.id, version, Some(holder)).await
    }

    pub async fn unstage(&self, version: &VersionId) -> Result<()> {
        self.place.store().unstage(&self.id, version).await
    }

    pub async fn write_ahead(&self, value: &str) -> Result<()> {
        self.place.store().write_intent(&self.id, &SecretString::from(value), None).await
    }

    /// What was written down ahead of a change.
    pub async fn ahead(&self) -> Option<String> {
        let value = self.place.store().read_intent(&self.id).await.expect("it can be read");
        value.map(|value| value.expose_secret().to_owned())
    }

    pub async fn current(&self) -> String {
        self.read(VersionSelector::Current).await.expect("a current value")
    }

    pub async fn pending(&self, version: &VersionId) -> Option<String> {
        self.read(VersionSelector::Pending(version)).await
    }

    async fn read(&self, selector: VersionSelector<'_>) -> Option<String> {
        let value = self.place.store().read(&self.id, selector).await.expect("it can be read");
        value.map(|value| value.text.expose_secret().to_owned())
    }

    pub async fn holder(&self, label: &str) -> Option<VersionId> {
        let described = self.place.store().describe(&self.id).await.expect("it can be described");
        described.holder(label).cloned()
    }

    /// The version that readers read.
    pub async fn current_id(&self) -> VersionId {
        self.holder(CURRENT).await.expect("a current version")
    }

    /// Which versions bear AWSCURRENT, AWSPREVIOUS and AWSPENDING.
    pub async fn labels(&self) -> [Option<VersionId>; 3] {
        [self.holder(CURRENT).await, self.holder(PREVIOUS).await, self.holder(PENDING).await]
    }

    /// A whole rotation.
    pub async fn rotate(&self) -> RotationReport {
        self.place.rotator().rotate(&self.id, VersionId::random(), plenty(), |_| {}).await
    }

    /// One step of a rotation that runs in this process.
    pub async fn step(&self, step: Step, version: &VersionId) -> Result<StepReport> {
        let request = StepRequest {
            secret: self.id.clone(),
            version: version.clone(),
            rotation_token: None,
            staged_by: StagedBy::Rotator,
        };
        self.place.rotator().step(step, &request, plenty()).await
    }

    /// The token that readers get.
    pub async fn current_token(&self) -> String {
        token_in(&self.current().await).expect("a token")
    }
}

/// The access token in a document.
pub fn token_in(value: &str) -> Option<String> {
    let document: Value = serde_json::from_str(value).ok()?;
    document["access_token"].as_str().map(str::to_owned)
}

/// What kind of failure it was.
pub fn kind_of<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}
