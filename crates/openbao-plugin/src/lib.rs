//! Secrets engines for Vault and OpenBao, over HashiCorp's go-plugin protocol.
//!
//! An engine implements [`Engine`] and [`Backend`]; a binary calls [`start`], which tells a host from a person at a
//! terminal, and then [`run`]. The host and this process take nobody else for each other: mutual TLS over a unix
//! socket, each end pinned to one certificate. One process serves any number of mounts, each with a [`Storage`] of its
//! own that the host keeps.
//!
//! This part knows nothing of the engines that it serves. `docs/go-plugin.md` describes the protocol.

pub mod framework;
mod go_plugin;
mod hclog;
mod logical;
mod proto;
mod serve;
mod standalone;
#[cfg(feature = "testing")]
pub mod testing;

pub use go_plugin::handshake::{HostEnvironment, Refusal};
pub use hclog::HclogLayer;
pub use logical::backend::{Backend, Engine, HeldLease, Lease, Mount, Operation, Request, Response, SpecialPaths};
pub use logical::failure::{Failure, HostError};
pub use logical::storage::{Storage, StorageEntry};
pub use logical::system_view::{ReplicationState, SystemView};
pub use serve::{ServeError, run, serve};
pub use standalone::{About, Start, Terminal, start};
