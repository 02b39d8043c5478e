//! The ports of the rotation over the model: every call waits at the gate of the world.

use std::sync::Arc;
use std::time::Duration;

use genesys_rotator::rotation::{
    AccessKeys, ClientSecrets, Clock, Credentials, CxoneGrant, Description, ErrorKind, IssuedToken, KeyOwner, KeyPair,
    Lease, Place, Probe, Result, SecretId, SecretStore, Staged, StoredValue, TokenIssuer, TokenKind, VersionId,
    VersionSelector, WriteAhead,
};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use jiff::Timestamp;

use crate::planted::Bug;
use crate::scene::Flavour;
use crate::store::{IS_AHEAD, IS_CURRENT, IS_LEASE, IS_PENDING, IS_PREVIOUS, Version};
use crate::value::{ADMIN, ADMIN_DOCUMENT, Value};
use crate::world::{Class, State, World};

/// 2026-01-01T12:00:00Z, when every schedule starts.
const START: i64 = 1_767_268_800;
const LIFETIME: Duration = Duration::from_secs(86_400);

/// As an actor: the one that is being polled.
pub const POLLED: usize = usize::MAX;

/// An actor's way to the store, the platform and the clock.
#[derive(Clone)]
pub struct Port {
    pub world: Arc<World>,
    pub actor: usize,
}

impl Port {
    pub async fn call<T: crate::answer::Answer>(
        &self,
        class: Class,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let actor = if self.actor == POLLED { self.world.state.lock().polled } else { self.actor };
        self.world.call(actor, class, name, effect).await
    }
}

impl Clock for Port {
    fn now(&self) -> Timestamp {
        let now = self.world.now() as i64 - self.world.before;
        Timestamp::from_millisecond(START * 1000 + now).expect("a time in this century")
    }
}

impl SecretStore for Port {
    async fn describe(&self, _: &SecretId) -> Result<Description> {
        self.call(Class::StoreRead, "describe", |state| Ok(state.store.describe(state.versions()))).await
    }

    async fn read(&self, secret: &SecretId, selector: VersionSelector<'_>) -> Result<Option<StoredValue>> {
        if secret.as_str() == ADMIN {
            return Ok(Some(SecretString::from(ADMIN_DOCUMENT).into()));
        }
        let (name, label, id) = match selector {
            VersionSelector::Current => ("read current", IS_CURRENT, None),
            VersionSelector::Pending(id) => ("read pending", IS_PENDING, Some(id.clone())),
            VersionSelector::Previous => ("read previous", IS_PREVIOUS, None),
        };
        self.call(Class::StoreRead, name, move |state| {
            let has = |bug| state.store.has(bug);
            let id = id.filter(|_| !has(Bug::PendingOfAnyVersion));
            let is_asked = |label: u8| {
                let is_version = |version: &&Version| id.as_ref().is_none_or(|id| version.id == *id);
                state.versions().iter().find(|version| version.labels & label != 0 && is_version(version))
            };
            let outdated = is_asked(IS_PREVIOUS).filter(|_| label == IS_CURRENT && has(Bug::CurrentIsOutdated));
            let is_aws = state.scene.flavour == Flavour::Aws && outdated.is_none();
            let found = outdated.or(is_asked(label));
            Ok(found.and_then(|version| {
                let text = SecretString::from(version.value.as_ref()?.text.as_str());
                let version = (is_aws && label != IS_PENDING).then(|| version.id.clone());
                Some(StoredValue { text, version, folder: None })
            }))
        })
        .await
    }

    async fn stage(
        &self,
        _: &SecretId,
        version: &VersionId,
        value: &SecretString,
        _: Option<&SecretString>,
    ) -> Result<Staged> {
        let (version, value) = (version.clone(), value.expose_secret().to_owned());
        self.call(Class::StoreWrite, "stage", move |state| {
            let value = Arc::new(Value::parse(&value, state.scene.mode));
            let replaced = state.store.holder(IS_PENDING).filter(|held| held.id != version);
            let replaced = replaced.and_then(|held| held.value.clone()).map(|value| value.token.clone());
            let staged = state.store.stage(&version, value, state.actor, state.now)?;
            if let Some(token) = replaced.filter(|_| state.scene.flavour == Flavour::Aws) {
                // Its rotation revokes it only where it sees that another version is pending.
                state.platform.excuse_stored(&token, "");
            }
            state.wrote();
            state.check_reader();
            Ok(staged)
        })
        .await
    }

