//! The parts of one mount.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::background::Background;
use super::minting::Minting;
use super::node::Node;
use super::root::in_place::InPlaceRotation;
use super::root::role_tokens::RoleTokens;
use super::root::rotation::RootRotations;
use super::root::succession::SuccessorRotation;
use super::static_roles::rotation::StaticRotations;
use super::storage::entries::Entries;
use super::storage::locks::Locks;
use super::tokens::lease::Leases;
use super::tokens::shared_token::SharedTokens;
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
    /// One task at a time writes a role, because a write merges with the stored role.
    pub(crate) role_writes: Arc<Mutex<()>>,
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
        let in_place =
            InPlaceRotation { entries: entries.clone(), minting: minting.clone(), role_tokens: role_tokens.clone() };
        let successor = SuccessorRotation { entries: entries.clone(), minting: minting.clone(), role_tokens };
        let (locks, on) = (Locks::default(), node.clone());
        let roots = RootRotations { entries: entries.clone(), node: on, in_place, successor, locks };
        Self {
            leases: Leases { entries: entries.clone(), node: node.clone(), minting: minting.clone() },
            shared_tokens: SharedTokens::new(entries.clone(), node.clone(), minting.clone()),
            background: Background::new(
                entries.clone(),
                node.clone(),
                minting.clone(),
                roots.clone(),
                static_rotations.clone(),
            ),
            entries,
            node,
            minting,
            static_rotations,
            roots,
            role_writes: Arc::default(),
        }
    }

    /// Runs one pass of the background task: for tests that decide when it runs.
    pub async fn run_pass(&self) {
        self.background.run_pass().await;
    }
}
