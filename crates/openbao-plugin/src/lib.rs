//! Secrets engines for [OpenBao] and [HashiCorp Vault], written in Rust.
//!
//! A secrets engine is a plugin: a binary that the server starts, and that answers the requests to its mounts over
//! HashiCorp's [go-plugin] protocol (gRPC over a Unix socket, with mutual TLS). This crate implements the protocol, a
//! table of routes with help and OpenAPI, and hosts to test engines with. No Go and no protoc are needed.
//!
//! - [`Engine`] creates a [`Backend`] for each mount. One process serves any number of mounts.
//! - [`Backend`] answers requests. [`framework::Router`] answers most of them from a table of routes.
//! - [`Storage`] is the mount's encrypted storage, and [`SystemView`] the host's lease times and replication state.
//! - [`main`], or [`start`] and [`run`], make a binary of it, which prints its checksum and its help when a person starts it.
//! - An engine of the [kind](PluginKind) `AuthMethod` is an auth method: it logs callers in.
//! - `testing`, behind the feature of that name, tests engines in the test's process and on real OpenBao servers.
//!
//! # Example
//!
//! A whole engine:
//!
//! ```no_run
#![doc = include_str!("../examples/notes-engine.rs")]
//! ```
//!
//! Copy the binary into the server's `plugin_directory`, and then:
//!
//! ```text
//! bao plugin register -sha256=$(notes-engine --sha256) -version=v1.0.0 secret notes-engine
//! bao secrets enable -path=notes notes-engine
//! bao write notes/notes/first text=hello
//! bao read notes/notes/first
//! ```
//!
//! `examples/key-value-engine.rs` is a larger engine, with renewals, transactions and fields of each kind, and
//! `examples/password-auth-method.rs` an auth method.
//!
//! # Logging
//!
//! Engines log with [`tracing`]. Standard output belongs to the protocol: never print to it. Libraries below log
//! secrets at TRACE, so filter them, or set tracing's feature `release_max_level_info` in your binary's package. This
//! crate does not set it, because it would apply to all crates of the binary.
//!
//! # Layers
//!
//! Imports run one way: `entry` → `serve`, `standalone` → `framework` → `logical` → `go_plugin` → `proto`. `testing` is on top of
//! all of them.
//!
//! | module | |
//! |---|---|
//! | `go_plugin` | handshake, mutual TLS, sockets, multiplexing, the broker, shutdown |
//! | `logical` | the traits, messages, mounts, storage and the system view |
//! | [`framework`] | routes, fields, names, help, OpenAPI |
//!
//! [OpenBao]: https://openbao.org
//! [HashiCorp Vault]: https://developer.hashicorp.com/vault
//! [go-plugin]: https://github.com/hashicorp/go-plugin

mod entry;
mod error_chain;
pub mod framework;
mod go_plugin;
mod hclog;
mod logical;
mod proto;
mod serve;
mod standalone;
#[cfg(feature = "testing")]
pub mod testing;

pub use entry::main;
pub use go_plugin::handshake::{HandshakeError, HostEnvironment};
pub use go_plugin::host_error::HostError;
pub use hclog::HclogLayer;
pub use logical::auth::{Auth, HeldAuth, TokenType};
pub use logical::backend::{Backend, Engine, Mount, PluginKind, SpecialPaths};
pub use logical::caller::{Connection, WrapRequest};
pub use logical::cancellation::Cancellation;
pub use logical::event::Event;
pub use logical::failure::Failure;
pub use logical::identity::{Alias, Entity, Group};
pub use logical::lease::{HeldLease, Lease};
pub use logical::request::{Operation, Request};
pub use logical::response::Response;
pub use logical::storage::{Page, Storage, StorageEntry, Transaction};
pub use logical::system_view::{ReplicationState, SystemView};
pub use serve::{ServeError, Server, run, serve};
pub use standalone::{About, Start, Terminal, start};
