//! Secrets engines for Vault and OpenBao, over HashiCorp's go-plugin protocol.
//!
//! An engine implements [`Engine`] and [`Backend`]; a binary calls [`start`], which tells a host from a person at a
//! terminal, and then [`run`]. The host and this process take nobody else for each other: mutual TLS over a unix
//! socket, each end pinned to one certificate. One process serves any number of mounts, each with a [`Storage`] of its
//! own that the host keeps.
//!
//! This part knows nothing of the engines that it serves. `docs/go-plugin.md` describes the protocol.

mod accept;
mod backend;
mod broker;
mod by_hand;
mod end;
mod environment;
mod failure;
mod log;
mod message;
mod mounts;
mod mux;
mod process;
mod proto;
mod serve;
mod socket;
mod storage;
mod system_view;
mod tls;

pub use backend::{Backend, Engine, HeldLease, Lease, Mount, Operation, Request, Response, SpecialPaths};
pub use by_hand::{About, Start, Terminal, start};
pub use environment::{HostEnvironment, Refusal};
pub use failure::{Failure, HostError};
pub use log::HclogLayer;
pub use serve::{ServeError, run, serve};
pub use storage::{Storage, StorageEntry};
pub use system_view::{ReplicationState, SystemView};
