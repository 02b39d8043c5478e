//! Revocation of the tokens that readers had before a rotation.

use jiff::Timestamp;

use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::document::fields::Document;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::SecretId;
use crate::secret::{SecretString, same};

/// The current document at the time of the read, and the previous one if the store keeps it.
#[derive(Clone, Debug)]
pub struct PreviousTokens {
    current: Document,
    /// The error of a value that may hold a token, but is no document.
    previous: Result<Option<Document>>,
}

/// The result of revoking previous tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// They are revoked.
    Revoked,
    /// There were none.
    NothingToRevoke,
    /// The platform offers no revocation; the time is the latest known expiry.
    NotOffered(Option<Timestamp>),
}

impl PreviousTokens {
    /// Whether a rotation wrote the current document.
    pub fn is_rotated(&self) -> bool {
        self.current.is_rotated()
    }

    /// Whether the current document is complete but for its token, and holds no credentials for other documents.
    pub fn await_first_rotation(&self, is_domain: impl Fn(&str) -> bool) -> bool {
        !self.holds_token() && self.current.awaits_first_rotation(is_domain)
    }

    /// When the current token expires.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.current.expires_at()
    }

    /// When the current token was issued.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.current.issued_at()
    }

    /// Whether the current or the previous document holds a token, or may hold one.
    pub fn holds_token(&self) -> bool {
        let holds = |document: &Document| !matches!(document.access_token(), Ok(None));
        holds(&self.current) || self.previous.as_ref().map_or(true, |previous| previous.iter().any(holds))
    }
}

/// Tokens that earlier rotations issued, that no known document holds, and that may be valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderTokens {
    /// The start of the time in which they were issued.
    pub since: Timestamp,
    /// When the last of them expires, if they live as long as the known ones.
    pub until: Timestamp,
    /// The ids of the OAuth clients that they were issued to, as far as the documents tell.
    pub clients: Vec<String>,
    /// Whether the previous document is known.
    pub is_previous_known: bool,
}

impl PreviousTokens {
    /// Returns the tokens of the rotations before the known documents; `None` if they have expired, or if no
    /// rotation wrote the oldest known document.
    pub fn older(&self, now: Timestamp) -> Option<OlderTokens> {
        let previous = self.previous.as_ref().ok()?.as_ref();
        let oldest = previous.unwrap_or(&self.current);
        let is_of_genesys_cloud =
            oldest.platform().is_ok_and(|name| PlatformName::parse(&name).ok() == Some(PlatformName::GenesysCloud));
        if !oldest.is_rotated() || !is_of_genesys_cloud {
            return None;
        }
        let (issued_at, until) = (oldest.issued_at()?, oldest.expires_at()?);
        let since = now.checked_sub(until.duration_since(issued_at)).ok()?;
        let clients = match oldest.client_ids() {
            Some(listed) => listed.into_iter().flatten().collect(),
            None => oldest.client_id().ok().flatten().into_iter().collect(),
        };
        (until > now).then_some(OlderTokens { since, until, clients, is_previous_known: previous.is_some() })
    }
}

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// Reads the current and the previous document, before a rotation replaces them. Returns `None` for a value that is no
    /// document and holds no token.
    ///
    /// # Errors
    /// The secret cannot be read; `DocumentInvalid` if it may hold a token, but no document.
    pub async fn previous_tokens(&self, secret: &SecretId, deadline: Deadline) -> Result<Option<PreviousTokens>> {
        let read = |what, selector| async move {
            match self.read(what, secret, selector, deadline).await {
                // The value is not text.
                Err(error) if error.kind() == ErrorKind::DocumentInvalid => Ok(None),
                read => read,
            }
        };
        let current = read("read the secret", VersionSelector::Current);
        let (current, previous) =
            tokio::try_join!(current, read("read the previous version", VersionSelector::Previous))?;
        let Some(current) = document_of(current)? else { return Ok(None) };
        Ok(Some(PreviousTokens { current, previous: document_of(previous) }))
    }

    /// Revokes the tokens that readers had before another version was promoted, after checking that readers get
    /// another token. An expired or revoked token counts as revoked.
    ///
    /// # Errors
    /// `StoreConflict` if readers still get the previous token; the revocation failed.
    pub async fn revoke_replaced(
        &self,
        secret: &SecretId,
        previous: &PreviousTokens,
        deadline: Deadline,
    ) -> Result<Revocation> {
        let current = previous.current.access_token()?;
        let check = || self.check_replaced(secret, current.as_ref());
        let kept = self.retries.run("check that readers get the new token", deadline, check).await?;
        let before = previous.previous.clone()?;
        self.revoke_all(std::iter::once(&previous.current).chain(&before), kept.as_ref(), deadline).await
    }

    /// Revokes the token of the previous version. The current one stays valid.
    ///
    /// # Errors
    /// The revocation failed.
    pub async fn revoke_previous(&self, previous: &PreviousTokens, deadline: Deadline) -> Result<Revocation> {
        let kept = previous.current.access_token()?;
        self.revoke_all(previous.previous.clone()?.iter(), kept.as_ref(), deadline).await
    }

    /// Returns the current token, which must differ from the previous one.
    async fn check_replaced(&self, secret: &SecretId, previous: Option<&SecretString>) -> Result<Option<SecretString>> {
        let current = match self.store.read(secret, VersionSelector::Current).await? {
            Some(stored) => Document::parse(&stored.text)?.access_token()?,
            None => None,
        };
        match (&current, previous) {
            (Some(current), Some(previous)) if same(current, previous) => {
                let message = format!("readers of the secret {secret} still get the previous token");
                Err(RotationError::new(ErrorKind::StoreConflict, message)
                    .with_hint("rotate again: the token that readers get is not revoked"))
            }
            _ => Ok(current),
        }
    }

    async fn revoke_all(
        &self,
        documents: impl Iterator<Item = &Document>,
        kept: Option<&SecretString>,
        deadline: Deadline,
    ) -> Result<Revocation> {
        let mut revocation = Revocation::NothingToRevoke;
        for document in documents {
            let Some(token) = document.access_token()? else { continue };
            if kept.is_some_and(|kept| same(kept, &token)) {
                continue;
            }
            let place = self.place_of_document(document, deadline).await?;
            if place.platform() == PlatformName::Cxone {
                revocation = revocation.or_until(document.expires_at(), self.clock.now());
                continue;
            }
            self.tokens().revoke(&place, &token, deadline).await?;
            revocation = Revocation::Revoked;
        }
        Ok(revocation)
    }
}

