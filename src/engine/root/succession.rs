//! Rotation to a second client, or to another access key.
//!
//! The client or key in use stays valid until its successor was validated and stored. After a crash or a lost answer,
//! the next attempt gets another secret or key.

use super::lease;
use super::role_tokens::RoleTokens;
use crate::engine::failure::{logged_failure, to_failure};
use crate::engine::minting::Minting;
use crate::engine::storage::config::Config;
use crate::engine::storage::entries::Entries;
use crate::rotation::{Deadline, ErrorKind, KeyPair, RotationError};
use openbao_plugin::framework::refuse;
use openbao_plugin::{Failure, Response};

/// Replaces the client or access key of configs.
#[derive(Clone)]
pub(crate) struct SuccessorRotation {
    pub(crate) entries: Entries,
    pub(crate) minting: Minting,
    pub(crate) role_tokens: RoleTokens,
}

impl SuccessorRotation {
    /// Regenerates the idle client's secret, and puts that client in place of the one in use.
    ///
    /// # Errors
    /// 400 if the admin's config does not list the clients, the platform's error or the host's; the config is unchanged.
    pub(crate) async fn next_client(
        &self,
        name: &str,
        config: &Config,
        idle: &str,
        admin: &str,
        deadline: Deadline,
    ) -> Result<Response, Failure> {
        let admin = match admin == name {
            true => config.clone(),
            false => {
                let admin_config = Config::named(&self.entries, admin).await?;
                // Each of them becomes the idle one, so both must be listed.
                admin_config.permit_renewal(admin, &[config.credentials().id(), idle])?;
                admin_config
            }
        };
        self.role_tokens.replace_outdated(name, config).await?;
        lease::take(&self.entries, name, self.minting.now()).await?;
        let tokens = self.minting.tokens();
        let regenerated = async {
            // The token is not committed: it is revoked after the call.
            let minted = self.minting.mint_for_admin(&admin, deadline).await?;
            tokens.regenerate(&config.place(), idle, &minted.token.access_token, deadline).await
        };
        let secret = tokens.settle(deadline, regenerated).await;
        if !secret.as_ref().is_err_and(may_be_carried_out) {
            lease::release(&self.entries, name).await;
        }
        let client = KeyPair { id: idle.to_owned(), secret: secret.map_err(|error| logged_failure(&error))? };
        let next = config.with_next_client(&client).map_err(|error| to_failure(&error))?;
        tokens.await_new_secret(&next.credentials(), deadline).await.map_err(|error| logged_failure(&error))?;
        next.store(&self.entries, name).await?;
        Ok(Response::empty())
    }

    /// Creates another access key for the user of the key in use, and deletes the key before it.
    ///
    /// # Errors
    /// The platform's error or the host's; the config is unchanged.
    pub(crate) async fn next_access_key(
        &self,
        name: &str,
        config: &Config,
        ids: (&str, Option<&str>),
        deadline: Deadline,
    ) -> Result<Response, Failure> {
        let tokens = self.minting.tokens();
        let renewed = async {
            let minted = self.minting.mint_for_admin(config, deadline).await?;
            let (place, token) = (minted.token.place(&config.credentials()), &minted.token.access_token);
            let (key, rollback) = tokens.succeed_access_key(&place, ids, token, |_| Ok(()), deadline).await?;
            let next = config.with_next_access_key(&key)?;
            tokens.await_new_secret(&next.credentials(), deadline).await?;
            let stored = next.store(&self.entries, name).await;
            // A write whose answer is lost may store the key: it is not deleted then.
            if !stored.as_ref().is_err_and(Failure::is_read_only) {
                rollback.commit();
            }
            Ok(stored)
        };
        let stored = tokens.settle(deadline, renewed).await;
        stored.map_err(|error: RotationError| logged_failure(&error))??;
        Ok(Response::empty())
    }
}

/// Whether the request of a failed call may still be carried out.
fn may_be_carried_out(error: &RotationError) -> bool {
    matches!(error.kind(), ErrorKind::PlatformUnavailable | ErrorKind::DeadlineExceeded)
}

/// Checks that `idle_client_id` and `admin_config` are complete.
///
/// # Errors
/// 400 that names the missing field.
pub(crate) fn check_second_client(config: &Config) -> Result<(), Failure> {
    let (idle, admin) = config.second_client();
    match (idle, admin) {
        (Some(idle), Some(_)) if idle == config.credentials().id() => Err(refuse(
            "idle_client_id is the client in use",
            "create a second OAuth client with the same roles, and set its id",
        )),
        (Some(_), None) => Err(refuse(
            "idle_client_id has no admin_config",
            "set admin_config to a config whose client may edit both clients (oauth:client:edit, and all of their roles)",
        )),
        (None, Some(_)) => Err(refuse(
            "admin_config has no idle_client_id",
            "set idle_client_id to the id of a second OAuth client with the same roles",
        )),
        _ => Ok(()),
    }
}
