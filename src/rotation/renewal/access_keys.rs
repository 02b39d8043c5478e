//! Access keys that take turns: a user may hold several, so the next one is made while the present one still works.

use super::renew::Renewed;
use crate::rotation::credentials::keys::{Credentials, KeyOwner, KeyPair};
use crate::rotation::credentials::place::Place;
use crate::rotation::document::fields::Document;
use crate::rotation::document::plan::SecretRotation;
use crate::rotation::error::{Result, RotationError};
use crate::rotation::ports::admin::AccessKeys;
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::issuer::TokenIssuer;
use crate::rotation::ports::store::VersionSelector;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::exchange::Tokens;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::{Description, SecretId};
use crate::secret::SecretString;

impl<S: RotationStore, I: RotationPlatform, C: Clock> Rotator<S, I, C> {
    /// The user gets another access key, and loses the one before the present one. Whatever is lost on the way, the key in
    /// use works on.
    pub(crate) async fn next_access_key(
        &self,
        document: &Document,
        described: &Description,
        idle: Option<&str>,
        admin: Option<&str>,
        deadline: Deadline,
    ) -> Result<Renewed> {
        let own = document.credentials()?;
        let (tokens, place) = (self.tokens(), own.place());
        let manager = self.key_manager(document, described, admin, deadline).await?;
        let (token, _) = tokens.exchange(&manager, deadline).await?;
        let token = &token.access_token;
        let renewed = async {
            let ids = (own.access_key_id(), idle);
            let key = tokens.succeed_access_key(&place, ids, token, deadline).await?;
            let next = match document.with_access_key(&key) {
                Ok(next) => self.with_first_token(next, described, deadline).await,
                Err(error) => Err(error),
            };
            if next.is_err() {
                tokens.discard_access_key(&place, &key.id, token, deadline).await;
            }
            next
        };
        let renewed = renewed.await;
        tokens.discard(&manager, token, deadline).await;
        renewed
    }

    /// Deletes the access key of a version that is known not to be stored, or was dropped. One that the current version
    /// knows is left alone.
    pub(crate) async fn delete_unused_key(
        &self,
        secret: &SecretId,
        unused: &Document,
        described: &Description,
        deadline: Deadline,
    ) {
        let Ok(Some(SecretRotation::AccessKeys { admin_credentials, .. })) = unused.secret_rotation() else { return };
        let deadline = deadline.for_cleanup();
        let current = self.read("read the current version", secret, VersionSelector::Current, deadline).await;
        let current = current.ok().flatten().and_then(|value| Document::parse(&value).ok());
        let (Some(current), Some(id)) = (current, unused.access_key_id()) else { return };
        if current.has_access_key(&id) {
            return;
        }
        let tokens = self.tokens();
        let exchange = async {
            let manager = self.key_manager(&current, described, admin_credentials.as_deref(), deadline).await?;
            let (token, _) = tokens.exchange(&manager, deadline).await?;
            Ok((manager, token.access_token))
        };
        match exchange.await {
            Ok((manager, token)) => {
                tokens.discard_access_key(&manager.place(), &id, &token, deadline).await;
                tokens.discard(&manager, &token, deadline).await;
            }
            Err(error) => warn_of_left_key(&id, &error),
        }
    }

    /// Whose token makes and deletes the keys: the key's own user unless the document names another.
    pub(crate) async fn key_manager(
        &self,
        document: &Document,
        described: &Description,
        admin: Option<&str>,
        deadline: Deadline,
    ) -> Result<Credentials> {
        match admin {
            Some(admin) => self.admin(document, described, admin, deadline).await,
            None => document.credentials(),
        }
    }
}

impl<I: AccessKeys + TokenIssuer, C: Clock> Tokens<'_, I, C> {
    /// Whose an access key is, by a token that may look.
    ///
    /// # Errors
    /// `PermissionMissing`, `DocumentInvalid` where there is no such key, or whatever else the platform says.
    pub async fn key_owner(
        &self,
        place: &Place,
        id: &str,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<KeyOwner> {
        let look = || self.issuer.key_owner(place, id, token);
        self.retries.run("look whose the access key is", deadline, look).await
    }

    /// Another access key of a user. If the answer is lost, so is that key: nobody knows its secret.
    async fn create_access_key(
        &self,
        place: &Place,
        owner: &KeyOwner,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<KeyPair> {
        let create = || self.issuer.create_access_key(place, owner, token);
        self.retries.run("create an access key", deadline, create).await
    }

    /// Makes room for a user's next access key by deleting the one before the present one, and makes it.
    ///
    /// # Errors
    /// `PermissionMissing` before anything is made, or whatever else the platform says.
    pub async fn succeed_access_key(
        &self,
        place: &Place,
        (in_use, former): (&str, Option<&str>),
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<KeyPair> {
        let delete = async {
            match former {
                Some(former) => self.delete_access_key(place, former, token, deadline).await,
                None => Ok(()),
            }
        };
        // It goes first, for a user may hold only so many; and who may not delete should not make another one.
        let (owner, deleted) = tokio::join!(self.key_owner(place, in_use, token, deadline), delete);
        deleted?;
        self.create_access_key(place, &owner?, token, deadline).await
    }

    async fn delete_access_key(&self, place: &Place, id: &str, token: &SecretString, deadline: Deadline) -> Result<()> {
        let delete = || self.issuer.delete_access_key(place, id, token);
        self.retries.run("delete an access key", deadline, delete).await
    }

    /// Deletes a key that is stored nowhere, as far as the platform can be reached.
    pub async fn discard_access_key(&self, place: &Place, id: &str, token: &SecretString, deadline: Deadline) {
        if let Err(error) = self.delete_access_key(place, id, token, deadline.for_cleanup()).await {
            warn_of_left_key(id, &error);
        }
    }
}

fn warn_of_left_key(id: &str, error: &RotationError) {
    tracing::warn!(
        error.r#type = error.kind().name(),
        access_key.id = id,
        "an access key that is stored nowhere could not be deleted: {}",
        error.chain()
    );
}
