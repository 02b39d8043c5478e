//! The status of one secret.

use std::time::Duration;

use jiff::Timestamp;

use crate::rotation::{
    CURRENT, Deadline, Description, Document, ErrorKind, LabelledVersion, PENDING, RetryPolicy, RotationError,
    SecretId, SecretStore, VersionId, VersionSelector,
};
use crate::secret::SecretString;

/// The status of one secret.
pub(super) struct Status {
    pub(super) typed: String,
    pub(super) described: Option<Description>,
    pub(super) token: TokenStatus,
    /// When a rotation began that is not promoted, where the store tells.
    pub(super) pending_since: Option<Timestamp>,
    pub(super) error: Option<RotationError>,
}

/// The status of the current token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenStatus {
    Stored {
        issued_at: Option<Timestamp>,
        expires_at: Option<Timestamp>,
    },
    Missing,
    /// The value may hold a token, but is no document.
    Unreadable,
    /// Only the metadata can be read.
    NotPermitted,
    Unknown,
}

impl Status {
    pub(super) async fn of(typed: String, store: &impl SecretStore, id: &SecretId, timeout: Duration) -> Self {
        let (retries, deadline) = (RetryPolicy::default(), Deadline::after(timeout));
        let described = match retries.run("describe the secret", deadline, || store.describe(id)).await {
            Ok(described) => described,
            Err(error) => return Self::unknown(typed, error),
        };
        let read = || store.read(id, VersionSelector::Current);
        let value = retries.run("read the secret", deadline, read).await;
        let text = value.map(|value| value.map(|stored| stored.text));
        let may_hold_token = text.as_ref().is_ok_and(|text| text.as_ref().is_some_and(Document::may_hold_token));
        let (token, error) = match text.and_then(|text| TokenStatus::of(&described, text.as_ref())) {
            Ok(token) => (token, None),
            Err(error) if error.kind() == ErrorKind::StoreDenied => (TokenStatus::NotPermitted, None),
            Err(error) if may_hold_token => (TokenStatus::Unreadable, Some(error)),
            Err(error) => (TokenStatus::Unknown, Some(error)),
        };
        Self { typed, described: Some(described), token, pending_since: None, error }
    }

    pub(super) fn unknown(typed: String, error: RotationError) -> Self {
        Self { typed, described: None, token: TokenStatus::Unknown, pending_since: None, error: Some(error) }
    }

    /// Whether the secret holds a token, or may hold one.
    pub(super) fn may_hold_token(&self) -> bool {
        match (self.token, &self.error) {
            (TokenStatus::Stored { .. } | TokenStatus::Unreadable, _) => true,
            (TokenStatus::Missing, _) => false,
            (TokenStatus::NotPermitted, _) | (_, None) => true,
            (_, Some(error)) => !matches!(error.kind(), ErrorKind::DocumentInvalid | ErrorKind::NoCurrentVersion),
        }
    }

    /// The version of a rotation that is not promoted.
    pub(super) fn pending(&self) -> Option<&VersionId> {
        let described = self.described.as_ref()?;
        described.holder(PENDING).filter(|pending| described.holder(CURRENT) != Some(pending))
    }

    /// The labelled versions, the current one first.
    pub(super) fn versions(&self) -> Vec<&LabelledVersion> {
        let mut versions: Vec<_> = self.described.iter().flat_map(|described| &described.versions).collect();
        versions.sort_by_key(|version| !version.labels.iter().any(|label| label == CURRENT));
        versions
    }
}

impl TokenStatus {
    fn of(described: &Description, value: Option<&SecretString>) -> Result<Self, RotationError> {
        let Some(value) = value else {
            let message = format!("the secret {} has no {CURRENT} value", described.name);
            return Err(RotationError::new(ErrorKind::NoCurrentVersion, message));
        };
        let document = Document::parse(value)?;
        Ok(match document.access_token()? {
            Some(_) => Self::Stored { issued_at: document.issued_at(), expires_at: document.expires_at() },
            None => Self::Missing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::{Result as Rotated, Staged, StoredValue};
    use crate::store::memory::MemoryStore;

    const TIMEOUT: Duration = Duration::from_secs(30);

    async fn status_of(value: &str) -> Status {
        let (store, id) = (MemoryStore::new(), SecretId::new("token"));
        store.create(id.clone(), SecretString::from(value));
        Status::of("token".to_owned(), &store, &id, TIMEOUT).await
    }

    #[tokio::test]
    async fn a_stored_token_shows_its_timestamps() {
        let value = r#"{"access_token":"t","issued_at":"2026-01-02T03:04:05Z","expires_at":"2026-01-03T03:04:04Z"}"#;
        let status = status_of(value).await;
        let moment = |text: &str| Some(text.parse().expect("a valid timestamp"));
        let (issued_at, expires_at) = (moment("2026-01-02T03:04:05Z"), moment("2026-01-03T03:04:04Z"));
        assert_eq!(status.token, TokenStatus::Stored { issued_at, expires_at });
        assert!(status.error.is_none());
    }

    #[tokio::test]
    async fn credentials_without_a_token_are_not_an_error() {
        let status = status_of(r#"{"client_id":"c","client_secret":"s"}"#).await;
        assert_eq!(status.token, TokenStatus::Missing);
        assert!(status.error.is_none());
    }

    #[tokio::test]
    async fn an_unreadable_secret_is_an_error() {
        let status = status_of("not JSON").await;
        assert_eq!(status.error.map(|error| error.kind()), Some(ErrorKind::DocumentInvalid));
        let nothing = Status::of("none".to_owned(), &MemoryStore::new(), &SecretId::new("none"), TIMEOUT).await;
        assert_eq!(nothing.error.map(|error| error.kind()), Some(ErrorKind::SecretNotFound));
    }

    /// A store that denies reading values.
    struct MetadataOnly(MemoryStore);

    impl SecretStore for MetadataOnly {
        async fn describe(&self, secret: &SecretId) -> Rotated<Description> {
            self.0.describe(secret).await
        }

        async fn read(&self, _: &SecretId, _: VersionSelector<'_>) -> Rotated<Option<StoredValue>> {
            Err(RotationError::new(ErrorKind::StoreDenied, "denied"))
        }

        async fn stage(
            &self,
            _: &SecretId,
            _: &VersionId,
            _: &SecretString,
            _: Option<&SecretString>,
        ) -> Rotated<Staged> {
            unreachable!("status stores nothing")
        }

        async fn promote(&self, _: &SecretId, _: &VersionId, _: &StoredValue) -> Rotated<()> {
            unreachable!("status promotes nothing")
        }

        async fn unstage(&self, _: &SecretId, _: &VersionId) -> Rotated<()> {
            unreachable!("status unstages nothing")
        }
    }

    #[tokio::test]
    async fn without_read_permission_the_metadata_is_shown() {
        let (store, id) = (MemoryStore::new(), SecretId::new("token"));
        store.create(id.clone(), SecretString::from("{}"));
        let status = Status::of("token".to_owned(), &MetadataOnly(store), &id, TIMEOUT).await;
        assert_eq!((status.token, status.error.is_none()), (TokenStatus::NotPermitted, true));
        assert_eq!(status.versions().len(), 1);
    }
}
