//! Hosts for the tests of secrets engines. Behind the feature `testing`.
//!
//! | | the engine runs | the host is |
//! |---|---|---|
//! | [`serve`] | in the test's process | [`Host`], with its storage in memory |
//! | [`PluginProcess`] and [`Host::connect`] | as its own binary | [`Host`], with its storage in memory |
//! | [`bao::Bao`] | as its own binary | a real OpenBao server |
//! | [`mount`] | in the test's task | a [`DirectHost`]: the test answers each call, without protocol and sockets |
//!
//! All others speak the real protocol over real sockets. [`MemoryStorage`] records the engine's calls and can fail,
//! or interrupt the engine, at any of them.
//!
//! These are test helpers: where something does not work, they panic.

#![expect(clippy::unwrap_used, reason = "a test helper that does not work fails the test")]

pub mod bao;
mod direct;
mod host;
mod identity;
mod in_process;
mod memory_storage;
mod memory_system_view;
mod plugin_process;
mod yamux_session;

/// The messages, clients and servers of the wire.
pub mod wire {
    pub use crate::proto::{logical, pb, plugin};
}

pub use tonic::Status;

pub use self::direct::{DirectHost, StorageAnswer, StorageCall, mount};
pub use self::host::{Host, Transport, of_mount};
pub use self::identity::HostIdentity;
pub use self::in_process::{serve, serve_with};
pub use self::memory_storage::{MemoryStorage, Moment};
pub use self::memory_system_view::MemorySystemView;
pub use self::plugin_process::PluginProcess;
pub use self::yamux_session::YamuxSession;
