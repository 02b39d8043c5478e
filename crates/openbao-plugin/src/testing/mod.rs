//! Hosts for the tests of secrets engines. Behind the feature `testing`.
//!
//! | | the engine runs | the host is |
//! |---|---|---|
//! | [`memory_mount`] | in the test's task | a storage and a system view in memory, without protocol and sockets |
//! | [`serve`] | in the test's process | [`Host`], with its storage in memory |
//! | [`PluginProcess`] and [`Host::connect`] | as its own binary | [`Host`], with its storage in memory |
//! | [`bao::Bao`] | as its own binary | a real OpenBao server |
//! | [`mount`] | in the test's task | a [`DirectHost`]: the test answers each call of the storage itself |
//!
//! [`serve`], [`PluginProcess`] and [`bao::Bao`] speak the real protocol over real sockets. [`MemoryStorage`] records the
//! engine's calls and can fail, or interrupt the engine, at any of them. [`memory_mount`] has an example.
//!
//! An engine in the test's process, over the protocol:
//!
//! ```no_run
//! # use openbao_plugin::Engine;
//! use openbao_plugin::testing::{MemoryStorage, Moment, serve};
//!
//! # async fn test(engine: impl Engine) {
//! let storage = MemoryStorage::default();
//! let (host, _directory) = serve(engine, storage.clone()).await;
//! let reply = host.ask("mount", "update", "notes/first", r#"{"text": "hello"}"#).await.unwrap();
//! assert!(reply.err.is_none());
//! // The third call from now on is executed, and never answered.
//! storage.at_call(2, Moment::After, || {});
//! # }
//! ```
//!
//! A real OpenBao server; without OpenBao the test is skipped:
//!
//! ```no_run
//! use openbao_plugin::testing::bao::{Bao, Plugin};
//! use serde_json::json;
//!
//! # async fn test() {
//! let binary = "target/debug/my-engine".into();
//! let plugin = Plugin { name: "my-engine", version: "v1.0.0", binary, environment: Vec::new() };
//! let Some(bao) = Bao::with(&plugin).await else { return };
//! bao.mount(&plugin, "mine").await;
//! let (status, answer) = bao.call("PUT", "mine/notes/first", json!({"text": "hello"})).await;
//! assert_eq!(status, 204, "{answer}");
//! # }
//! ```
//!
//! These are test helpers: where something does not work, they panic.

#![expect(clippy::unwrap_used, reason = "a test helper that does not work fails the test")]

pub mod bao;
mod direct;
mod host;
mod identity;
mod in_process;
mod memory_mount;
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
pub use self::memory_mount::memory_mount;
pub use self::memory_storage::{MemoryStorage, Moment};
pub use self::memory_system_view::MemorySystemView;
pub use self::plugin_process::PluginProcess;
pub use self::yamux_session::YamuxSession;
