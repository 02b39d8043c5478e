//! Revoking tokens, and running the undos that are due.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::sleep;

use super::exchange::Tokens;
use super::retry::Deadline;
use super::rollback::{Rollback, Undo};
use crate::rotation::credentials::keys::{Credentials, KeyPair};
use crate::rotation::credentials::place::Place;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::RotationPlatform;
use crate::rotation::ports::clock::Clock;
use crate::secret::SecretString;

/// How often a revoked token is tried.
const REJECTION_POLLS: usize = 4;
/// The wait between two attempts.
const REJECTION_POLL: Duration = Duration::from_secs(1);

impl<I: RotationPlatform, C: Clock> Tokens<'_, I, C> {
    /// Revokes a token. An expired or revoked token counts as revoked.
    ///
    /// # Errors
    /// The platform is unreachable or refuses.
    pub async fn revoke(&self, place: &Place, token: &SecretString, deadline: Deadline) -> Result<()> {
        let revoke = || self.issuer.revoke(place, token);
        self.retries.run("revoke a token", deadline.for_cleanup(), revoke).await
    }

    /// Waits until the platform rejects a token that was revoked.
    ///
    /// # Errors
    /// `DocumentInvalid` on a platform without revocation; `PlatformUnavailable` if the platform still accepts the token or
    /// does not answer.
    pub async fn await_rejection(&self, place: &Place, token: &SecretString, deadline: Deadline) -> Result<()> {
        let Place::GenesysCloud { region } = place else {
            return Err(RotationError::new(ErrorKind::DocumentInvalid, "the platform has no revocation of tokens"));
        };
        // No client has this id: a valid token counts as another client's.
        let nobody = KeyPair { id: String::new(), secret: SecretString::default() };
        let credentials = Credentials::GenesysCloud { region: region.clone(), client: nobody };
        for _ in 0..REJECTION_POLLS {
            match self.verify(&credentials, token, &[], deadline.for_cleanup()).await {
                Err(error) if error.kind() == ErrorKind::TokenRejected => return Ok(()),
                Err(error) if error.kind() == ErrorKind::TokenOwnerMismatch => sleep(REJECTION_POLL).await,
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        let message = "the platform still accepts the token after its revocation";
        Err(RotationError::new(ErrorKind::PlatformUnavailable, message))
    }

    /// Revokes a token that is stored nowhere. A failure is logged.
    pub async fn discard(&self, credentials: &Credentials, token: &SecretString, deadline: Deadline) {
        let place = credentials.place();
        if let Err(error) = self.revoke(&place, token, deadline).await {
            warn_of_token(&error);
            self.rollbacks.unrevoked().add(&place, token);
        }
    }

    /// Runs the undos that are due, within the time that the deadline keeps back for it. Returns the first failure; each
    /// one is logged.
    pub async fn roll_back(&self, deadline: Deadline) -> Option<RotationError> {
        let due = self.rollbacks.take_due();
        // A token that deletes a key may be due as well, so keys go first.
        let (keys, tokens): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|(_, undo)| matches!(undo, Undo::DeleteAccessKey { .. }));
        let mut failure = None;
        for due in [keys, tokens] {
            let mut undone: FuturesUnordered<_> =
                due.iter().map(|(_, undo)| self.undo(undo, deadline).boxed()).collect();
            while let Some(result) = undone.next().await {
                failure = failure.or(result.err());
            }
            drop(undone);
            due.into_iter().for_each(|(guard, _)| Rollback::commit(guard));
        }
        failure
    }

    /// Runs an operation, then the undos of what it did not commit.
    pub(crate) async fn settle<T>(&self, deadline: Deadline, operation: impl Future<Output = T>) -> T {
        let done = operation.await;
        self.roll_back(deadline).await;
        done
    }

    async fn undo(&self, undo: &Undo, deadline: Deadline) -> Result<()> {
        match undo {
            Undo::RevokeToken { place, token, .. } => self.revoke(place, token, deadline).await.inspect_err(|error| {
                warn_of_token(error);
                self.rollbacks.unrevoked().add(place, token);
            }),
            Undo::DeleteAccessKey { place, id, token, .. } => {
                let deleted = self.delete_access_key(place, id, token, deadline.for_cleanup()).await;
                deleted.inspect_err(|error| warn_of_access_key(id, error))
            }
        }
    }
}

fn warn_of_token(error: &RotationError) {
    tracing::warn!(
        error.r#type = error.kind().name(),
        "a token that is not stored could not be revoked, and may stay valid until it expires: {}",
        error.chain()
    );
}

pub(crate) fn warn_of_access_key(id: &str, error: &RotationError) {
    tracing::warn!(
        error.r#type = error.kind().name(),
        access_key.id = id,
        "an access key that is not stored could not be deleted: {}",
        error.chain()
    );
}
