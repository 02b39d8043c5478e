//! The token duration of OAuth clients: the port of platforms that have this setting, and raising it.

use std::time::Duration;

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::issuer::not_offered;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::renewal::admin::admin;
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{Description, SecretId};
use crate::secret::SecretString;

/// The maximum for a client (Platform API, `accessTokenValiditySeconds`).
pub const LONGEST_DURATION: Duration = Duration::from_secs(172_800);
/// The maximum for a client of a SCIM integration.
const LONGEST_FOR_SCIM: Duration = Duration::from_secs(38_880_000);
/// Tokens live a second less than the setting, and a rotation takes time.
const MARGIN: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Reads and sets the token duration of OAuth clients. The defaults are those of a platform without this setting.
pub trait TokenDuration: Send + Sync {
    /// Reads a client's token duration; `None` if the platform has no such setting or the token may not read it.
    ///
    /// # Errors
    /// `DocumentInvalid` if the client does not exist, and other platform errors.
    fn token_duration(
        &self,
        _place: &Place,
        _client_id: &str,
        _token: &SecretString,
    ) -> impl Future<Output = Result<Option<Duration>>> + Send {
        async { Ok(None) }
    }

    /// Raises a client's token duration to `duration` and changes nothing else. Returns the previous duration; `None`
    /// if it was long enough and was not changed.
    ///
    /// # Errors
    /// `PermissionMissing`; `DocumentInvalid` if the client does not exist; and other platform errors.
    fn set_token_duration(
        &self,
        _place: &Place,
        _client_id: &str,
        _token: &SecretString,
        _duration: Duration,
    ) -> impl Future<Output = Result<Option<Duration>>> + Send {
        async { Err(not_offered("a setting for how long tokens live")) }
    }
}

/// A client whose token duration was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The client's id.
    pub client_id: String,
    /// Its duration before.
    pub from: Duration,
    /// Its duration now.
    pub to: Duration,
}

/// The result of raising the token durations of a secret's clients.
#[derive(Debug, Default)]
pub struct RaiseReport {
    /// The changed clients, also if another one failed.
    pub raised: Vec<Raised>,
    /// Why a client was not changed.
    pub error: Option<RotationError>,
}

/// Returns the duration, in full hours, for tokens that must live for `needed`; `None` if that exceeds the maximum. `now`
/// is the client's present duration.
pub fn sufficient_duration(needed: Duration, now: Option<Duration>) -> Option<Duration> {
    // A client that exceeds the usual maximum has the higher one.
    let longest = if now.is_some_and(|now| now > LONGEST_DURATION) { LONGEST_FOR_SCIM } else { LONGEST_DURATION };
    let hours = (needed + MARGIN).as_secs().div_ceil(HOUR.as_secs());
    (needed < longest).then(|| Duration::from_secs(hours * HOUR.as_secs()).min(longest))
}

impl<S: RotationStore, I: RotationPlatform + TokenDuration, C: Clock> Rotator<S, I, C> {
    /// Raises the token duration of the secret's OAuth client, or of both alternating clients, to what its schedule
    /// needs, and changes nothing else. A client with a sufficient duration is unchanged.
    ///
    /// The report's error is `PermissionMissing` if the client may not edit itself; `DocumentInvalid` if the secret has
    /// no schedule, holds another kind of token, or needs more than the maximum; or another platform error.
    pub async fn raise_token_duration(&self, secret: &SecretId, deadline: Deadline) -> RaiseReport {
        let mut raised = Vec::new();
        let raise = Box::pin(self.raise_all(secret, deadline, &mut raised));
        let error = self.tokens().settle(deadline, raise).await.err();
        RaiseReport { raised, error }
    }

    async fn raise_all(&self, secret: &SecretId, deadline: Deadline, raised: &mut Vec<Raised>) -> Result<()> {
        let (described, document) = self.read_current(secret, deadline).await?;
        if document.token_kind()? != TokenKind::Access {
            return Err(not_by_duration("token duration does not apply to this kind of token"));
        }
        let now = self.clock.now();
        let needed = described.longest_gap(now).ok_or_else(|| {
            not_by_duration("the secret has no rotation schedule, which decides how long a token must live")
        })?;
        let own = self.credentials(&document, &described, deadline).await?;
        let (editor, clients) = self.editor(&document, &described, &own, deadline).await?;
        let authorization = self.tokens().exchange(&editor, deadline).await?;
        let (place, token) = (editor.place(), &authorization.token.access_token);
        let mut result = Ok(());
        for client_id in clients {
            match self.raise_one(&place, &client_id, token, needed, deadline).await {
                Ok(Some((from, to))) => raised.push(Raised { client_id, from, to }),
                Ok(None) => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// Returns the credentials that edit, and the ids of the clients. The administrator edits alternating clients.
    async fn editor(
        &self,
        document: &Document,
        described: &Description,
        own: &Credentials,
        deadline: Deadline,
    ) -> Result<(Credentials, Vec<String>)> {
        match document.secret_rotation()? {
            Some(SecretRotation::Alternating { idle, admin_credentials }) => {
                let editor = admin(self, document, described, &admin_credentials, deadline).await?;
                Ok((editor, vec![own.id().to_owned(), idle]))
            }
            _ => Ok((own.clone(), vec![own.id().to_owned()])),
        }
    }

    async fn raise_one(
        &self,
        place: &Place,
        client_id: &str,
        token: &SecretString,
        needed: Duration,
        deadline: Deadline,
    ) -> Result<Option<(Duration, Duration)>> {
        let read = || self.issuer.token_duration(place, client_id, token);
        let is = self.retries.run("read the client's token duration", deadline, read).await?;
        let to = sufficient_duration(needed, is).ok_or_else(|| {
            not_by_duration("the schedule needs tokens that live longer than the maximum token duration")
        })?;
        let set = || self.issuer.set_token_duration(place, client_id, token, to);
        let previous = self.retries.run("set the client's token duration", deadline, set).await?;
        // After a lost answer, the retry finds the duration raised: the value read before counts.
        Ok(previous.or(is.filter(|is| *is < to)).map(|from| (from, to)))
    }
}

fn not_by_duration(message: &str) -> RotationError {
    RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(
        "rotate more often (`aws secretsmanager rotate-secret --rotation-rules`; the schedule and its window add up)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_full_hours_up_to_the_maximum() {
        let rows = [
            (18_000, None, Some(21_600)),
            (14_340, None, Some(14_400)),
            (14_341, None, Some(18_000)),
            (172_799, Some(86_400), Some(172_800)),
            (172_800, Some(172_800), None),
            (900_000, Some(86_400), None),
            (900_000, Some(200_000), Some(903_600)),
            (38_880_000, Some(200_000), None),
        ];
        for (needed, now, expected) in rows {
            let duration = sufficient_duration(Duration::from_secs(needed), now.map(Duration::from_secs));
            assert_eq!(duration.map(|duration| duration.as_secs()), expected, "{needed} {now:?}");
        }
    }
}