    async fn promote(&self, _: &SecretId, version: &VersionId, over: &StoredValue) -> Result<()> {
        let (version, over) = (version.clone(), (over.version.clone(), over.text.expose_secret().to_owned()));
        self.call(Class::StoreWrite, "promote", move |state| {
            state.store.promote(&version, (over.0.as_ref(), &over.1), state.now)?;
            state.wrote();
            if state.store.current().id == version {
                state.on_promotion(&version);
            }
            Ok(())
        })
        .await
    }

    async fn unstage(&self, _: &SecretId, version: &VersionId) -> Result<()> {
        let version = version.clone();
        self.call(Class::StoreWrite, "unstage", move |state| {
            let held = state.store.versions.iter().find(|held| held.id == version && held.labels & IS_PENDING != 0);
            let token = held.and_then(|held| held.value.as_ref()).map(|value| value.token.clone());
            state.store.unstage(&version, state.now)?;
            state.dropped.extend(token.map(|token| (state.actor, token)));
            state.excuse_dropped();
            state.has_unstaged[state.actor] = true;
            state.wrote();
            Ok(())
        })
        .await
    }
}

impl WriteAhead for Port {
    async fn write_intent(
        &self,
        _: &SecretId,
        id: &VersionId,
        value: &SecretString,
        _: Option<&SecretString>,
    ) -> Result<()> {
        let (id, value) = (id.clone(), value.expose_secret().to_owned());
        self.call(Class::StoreWrite, "write intent", move |state| {
            let value = Arc::new(Value::parse(&value, state.scene.mode));
            // After an operator's change, a rotation may have failed and left its entry.
            let is_changed = state.scene.cast.iter().any(|role| !role.is_rotator());
            let former = state.store.holder(IS_AHEAD).filter(|_| is_changed).and_then(|held| held.value.clone());
            let former = former.map(|former| (state.actor, former.text_of("token")));
            state.dropped.extend(former);
            state.excuse_dropped();
            state.store.write_intent(&id, value, state.actor, state.now);
            state.wrote();
            Ok(())
        })
        .await
    }

    async fn read_intent(&self, _: &SecretId) -> Result<Option<SecretString>> {
        self.call(Class::StoreRead, "read intent", |state| {
            let ahead = state.versions().iter().find(|version| version.labels & IS_AHEAD != 0);
            Ok(ahead.and_then(|version| version.value.as_ref()).map(|value| SecretString::from(value.text.as_str())))
        })
        .await
    }

    async fn clear_intent(&self, _: &SecretId, id: &VersionId) -> Result<()> {
        let id = id.clone();
        self.call(Class::StoreWrite, "clear intent", move |state| {
            state.store.clear_intent(&id, state.now)?;
            state.wrote();
            Ok(())
        })
        .await
    }
}

impl Lease for Port {
    async fn take_lease(
        &self,
        secret: &SecretId,
        holder: &VersionId,
        seen: Option<&VersionId>,
        _: Option<&SecretString>,
    ) -> Result<()> {
        self.put_by_compare_and_set(secret, (holder, IS_LEASE), seen).await
    }

    async fn release_lease(&self, _: &SecretId, holder: &VersionId, version: &VersionId) -> Result<()> {
        self.compare_and_set("release the lease", IS_LEASE, Some(holder), version, None).await
    }
}

impl Port {
    /// On Secrets Manager, a write and a label move; elsewhere one write.
    async fn put_by_compare_and_set(
        &self,
        secret: &SecretId,
        (id, label): (&VersionId, u8),
        seen: Option<&VersionId>,
    ) -> Result<()> {
        let name = "take the lease";
        let mode = self.world.state.lock().scene.mode;
        let value = Arc::new(Value::parse("{}", mode));
        if self.world.state.lock().scene.flavour != Flavour::Aws {
            return self.compare_and_set(name, label, seen, id, Some(value)).await;
        }
        let claimed = id.clone();
        self.call(Class::StoreWrite, "put a claim", move |state| {
            state.store.claim(&claimed, value, state.actor, state.now);
            state.wrote();
            Ok(())
        })
        .await?;
        let moved = self.compare_and_set(name, label, seen, id, None).await;
        match moved {
            Err(error) if error.kind() == ErrorKind::StoreConflict => {
                let text = crate::store::LABELS[label.trailing_zeros() as usize];
                let is_moved = self.describe(secret).await?.holder(text) == Some(id);
                if is_moved { Ok(()) } else { Err(error) }
            }
            moved => moved,
        }
    }

