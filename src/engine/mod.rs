//! The secrets engine for Vault and OpenBao.
//!
//! `backend` answers the host. `paths` has one file for each path; the folders below them (`tokens`, `static_roles`,
//! `root`, `revocation`, `status`) do the work with `minting` and `storage`. `upkeep` and `automation` do what is due
//! without a request.

mod automation;
mod backend;
mod background;
mod counters;
mod failure;
mod keep_alive;
mod minting;
mod mount;
mod node;
mod paths;
mod platform;
mod requester;
mod revocation;
mod root;
mod static_roles;
mod status;
mod storage;
mod token;
mod tokens;
mod upkeep;

pub use self::backend::GenesysEngine;
pub use self::mount::GenesysMount;
pub use self::platform::EnginePlatform;
pub use self::static_roles::store::StaticStore;
