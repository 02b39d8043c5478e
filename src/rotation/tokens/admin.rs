//! New client secrets and access keys on the platform.

use std::time::Duration;

use super::exchange::Tokens;
use super::retry::Deadline;
use super::rollback::{Rollback, Undo};
use crate::rotation::credentials::keys::{KeyOwner, KeyPair};
use crate::rotation::credentials::place::Place;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::admin::{AccessKeys, ClientSecrets};
use crate::secret::SecretString;

const UNKNOWN_KEY_HINT: &str = "the platform may have created an access key whose secret is lost: list the user's keys, delete those that no document holds, and rotate again with a longer time limit";

/// The time after which a request without an answer is no longer carried out. Requests time out after 10 seconds.
pub(crate) const LATE: Duration = Duration::from_secs(15);

impl<I: ClientSecrets, C> Tokens<'_, I, C> {
    /// Regenerates a client's secret. After a lost answer, a retry regenerates it again, but not
    /// before 15 seconds have passed: otherwise the first request could still be carried out after the retry.
    ///
    /// # Errors
    /// `PermissionMissing`, and other platform errors.
    pub async fn regenerate(
        &self,
        place: &Place,
        client_id: &str,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<SecretString> {
        let regenerate = || async {
            let secret = self.issuer.regenerate(place, client_id, token).await;
            secret.map_err(|error| match error.kind() {
                ErrorKind::PlatformUnavailable => {
                    let wait = error.retry_after().unwrap_or_default().max(LATE);
                    error.with_retry_after(Some(wait))
                }
                _ => error,
            })
        };
        self.retries.run("regenerate a client secret", deadline, regenerate).await
    }
}