    async fn compare_and_set(
        &self,
        name: &'static str,
        label: u8,
        seen: Option<&VersionId>,
        id: &VersionId,
        value: Option<Arc<Value>>,
    ) -> Result<()> {
        let (seen, id) = (seen.cloned(), id.clone());
        self.call(Class::StoreWrite, name, move |state| {
            state.store.compare_and_set(label, seen.as_ref(), &id, state.actor, state.now)?;
            if let Some(value) = value {
                state.store.fill(&id, value);
            }
            state.wrote();
            Ok(())
        })
        .await
    }
}

fn key_of(credentials: &Credentials) -> (String, String) {
    let (Credentials::GenesysCloud { client: key, .. }
    | Credentials::Cxone {
        grant:
            CxoneGrant::UserHub { access_key: key, .. }
            | CxoneGrant::BackEnd { access_key: key, .. }
            | CxoneGrant::ClientCredentials { client: key, .. },
        ..
    }) = credentials;
    (key.id.clone(), key.secret.expose_secret().to_owned())
}

fn token_of(text: String) -> IssuedToken {
    IssuedToken { access_token: text.into(), token_type: "bearer".to_owned(), lifetime: LIFETIME, tenant_id: None }
}

impl TokenIssuer for Port {
    async fn issue(&self, credentials: &Credentials) -> Result<IssuedToken> {
        let (id, secret) = key_of(credentials);
        self.call(Class::PlatformWrite, "issue a token", move |state| {
            let issued = state.platform.issue(&id, &secret, state.actor, state.now);
            if issued.is_err() {
                // If the current access key has not propagated, the one of a dropped version stays, and is named in the log.
                state.excuse_abandoned(state.actor);
            }
            issued.map(token_of)
        })
        .await
    }

    async fn verify(&self, credentials: &Credentials, token: &SecretString, _: &[Probe]) -> Result<()> {
        let (id, token) = (key_of(credentials).0, token.expose_secret().to_owned());
        self.call(Class::PlatformRead, "validate a token", move |state| state.platform.verify(&id, &token)).await
    }

    async fn revoke(&self, _: &Place, token: &SecretString) -> Result<()> {
        let token = token.expose_secret().to_owned();
        self.call(Class::PlatformWrite, "revoke a token", move |state| {
            state.platform.revoke(&token);
            state.check_reader();
            Ok(())
        })
        .await
    }

    async fn issue_long_lived(&self, _: &Place, token: &SecretString, _: &TokenKind) -> Result<IssuedToken> {
        let token = token.expose_secret().to_owned();
        self.call(Class::PlatformWrite, "generate a token", move |state| {
            state.platform.generate(&token, state.actor).map(token_of)
        })
        .await
    }
}

impl ClientSecrets for Port {
    async fn regenerate(&self, _: &Place, client_id: &str, token: &SecretString) -> Result<SecretString> {
        let (id, token) = (client_id.to_owned(), token.expose_secret().to_owned());
        self.call(Class::PlatformWrite, "regenerate a client secret", move |state| {
            let secret = state.platform.regenerate(&id, &token, state.actor, state.now)?;
            state.on_regenerated();
            Ok(secret.into())
        })
        .await
    }
}

impl AccessKeys for Port {
    async fn key_owner(&self, _: &Place, id: &str, token: &SecretString) -> Result<KeyOwner> {
        let (id, token) = (id.to_owned(), token.expose_secret().to_owned());
        self.call(Class::PlatformRead, "read the owner of a key", move |state| {
            state.platform.key_exists(&id, &token)?;
            Ok(KeyOwner { user_id: "u".to_owned(), tenant_id: "t".to_owned() })
        })
        .await
    }

    async fn create_access_key(&self, _: &Place, _: &KeyOwner, token: &SecretString) -> Result<KeyPair> {
        let token = token.expose_secret().to_owned();
        self.call(Class::PlatformWrite, "create a key", move |state| {
            let (id, secret) = state.platform.create_key(&token, state.actor, state.now)?;
            Ok(KeyPair { id, secret: secret.into() })
        })
        .await
    }

    async fn delete_access_key(&self, _: &Place, id: &str, token: &SecretString) -> Result<()> {
        let (id, token) = (id.to_owned(), token.expose_secret().to_owned());
        self.call(Class::PlatformWrite, "delete a key", move |state| {
            state.platform.delete_key(&id, &token)?;
            state.check_reader();
            Ok(())
        })
        .await
    }
}
