//! The tokens of a config's roles, which the platform may revoke together with a client secret.

use std::sync::Arc;

use crate::engine::automation::last_error::Cause;
use crate::engine::failure::{logged_failure, to_failure};
use crate::engine::minting::Minting;
use crate::engine::static_roles::credential::{StaticCredential, revocation};
use crate::engine::static_roles::role::{CREDENTIALS, ROLES as STATIC_ROLES, StaticRole, StoredVersion, key};
use crate::engine::static_roles::rotation::StaticRotations;
use crate::engine::storage::config::Config;
use crate::engine::storage::entries::Entries;
use crate::engine::storage::role::{PREFIX as ROLES, Role};
use crate::engine::tokens::shared_token::SharedToken;
use crate::rotation::{Deadline, RotationError};
use openbao_plugin::Failure;

/// Replaces the tokens of a config's roles.
#[derive(Clone)]
pub(crate) struct RoleTokens {
    pub(crate) entries: Entries,
    pub(crate) minting: Minting,
    pub(crate) static_rotations: StaticRotations,
}

impl RoleTokens {
    /// Replaces the shared and static tokens of a config that the platform revoked together with the former secret.
    ///
    /// # Errors
    /// Why a token could not be replaced, or the host's error. Replacing again continues.
    pub(crate) async fn replace_revoked(&self, name: &str, config: &Config, deadline: Deadline) -> Result<(), Failure> {
        tracing::warn!(config.name = name, "the platform revoked the client's tokens together with its former secret");
        for role in self.entries.list(ROLES).await? {
            let stored = intact(self.entries.get::<Role>(&Role::key(&role)).await)?;
            if stored.is_some_and(|stored| stored.config == name) {
                let key = SharedToken::key(&role);
                match intact(self.entries.get::<SharedToken>(&key).await)? {
                    Some(stored) => drop(stored.revocation(&asked_by(name)).replace_copy(&key, &self.entries).await?),
                    None => self.entries.delete(&key).await?,
                }
            }
        }
        let mut replaced = Ok(());
        for role_name in self.entries.list(STATIC_ROLES).await? {
            let _lock = self.static_rotations.locks.lock(&role_name).await;
            let Some((role, credential)) = self.static_role(&role_name, name).await? else { continue };
            let rejected = self.minting.is_rejected(config, &credential.token.access_token, deadline).await;
            if rejected.map_err(|error| logged_failure(&error))?
                && !self.drop_unreadable(&role_name, (name, config)).await?
            {
                // The error is logged, and stored in the role.
                let rotated = self.static_rotations.rotate(&role_name, &role, Cause::Request).await;
                replaced = replaced.and(rotated.map_err(|error| to_failure(&error)));
            }
        }
        replaced
    }

    /// Rotates the static roles whose tokens another client than the config's issued: before the secret of that client is
    /// regenerated, no reader must use its tokens.
    ///
    /// # Errors
    /// Why a role could not be rotated, or the host's error.
    pub(crate) async fn replace_outdated(&self, name: &str, config: &Config) -> Result<(), Failure> {
        for role_name in self.entries.list(STATIC_ROLES).await? {
            let _lock = self.static_rotations.locks.lock(&role_name).await;
            let Some((role, credential)) = self.static_role(&role_name, name).await? else { continue };
            let settings = role.settings.document(config).map_err(|error| to_failure(&error))?;
            if !credential.follows_from(&settings) && !self.drop_unreadable(&role_name, (name, config)).await? {
                let rotated = self.static_rotations.rotate(&role_name, &role, Cause::Request).await;
                rotated.map_err(|error| to_failure(&still_in_use(&role_name, &error)))?;
            }
        }
        Ok(())
    }

    /// Deletes the credential of a role that the config does not allow: it has no readers and is not rotated. Once it is
    /// allowed again, it gets a new one. The background task revokes the token. Returns false for a role that is allowed.
    async fn drop_unreadable(&self, role: &str, (name, config): (&str, &Config)) -> Result<bool, Failure> {
        if config.allowed_roles().contains(role) {
            return Ok(false);
        }
        let key = key(CREDENTIALS, role);
        let stored = intact(self.entries.get::<StoredVersion>(&key).await)?;
        match stored.and_then(|stored| revocation(&stored, &asked_by(name)).ok().flatten()) {
            Some(owed) => drop(owed.replace_copy(&key, &self.entries).await?),
            None => self.entries.delete(&key).await?,
        }
        Ok(true)
    }

    /// A static role of a config, with its credential.
    async fn static_role(
        &self,
        name: &str,
        config: &str,
    ) -> Result<Option<(StaticRole, Arc<StaticCredential>)>, Failure> {
        let role = intact(self.entries.get::<StaticRole>(&key(STATIC_ROLES, name)).await)?;
        let Some(role) = role.filter(|role| role.settings.config == config) else { return Ok(None) };
        let credential = intact(StaticCredential::of_role(&self.entries, name).await)?;
        Ok(credential.map(|credential| (role, credential)))
    }
}

/// An entry that was read; `None` for a damaged one, which blocks nothing.
fn intact<T>(entry: Result<Option<T>, Failure>) -> Result<Option<T>, Failure> {
    match entry {
        Err(Failure::Internal(_)) => Ok(None),
        entry => entry,
    }
}

/// What asks for the revocation of tokens that are dropped.
fn asked_by(config: &str) -> String {
    format!("rotate-root/{config}")
}

fn still_in_use(role: &str, error: &RotationError) -> RotationError {
    let message = format!(
        "static-roles/{role} still has a token of the client that gets a new secret, and could not be rotated: {error}"
    );
    RotationError::new(error.kind(), message).with_hint(error.hint().to_owned())
}