impl<I: AccessKeys, C> Tokens<'_, I, C> {
    /// Returns the owner of an access key.
    ///
    /// # Errors
    /// `PermissionMissing`; `DocumentInvalid` if the key does not exist; and other platform errors.
    pub async fn key_owner(
        &self,
        place: &Place,
        id: &str,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<KeyOwner> {
        let look = || self.issuer.key_owner(place, id, token);
        self.retries.run("read the owner of the access key", deadline, look).await
    }

    /// Deletes the idle access key of a user, who may have a limited number of them, and creates another one. The
    /// created key is deleted unless it is committed.
    ///
    /// # Errors
    /// `DocumentInvalid` for two users, the error of `permit`, or `PermissionMissing`, each before a key is deleted or
    /// created; and other platform errors.
    pub async fn succeed_access_key(
        &self,
        place: &Place,
        (active, idle): (&str, Option<&str>),
        token: &SecretString,
        permit: impl Fn(&KeyOwner) -> Result<()>,
        deadline: Deadline,
    ) -> Result<(KeyPair, Rollback)> {
        let look_at_idle = async {
            match idle {
                Some(id) => Ok(self.owner_of_key(place, id, token, deadline).await?.map(|owner| (id, owner))),
                None => Ok(None),
            }
        };
        let (owner, idle) = tokio::try_join!(self.key_owner(place, active, token, deadline), look_at_idle)?;
        permit(&owner)?;
        if let Some((id, idle_owner)) = idle {
            if idle_owner != owner {
                return Err(two_users(id, &idle_owner, &owner));
            }
            self.delete_access_key(place, id, token, deadline).await?;
        }
        let create = || async {
            let _request = self.rollbacks.begin_request();
            let key = self.issuer.create_access_key(place, &owner, token).await?;
            let undo = Undo::DeleteAccessKey {
                place: place.clone(),
                id: key.id.clone(),
                token: token.clone(),
                staged_as: None,
            };
            Ok((key, self.rollbacks.guard(undo)))
        };
        self.retries.run("create an access key", deadline, create).await.map_err(|error| match error.kind() {
            // The request may have been sent.
            ErrorKind::DeadlineExceeded => error.with_hint(UNKNOWN_KEY_HINT),
            _ => error,
        })
    }

    /// Returns the owner of an access key; `None` if there is no such key.
    pub(crate) async fn owner_of_key(
        &self,
        place: &Place,
        id: &str,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<Option<KeyOwner>> {
        match self.key_owner(place, id, token, deadline).await {
            Err(error) if error.kind() == ErrorKind::DocumentInvalid => Ok(None),
            owner => owner.map(Some),
        }
    }

    pub(crate) async fn delete_access_key(
        &self,
        place: &Place,
        id: &str,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<()> {
        let delete = || self.issuer.delete_access_key(place, id, token);
        self.retries.run("delete an access key", deadline, delete).await
    }
}

fn two_users(idle: &str, idle_owner: &KeyOwner, owner: &KeyOwner) -> RotationError {
    let message = format!(
        "the access key {idle} belongs to the user {}, and the active one to the user {}",
        idle_owner.user_id, owner.user_id
    );
    RotationError::new(ErrorKind::DocumentInvalid, message)
        .with_hint("remove clients from the document: the next rotation writes it with the keys of one user")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::Instant;

    use super::*;
    use crate::rotation::ports::clock::SystemClock;
    use crate::rotation::tokens::retry::RetryPolicy;
    use crate::rotation::tokens::rollback::Rollbacks;

    /// A platform that does not answer the first request.
    #[derive(Default)]
    struct LosesFirstAnswer(AtomicU32);

    impl ClientSecrets for LosesFirstAnswer {
        async fn regenerate(&self, _: &Place, _: &str, _: &SecretString) -> Result<SecretString> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Err(RotationError::new(ErrorKind::PlatformUnavailable, "no answer")),
                _ => Ok("new".into()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_regenerate_without_an_answer_is_repeated_only_when_it_is_no_longer_carried_out() {
        let (issuer, rollbacks) = (LosesFirstAnswer::default(), Rollbacks::default());
        let tokens = Tokens {
            issuer: &issuer,
            clock: &SystemClock,
            retries: RetryPolicy::default(),
            limiter: None,
            rollbacks: &rollbacks,
        };
        let place = Place::GenesysCloud { region: "mypurecloud.ie".to_owned() };
        let (began, deadline) = (Instant::now(), Deadline::after(Duration::from_secs(60)));
        tokens.regenerate(&place, "client", &"token".into(), deadline).await.expect("the second request succeeds");
        assert!(began.elapsed() >= LATE, "tokio's clock is paused");
        assert_eq!(issuer.0.into_inner(), 2);
    }

    /// A platform that knows one key, and does not answer the request that creates another one.
    struct CreatesNoKey;

    impl AccessKeys for CreatesNoKey {
        async fn key_owner(&self, _: &Place, id: &str, _: &SecretString) -> Result<KeyOwner> {
            match id {
                "active" => Ok(KeyOwner { user_id: "user".to_owned(), tenant_id: String::new() }),
                "unknown" => Err(RotationError::new(ErrorKind::DocumentInvalid, "no such key")),
                _ => Err(RotationError::new(ErrorKind::PermissionMissing, "denied")),
            }
        }

        async fn create_access_key(&self, _: &Place, _: &KeyOwner, _: &SecretString) -> Result<KeyPair> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_access_key_may_exist_if_the_request_has_no_answer_before_the_deadline() {
        let (issuer, rollbacks) = (CreatesNoKey, Rollbacks::default());
        let retries = RetryPolicy::default();
        let tokens = Tokens { issuer: &issuer, clock: &SystemClock, retries, limiter: None, rollbacks: &rollbacks };
        let place = Place::GenesysCloud { region: "mypurecloud.ie".to_owned() };
        let (token, deadline) = ("token".into(), Deadline::after(Duration::from_secs(60)));
        let created = tokens.succeed_access_key(&place, ("active", Some("unknown")), &token, |_| Ok(()), deadline);
        let error = created.await.expect_err("the request has no answer");
        assert_eq!((error.kind(), error.hint()), (ErrorKind::DeadlineExceeded, UNKNOWN_KEY_HINT));
        let deadline = Deadline::after(Duration::from_secs(60));
        let owner = tokens.owner_of_key(&place, "denied", &token, deadline).await;
        assert_eq!(owner.expect_err("the owner is not known").kind(), ErrorKind::PermissionMissing);
    }
}
