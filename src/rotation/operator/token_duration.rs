//! For how long a client's tokens live by its own setting: what `check` reads, and raises where it is asked to.

use std::time::Duration;

use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::token::TokenKind;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::token_duration::TokenDuration;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{Description, SecretId};
use crate::secret::SecretString;

/// The longest duration that a client may have, in seconds (Platform API, `accessTokenValiditySeconds`).
pub const LONGEST_DURATION: Duration = Duration::from_secs(172_800);
/// The same for the clients of a SCIM integration.
const LONGEST_FOR_SCIM: Duration = Duration::from_secs(38_880_000);
/// The platform answers with a second less than it was set to, and a rotation takes some of what is left.
const MARGIN: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

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

/// What came of raising the token durations of a secret's clients.
#[derive(Debug, Default)]
pub struct RaiseReport {
    /// The clients that were changed, also where another one could not be.
    pub raised: Vec<Raised>,
    /// Why not all were changed that should be.
    pub error: Option<RotationError>,
}

/// The duration to set for tokens that must live this long: full hours, and not more than a client may have. `None`
/// where no client can have tokens that live so long. `now` is the duration that the client has.
pub fn sufficient_duration(needed: Duration, now: Option<Duration>) -> Option<Duration> {
    // A client that has more than others may have is one of those that may.
    let longest = if now.is_some_and(|now| now > LONGEST_DURATION) { LONGEST_FOR_SCIM } else { LONGEST_DURATION };
    let hours = (needed + MARGIN).as_secs().div_ceil(HOUR.as_secs());
    (needed < longest).then(|| Duration::from_secs(hours * HOUR.as_secs()).min(longest))
}

impl<S: RotationStore, I: RotationPlatform + TokenDuration, C: Clock> Rotator<S, I, C> {
    /// Raises the token duration of the secret's OAuth client, or of both where two alternate, to what its schedule
    /// needs; nothing else of a client changes. One whose duration is long enough stays as it is.
    ///
    /// The report's error is `PermissionMissing` where the client may not edit itself; `DocumentInvalid` where the
    /// secret has no schedule, holds another kind of token, or no duration would be enough; or what the platform says.
    pub async fn raise_token_duration(&self, secret: &SecretId, deadline: Deadline) -> RaiseReport {
        let mut raised = Vec::new();
        let error = self.raise_all(secret, deadline, &mut raised).await.err();
        RaiseReport { raised, error }
    }

    async fn raise_all(&self, secret: &SecretId, deadline: Deadline, raised: &mut Vec<Raised>) -> Result<()> {
        let (described, document) = self.read_current(secret, deadline).await?;
        if document.token_kind()? != TokenKind::Access {
            return Err(not_by_duration("the secret's token is of a kind whose life no token duration decides"));
        }
        let now = self.clock.now();
        let needed = described.rotation_rules.as_ref().and_then(|rules| rules.longest_gap(now));
        let needed = needed.ok_or_else(|| not_by_duration("no schedule says how long the token has to live"))?;
        let own = self.credentials(&document, &described, deadline).await?;
        let (editor, clients) = self.editor(&document, &described, &own, deadline).await?;
        let (token, _) = self.tokens().exchange(&editor, deadline).await?;
        let mut result = Ok(());
        for client_id in clients {
            match self.raise_one(&editor.place(), &client_id, &token.access_token, needed, deadline).await {
                Ok(Some((from, to))) => raised.push(Raised { client_id, from, to }),
                Ok(None) => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        self.tokens().discard(&editor, &token.access_token, deadline).await;
        result
    }

    /// Whose token edits, and the clients to edit: two that alternate are edited by the one that gives them secrets.
    async fn editor(
        &self,
        document: &Document,
        described: &Description,
        own: &Credentials,
        deadline: Deadline,
    ) -> Result<(Credentials, Vec<String>)> {
        match document.secret_rotation()? {
            Some(SecretRotation::Alternating { idle, admin_credentials }) => {
                let admin = self.admin(document, described, &admin_credentials, deadline).await?;
                Ok((admin, vec![own.id().to_owned(), idle]))
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
        let to = sufficient_duration(needed, is)
            .ok_or_else(|| not_by_duration("no token duration that a client may have would be long enough"))?;
        let set = || self.issuer.set_token_duration(place, client_id, token, to);
        let former = self.retries.run("set the client's token duration", deadline, set).await?;
        // After a lost answer the second try finds it raised already: what was read before the first one counts.
        Ok(former.or(is.filter(|is| *is < to)).map(|from| (from, to)))
    }
}

fn not_by_duration(message: &str) -> RotationError {
    RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(
        "rotate more often (`aws secretsmanager rotate-secret --rotation-rules`; the schedule and its window count together)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_full_hours_and_never_more_than_a_client_may_have() {
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