/// The document in a value; `None` for a value without a token that is no document.
fn document_of(value: Option<SecretString>) -> Result<Option<Document>> {
    let Some(value) = value else { return Ok(None) };
    match Document::parse(&value) {
        Ok(document) => Ok(Some(document)),
        Err(error) if Document::may_hold_token(&value) => Err(error),
        Err(_) => Ok(None),
    }
}

impl Revocation {
    /// Adds a token that stays valid until `expires_at`, unless it has expired.
    fn or_until(self, expires_at: Option<Timestamp>, now: Timestamp) -> Self {
        match (self, expires_at) {
            (this, Some(end)) if end <= now => this,
            (Self::NotOffered(latest), end) => Self::NotOffered(latest.max(end)),
            (_, end) => Self::NotOffered(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_known_expiry_of_tokens_that_cannot_be_revoked_is_reported() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let add = |revocation: Revocation, end: Option<i64>| revocation.or_until(end.map(at), at(10));
        for expired in [9, 10] {
            assert_eq!(add(Revocation::NothingToRevoke, Some(expired)), Revocation::NothingToRevoke);
        }
        assert_eq!(add(Revocation::NothingToRevoke, Some(11)), Revocation::NotOffered(Some(at(11))));
        assert_eq!(add(Revocation::Revoked, None), Revocation::NotOffered(None));
        let first = Revocation::NotOffered(Some(at(12)));
        assert_eq!(add(first, Some(11)), first);
        assert_eq!(add(first, Some(13)), Revocation::NotOffered(Some(at(13))));
    }

    #[test]
    fn older_tokens_expire_before_the_oldest_known_one_and_are_of_its_clients() {
        let (issued, now) = ("2026-01-02T00:00:00Z", "2026-01-02T20:00:00Z".parse().expect("a time"));
        let document = |issued: &str, expires: &str, more: &str| {
            let text = format!(
                r#"{{"region": "r", "client_id": "a", "client_secret": "s", "access_token": "t", "token_type": "bearer",
                "issued_at": "{issued}", "expires_at": "{expires}"{more}}}"#
            );
            Document::parse(&text.as_str().into()).expect("a document")
        };
        let older = |current: Document, previous| PreviousTokens { current, previous }.older(now);
        let current = document("2026-01-02T19:00:00Z", "2026-01-03T19:00:00Z", "");
        let previous = document(issued, "2026-01-03T00:00:00Z", "");
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let found = older(current.clone(), Ok(Some(previous))).expect("they may be valid");
        assert_eq!((found.since, found.until), (at("2026-01-01T20:00:00Z"), at("2026-01-03T00:00:00Z")));
        assert_eq!((found.clients, found.is_previous_known), (vec!["a".to_owned()], true));
        let found = older(current.clone(), Ok(None)).expect("they may be valid");
        assert_eq!((found.until, found.is_previous_known), (at("2026-01-03T19:00:00Z"), false));
        let two = document(issued, "2026-01-03T00:00:00Z", r#", "clients": [{"client_id": "a"}, {"client_id": "b"}]"#);
        assert_eq!(older(current.clone(), Ok(Some(two))).expect("they may be valid").clients, ["a", "b"]);
        let expired = document(issued, "2026-01-02T20:00:00Z", "");
        let cxone = document(issued, "2026-01-03T00:00:00Z", r#", "platform": "nice-cxone""#);
        let first = Document::parse(&r#"{"client_id": "a", "client_secret": "s"}"#.into()).expect("a document");
        for none in [expired, cxone, first] {
            assert_eq!(older(current.clone(), Ok(Some(none))), None);
        }
        assert_eq!(older(current, Err(RotationError::new(ErrorKind::DocumentInvalid, "no"))), None);
    }

    #[test]
    fn a_document_that_cannot_be_read_may_hold_a_token() {
        let document = |text: &str| Document::parse(&text.into()).expect("a document");
        let holds = |current: &str, previous| PreviousTokens { current: document(current), previous }.holds_token();
        let (none, some) = ("{}", r#"{"access_token": "t"}"#);
        assert!(
            holds(some, Ok(None)) && holds(none, Ok(Some(document(some)))) && !holds(none, Ok(Some(document(none))))
        );
        assert!(holds(r#"{"access_token": 1}"#, Ok(None)), "the field is not a string");
        assert!(document_of(Some("no document".into())).expect("it holds no token").is_none());
        let error = document_of(Some(r#""access_token": "t""#.into())).expect_err("it may hold a token");
        assert!(holds(none, Err(error)));
    }
}
