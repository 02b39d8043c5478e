//! Access keys that take turns: a user may hold several, so the next one is made while the present one still works.

use super::renew::Renewed;
use crate::rotation::credentials::keys::{Credentials, KeyOwner, KeyPair};
use crate::rotation::credentials::place::Place;
use crate::rotation::document::credentials::ACCESS_KEY;
use crate::rotation::document::fields::{Document, invalid};
use crate::rotation::document::plan::{ADMIN_CREDENTIALS, SecretRotation};
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

impl Document {
    /// The access keys that take turns. With one alone the first rotation makes the other.
    pub(crate) fn access_keys(&self) -> Result<SecretRotation> {
        let in_use = self.pair(&ACCESS_KEY)?.ok_or_else(|| {
            invalid("the document asks for new access keys and holds none itself").with_hint(
                "store access_key_id and access_key_secret in this document; an older application (realm) has none, and NICE alone can give it a new secret",
            )
        })?;
        let listed = self.clients()?.unwrap_or_default();
        let ids = listed.iter().map(|key| Ok(key.pair(&ACCESS_KEY)?.map(|key| key.id)));
        let ids: Option<Vec<String>> = ids.collect::<Result<Option<_>>>()?;
        let idle = match ids.as_deref() {
            Some([]) => None,
            Some([only]) if *only == in_use.id => None,
            Some([first, second]) if first != second && *first == in_use.id => Some(second.clone()),
            Some([first, second]) if first != second && *second == in_use.id => Some(first.clone()),
            _ => {
                return Err(invalid("clients is not the list of this document's access keys").with_hint(
                    r#"take clients out, and the next rotation writes it anew; or list the key in use and the former one: [{"access_key_id":"…","access_key_secret":"…"},{…}]"#,
                ));
            }
        };
        Ok(SecretRotation::AccessKeys { idle, admin_credentials: self.secret_name(ADMIN_CREDENTIALS)? })
    }

    /// This document with another access key in use. The one in use so far stays in the list of clients, and the new one
    /// takes the place of the one before it.
    pub(crate) fn with_access_key(&self, key: &KeyPair) -> Result<Self> {
        let in_use = self.pair(&ACCESS_KEY)?;
        let mut next = self.clone();
        next.set_pair(&ACCESS_KEY, key);
        let mut listed = self.clients()?.unwrap_or_default();
        if let (true, Some(in_use)) = (listed.is_empty(), &in_use) {
            listed.push(Self::of_pair(&ACCESS_KEY, in_use));
        }
        let former = in_use.map(|key| key.id);
        match listed.iter_mut().find(|entry| entry.access_key_id() != former) {
            Some(idle) => idle.set_pair(&ACCESS_KEY, key),
            None => listed.push(Self::of_pair(&ACCESS_KEY, key)),
        }
        next.set_clients(&listed);
        Ok(next)
    }

    /// Whether a rotation of `current` could have made the access keys of this document.
    pub(crate) fn has_successor_of(&self, current: &Self) -> bool {
        let former = current.access_key_id();
        let listed = self.clients().ok().flatten().unwrap_or_default();
        former.is_some() && self.access_key_id() != former && listed.iter().any(|entry| entry.access_key_id() == former)
    }

    fn access_key_id(&self) -> Option<String> {
        self.pair(&ACCESS_KEY).ok().flatten().map(|key| key.id)
    }

    /// Whether it uses or lists an access key.
    pub(crate) fn knows_access_key(&self, id: &str) -> bool {
        let listed = self.clients().ok().flatten().unwrap_or_default();
        std::iter::once(self).chain(&listed).any(|entry| entry.access_key_id().as_deref() == Some(id))
    }
}

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
        if current.knows_access_key(&id) {
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
