//! Rotation of a config's client secret or access key.

use super::in_place::{InPlaceRotation, ROTATION};
use super::succession::SuccessorRotation;
use crate::engine::node::Node;
use crate::engine::storage::config::{Config, PREFIX, SecretSuccession};
use crate::engine::storage::entries::Entries;
use crate::engine::storage::locks::Locks;
use crate::rotation::Deadline;
use openbao_plugin::framework::refuse;
use openbao_plugin::{Failure, Response};

/// Rotates the secrets of configs. Clones share the locks.
#[derive(Clone)]
pub(crate) struct RootRotations {
    pub(crate) entries: Entries,
    pub(crate) node: Node,
    pub(crate) in_place: InPlaceRotation,
    pub(crate) successor: SuccessorRotation,
    /// One task at a time writes or rotates a config.
    pub(crate) locks: Locks,
}

impl RootRotations {
    /// Gets a new secret for a config, and stores it. The caller holds the config's lock.
    ///
    /// # Errors
    /// 400 for a config whose secret cannot be rotated, the platform's error, or the host's. A regenerated secret that
    /// may be lost is regenerated again by [`heal`](Self::heal).
    pub(crate) async fn rotate(&self, name: &str) -> Result<Response, Failure> {
        self.node.require_writable().await?;
        let config = Config::named(&self.entries, name).await?;
        self.refuse_if_shared(name, &config).await?;
        let deadline = Deadline::after(ROTATION);
        let answer = match config.succession() {
            SecretSuccession::InPlace => self.in_place.rotate(name, &config, deadline).await?,
            SecretSuccession::NextClient { idle, admin } => {
                self.successor.next_client(name, &config, idle, admin, deadline).await?
            }
            SecretSuccession::NextAccessKey { in_use, former } => {
                self.successor.next_access_key(name, &config, (in_use, former), deadline).await?
            }
            SecretSuccession::VendorOnly => {
                let hint = "have NICE issue a new secret for the older application, and write it to config/";
                return Err(refuse("the secret of an older application of nice-cxone cannot be rotated", hint));
            }
        };
        tracing::info!(config.name = name, "the config has a new secret");
        Ok(answer)
    }

    /// The configs whose in-place rotation a crash or a lost answer interrupted.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn interrupted(&self) -> Result<Vec<String>, Failure> {
        self.in_place.interrupted().await
    }

    /// Completes an interrupted in-place rotation, unless another task holds the config's lock. An error is logged.
    pub(crate) async fn heal(&self, name: &str) {
        let Some(_lock) = self.locks.try_lock(name) else { return };
        if let Err(why) = self.in_place.heal(name, Deadline::after(ROTATION)).await {
            tracing::error!(
                config.name = name,
                "the rotation of the client secret was interrupted, and the new secret is unknown: {why}"
            );
        }
    }

    /// Refuses a rotation that would invalidate the credentials of another config.
    async fn refuse_if_shared(&self, name: &str, config: &Config) -> Result<(), Failure> {
        let Some(id) = config.succession().invalidated_id(config) else { return Ok(()) };
        for other in self.entries.list(PREFIX).await? {
            // A damaged config mints no tokens, and does not block the rotation.
            let Ok(Some(stored)) = self.entries.get::<Config>(&Config::key(&other)).await else { continue };
            if other != name && stored.platform() == config.platform() && stored.depends_on(id) {
                let sentence = format!("config/{other} holds {id} as well: rotation would invalidate its credentials");
                return Err(refuse(sentence, "give each config its own client or access key"));
            }
        }
        Ok(())
    }
}
