//! Rotation of a config's client secret or access key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::automation::{PREFIX as AUTOMATIONS, RootAutomation};
use super::in_place::{InPlaceRotation, ROTATION};
use super::role_tokens::RoleTokens;
use super::succession::SuccessorRotation;
use crate::engine::counters::{Action, Counted};
use crate::engine::failure::to_error;
use crate::engine::minting::Minting;
use crate::engine::node::Node;
use crate::engine::storage::config::{Config, PREFIX, SecretSuccession};
use crate::engine::storage::entries::Entries;
use crate::engine::storage::locks::Locks;
use crate::rotation::Deadline;
use openbao_plugin::framework::refuse;
use openbao_plugin::{Failure, Response};

/// The shortest time between a failed attempt to complete an interrupted rotation and the next.
pub(crate) const HEALING_PAUSE: Duration = Duration::from_secs(10);

/// Rotates the secrets of configs. Clones share the locks.
#[derive(Clone)]
pub(crate) struct RootRotations {
    entries: Entries,
    node: Node,
    minting: Minting,
    pub(crate) in_place: InPlaceRotation,
    successor: SuccessorRotation,
    /// One task at a time writes or rotates a config.
    pub(crate) locks: Locks,
    /// When the last attempt to complete the rotation of a config failed.
    failed_at: Arc<Mutex<HashMap<String, Instant>>>,
}

impl RootRotations {
    pub(crate) fn new(entries: Entries, node: Node, minting: Minting, role_tokens: RoleTokens) -> Self {
        let in_place =
            InPlaceRotation { entries: entries.clone(), minting: minting.clone(), role_tokens: role_tokens.clone() };
        let successor = SuccessorRotation { entries: entries.clone(), minting: minting.clone(), role_tokens };
        Self { entries, node, minting, in_place, successor, locks: Locks::default(), failed_at: Arc::default() }
    }

    /// Gets a new secret for a config, and stores it. The caller holds the config's lock.
    ///
    /// # Errors
    /// 400 for a config whose secret cannot be rotated, the platform's error, or the host's. A regenerated secret that
    /// may be lost is regenerated again by [`heal`](Self::heal).
    pub(crate) async fn rotate(&self, name: &str, deadline: Deadline) -> Result<Response, Failure> {
        self.node.require_writable().await?;
        let rotated = self.run(name, deadline).await;
        let counted = rotated.as_ref().map(drop).map_err(to_error);
        self.minting.counters.add_result(name, Action::RotateRoot, Counted::RootRotated, &counted);
        self.record(name, &rotated).await;
        rotated
    }

    /// The configs whose rotation is due, and when the next of the others is.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn due(&self) -> Result<(Vec<String>, Option<Timestamp>), Failure> {
        let (mut due, mut next, now) = (Vec::new(), None, self.minting.now());
        for name in self.entries.list(AUTOMATIONS).await? {
            match RootAutomation::of(&self.entries, &name).await {
                Ok(automation) => match automation.and_then(|automation| automation.next_rotation(now)) {
                    Some(at) if at <= now => due.push(name),
                    Some(at) => next = Some(next.map_or(at, |next: Timestamp| next.min(at))),
                    None => {}
                },
                Err(failure) => tracing::warn!(config.name = name, "automated rotation is skipped: {failure}"),
            }
        }
        Ok((due, next))
    }

    /// Rotates the secret of a config if it is due, unless another task holds the config's lock. The error is logged, and
    /// stored.
    pub(crate) async fn rotate_if_due(&self, name: &str) {
        let Some(_lock) = self.locks.try_lock(name) else { return };
        let automation = RootAutomation::of(&self.entries, name).await.ok().flatten();
        let now = self.minting.now();
        let is_due = automation.and_then(|automation| automation.next_rotation(now)).is_some_and(|at| at <= now);
        if is_due && let Err(failure) = self.rotate(name, Deadline::after(ROTATION)).await {
            tracing::error!(config.name = name, "the automated rotation of the client secret failed: {failure}");
        }
    }

    /// Stores how a rotation ended, where the config has settings for automated rotation.
    async fn record(&self, name: &str, rotated: &Result<Response, Failure>) {
        // A node that may not write stores nothing.
        if rotated.as_ref().is_err_and(Failure::is_read_only) {
            return;
        }
        let Ok(Some(automation)) = RootAutomation::of(&self.entries, name).await else { return };
        let now = self.minting.now();
        let automation = match rotated {
            Ok(_) => automation.rotated(now),
            Err(failure) => automation.failed(failure, now),
        };
        if let Err(failure) = RootAutomation::store(&self.entries, name, Some(&automation)).await {
            tracing::warn!(config.name = name, "the result of the rotation could not be stored: {failure}");
        }
    }

    async fn run(&self, name: &str, deadline: Deadline) -> Result<Response, Failure> {
        let Some(config) = self.entries.get::<Config>(&Config::key(name)).await? else {
            // A crash during the deletion of the config leaves its settings.
            RootAutomation::store(&self.entries, name, None).await?;
            return Config::named(&self.entries, name).await.map(|_| Response::empty());
        };
        self.refuse_if_shared(name, &config).await?;
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

    /// Completes an interrupted in-place rotation, unless another task holds the config's lock, or an attempt failed in the
    /// last ten seconds: each requests a token. An error is logged.
    pub(crate) async fn heal(&self, name: &str) {
        let Some(_lock) = self.locks.try_lock(name) else { return };
        if self.failed_at.lock().get(name).is_some_and(|at| at.elapsed() < HEALING_PAUSE) {
            return;
        }
        let healed = self.in_place.heal(name, Deadline::after(ROTATION)).await;
        let mut failed_at = self.failed_at.lock();
        failed_at.remove(name);
        if let Err(why) = healed {
            failed_at.insert(name.to_owned(), Instant::now());
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
