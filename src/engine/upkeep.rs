//! What the background task does: units of work that are independent of each other.

use std::time::Duration;

use jiff::Timestamp;

use super::keep_alive::KeepAlive;
use super::minting::Minting;
use super::node::Node;
use super::revocation::owed::Revocations;
use super::root::rotation::{HEALING_PAUSE, RootRotations};
use super::static_roles::scheduler::Scheduler;
use crate::rotation::Deadline;
use openbao_plugin::Failure;

/// The longest wait between two looks.
pub(super) const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The shortest wait, so that tokens with a life of seconds do not keep a CPU busy.
pub(super) const SHORTEST_SLEEP: Duration = Duration::from_secs(1);
/// How long revoking the tokens of cancelled requests may take.
const ROLLBACK: Duration = Duration::from_secs(10);

/// A unit of work. At most one of each runs at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    /// Revokes the tokens of cancelled requests.
    RollBack,
    /// Completes an interrupted rotation of this config's client secret.
    HealRoot(String),
    /// Rotates this config's client secret or access key, if it is due.
    RotateRoot(String),
    /// Rotates the static roles of this config that are due.
    RotateRoles(String),
    /// Deletes the credentials of this name, which has no static role.
    DeleteOrphan(String),
    /// Revokes the tokens whose revocation is owed.
    Revoke,
    /// Uses the tokens of this config that are to be kept alive.
    KeepAlive(String),
}

/// Finds and does the work of a mount.
#[derive(Clone)]
pub(crate) struct Upkeep {
    pub(crate) node: Node,
    pub(crate) minting: Minting,
    pub(crate) roots: RootRotations,
    pub(crate) scheduler: Scheduler,
    pub(crate) revocations: Revocations,
    pub(crate) keep_alive: KeepAlive,
}

impl Upkeep {
    /// The work that is due, and the wait until more is.
    pub(crate) async fn due(&self) -> (Vec<Work>, Duration) {
        let mut works = vec![Work::RollBack];
        let next = match self.add_due(&mut works).await {
            Ok(next) => next,
            Err(failure) if failure.is_read_only() => {
                tracing::debug!("this node may not write: the active node rotates the static roles");
                None
            }
            Err(failure) => {
                tracing::warn!("the static roles could not be checked: {failure}");
                None
            }
        };
        let Some(next) = next else { return (works, LONGEST_SLEEP) };
        // Zero for what is overdue.
        let left = Duration::try_from(next.duration_since(self.minting.now())).unwrap_or_default();
        (works, left.clamp(SHORTEST_SLEEP, LONGEST_SLEEP))
    }

    /// Adds the work that changes the storage. Returns when more is due; `None` where nothing is, or this node may not
    /// write.
    async fn add_due(&self, works: &mut Vec<Work>) -> Result<Option<Timestamp>, Failure> {
        if !self.node.may_write().await? {
            return Ok(None);
        }
        if self.revocations.is_owed().await? {
            works.push(Work::Revoke);
        }
        let interrupted = self.roots.interrupted().await?;
        let next_attempt = (!interrupted.is_empty()).then(|| self.minting.now() + HEALING_PAUSE);
        works.extend(interrupted.into_iter().map(Work::HealRoot));
        let (roots, next_root) = self.roots.due().await?;
        let (due, kept) = (self.scheduler.due().await?, self.keep_alive.due().await?);
        if !roots.is_empty() || !due.is_empty() || !kept.configs.is_empty() {
            self.scheduler.require_write_access().await?;
        }
        works.extend(roots.into_iter().map(Work::RotateRoot));
        works.extend(due.configs.into_iter().map(Work::RotateRoles));
        works.extend(due.orphans.into_iter().map(Work::DeleteOrphan));
        works.extend(kept.configs.into_iter().map(Work::KeepAlive));
        Ok(due.next.into_iter().chain(kept.next).chain(next_root).chain(next_attempt).min())
    }

    /// Records the tokens of failed requests that could not be revoked. An error is logged.
    pub(crate) async fn owe_unrevoked(&self) {
        if let Err(failure) = self.revocations.owe_unrevoked().await {
            tracing::warn!("a token that could not be revoked could not be stored for a retry: {failure}");
        }
    }

    /// Does a unit of work. Returns whether it changed when the next work is due.
    pub(crate) async fn perform(&self, work: Work) -> bool {
        match work {
            Work::RollBack => {
                self.minting.roll_back(Deadline::after(ROLLBACK)).await;
                self.owe_unrevoked().await;
            }
            Work::HealRoot(config) => self.roots.heal(&config).await,
            Work::RotateRoot(config) => {
                self.roots.rotate_if_due(&config).await;
                return true;
            }
            Work::RotateRoles(config) => {
                if let Err(failure) = self.scheduler.rotate_roles_of(&config).await {
                    tracing::warn!(config.name = config, "the static roles could not be rotated: {failure}");
                }
                self.revocations.resume();
                return true;
            }
            Work::DeleteOrphan(name) => self.scheduler.delete_orphan(&name).await,
            Work::Revoke => self.revocations.settle_in_background().await,
            Work::KeepAlive(config) => {
                if let Err(failure) = self.keep_alive.use_tokens_of(&config).await {
                    tracing::warn!(config.name = config, "the tokens could not be kept alive: {failure}");
                }
                return true;
            }
        }
        false
    }
}
