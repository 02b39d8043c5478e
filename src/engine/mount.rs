//! The parts of one mount.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::RwLock;

use super::background::Background;
use super::keep_alive::KeepAlive;
use super::minting::Minting;
use super::node::Node;
use super::revocation::owed::Revocations;
use super::revocation::readers::TokenReaders;
use super::root::role_tokens::RoleTokens;
use super::root::rotation::RootRotations;
use super::static_roles::rotation::StaticRotations;
use super::static_roles::scheduler::Scheduler;
use super::storage::entries::Entries;
use super::storage::locks::Locks;
use super::tokens::lease::Leases;
use super::tokens::shared_token::SharedTokens;
use super::upkeep::Upkeep;
use openbao_plugin::Mount;

/// One mount. Clones are the same mount.
#[derive(Clone)]
pub struct GenesysMount {
    pub(crate) entries: Entries,
    pub(crate) node: Node,
    pub(crate) minting: Minting,
    pub(crate) leases: Leases,
    pub(crate) shared_tokens: SharedTokens,
    pub(crate) static_rotations: StaticRotations,
    pub(crate) roots: RootRotations,
    pub(crate) background: Background,
    pub(crate) readers: TokenReaders,
    pub(crate) revocations: Revocations,
    /// One task at a time writes or deletes a role, because a write merges with the stored role.
    pub(crate) role_locks: Locks,
    /// Held for reading while an entry that names a config is stored, and for writing while a config is deleted. Not held
    /// across a call to the platform.
    pub(crate) config_references: Arc<RwLock<()>>,
}

impl GenesysMount {
    pub(crate) fn new(mount: Mount, minting: Minting) -> Self {
        let (entries, node) = (Entries::new(mount.storage), Node::new(mount.system));
        let static_rotations = StaticRotations::new(entries.clone(), minting.clone());
        let role_tokens = RoleTokens {
            entries: entries.clone(),
            minting: minting.clone(),
            static_rotations: static_rotations.clone(),
        };
        let roots = RootRotations::new(entries.clone(), node.clone(), minting.clone(), role_tokens);
        let is_stopping = Arc::<AtomicBool>::default();
        let scheduler = Scheduler {
            entries: entries.clone(),
            rotations: static_rotations.clone(),
            minting: minting.clone(),
            is_stopping: is_stopping.clone(),
        };
        let shared_tokens = SharedTokens::new(entries.clone(), node.clone(), minting.clone());
        let readers = TokenReaders {
            entries: entries.clone(),
            static_rotations: static_rotations.clone(),
            shared_tokens: shared_tokens.clone(),
        };
        let revocations = Revocations::new(entries.clone(), minting.clone(), readers.clone());
        let upkeep = Upkeep {
            node: node.clone(),
            minting: minting.clone(),
            roots: roots.clone(),
            scheduler,
            revocations: revocations.clone(),
            keep_alive: KeepAlive::new(entries.clone(), minting.clone(), readers.clone()),
        };
        Self {
            leases: Leases { entries: entries.clone(), node: node.clone(), minting: minting.clone() },
            shared_tokens,
            readers,
            revocations,
            background: Background::new(upkeep, minting.clone(), is_stopping),
            entries,
            node,
            minting,
            static_rotations,
            roots,
            role_locks: Locks::default(),
            config_references: Arc::default(),
        }
    }

    /// Runs one pass of the background task: for tests that decide when it runs.
    pub async fn run_pass(&self) {
        self.background.run_pass().await;
    }
}
