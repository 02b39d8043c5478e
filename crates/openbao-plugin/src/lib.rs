//! Secrets engines for [OpenBao] and [HashiCorp Vault], written in Rust.
//!
//! A secrets engine is a plugin: a binary that the server starts, and that answers the requests to its mounts over
//! HashiCorp's [go-plugin] protocol (gRPC over a Unix socket, with mutual TLS). This crate implements the protocol, a
//! table of routes with help and OpenAPI, and hosts to test engines with. No Go and no protoc are needed.
//!
//! - [`Engine`] creates a [`Backend`] for each mount. One process serves any number of mounts.
//! - [`Backend`] answers requests. [`framework::Router`] answers most of them from a table of routes.
//! - [`Storage`] is the mount's encrypted storage, and [`SystemView`] the host's lease times and replication state.
//! - [`start`] and [`run`] make a binary of it, which prints its checksum and its help when a person starts it.
//! - `testing`, behind the feature of that name, tests engines in the test's process and on real OpenBao servers.
//!
//! # Example
//!
//! A whole engine. It stores texts below `notes/`:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use openbao_plugin::framework::{Call, Field, Route, Router, refuse};
//! use openbao_plugin::{
//!     About, Backend, Engine, Failure, HclogLayer, Mount, Operation, Request, Response, Start, Storage, StorageEntry,
//!     Terminal, run, start,
//! };
//! use serde_json::{Map, Value};
//! use tracing_subscriber::layer::SubscriberExt;
//! use tracing_subscriber::util::SubscriberInitExt;
//!
//! const ABOUT: About<'static> = About::new("notes", "v1.0.0", "Stores notes.");
//!
//! static ROUTER: Router<NotesMount> = Router::new(
//!     "Stores notes.",
//!     &[Route::new("notes/:name", "A note.")
//!         .help("A write replaces the note.")
//!         .fields(&[Field::text("text", "The text of the note.").required()])
//!         .read("Reads the note.", |mount, call| Box::pin(NotesMount::read(mount, call)))
//!         .write("Writes the note.", |mount, call| Box::pin(NotesMount::write(mount, call)))],
//! );
//!
//! struct NotesEngine;
//!
//! impl Engine for NotesEngine {
//!     type Backend = NotesMount;
//!
//!     fn version(&self) -> String {
//!         ABOUT.version.to_owned()
//!     }
//!
//!     fn mount(&self, mount: Mount) -> Result<NotesMount, Failure> {
//!         Ok(NotesMount { storage: mount.storage })
//!     }
//! }
//!
//! struct NotesMount {
//!     storage: Storage,
//! }
//!
//! impl Backend for NotesMount {
//!     async fn handle_request(&self, request: Request) -> Result<Response, Failure> {
//!         match request.operation {
//!             // The host's periodic tick.
//!             Operation::Rollback => Ok(Response::empty()),
//!             _ => ROUTER.handle(self, request).await,
//!         }
//!     }
//! }
//!
//! impl NotesMount {
//!     async fn read(&self, call: Call) -> Result<Response, Failure> {
//!         let Some(entry) = self.storage.get(&key(&call)).await? else { return Ok(Response::empty()) };
//!         let text = String::from_utf8_lossy(&entry.value).into_owned();
//!         Ok(Response::with_data(Map::from_iter([("text".to_owned(), Value::from(text))])))
//!     }
//!
//!     async fn write(&self, call: Call) -> Result<Response, Failure> {
//!         let text = call.text("text").unwrap_or_default();
//!         if text.is_empty() {
//!             return Err(refuse("text is empty", "send a text, or delete the note"));
//!         }
//!         self.storage.put(StorageEntry::new(key(&call), text)).await?;
//!         Ok(Response::empty())
//!     }
//! }
//!
//! fn key(call: &Call) -> String {
//!     format!("notes/{}", call.name())
//! }
//!
//! fn main() -> ExitCode {
//!     tracing_subscriber::registry().with(HclogLayer::new(std::io::stderr())).init();
//!     let executable = std::env::current_exe().unwrap_or_default();
//!     let terminal = Terminal::new(std::io::stdout(), std::io::stderr(), &executable);
//!     match start(&ABOUT, |name| std::env::var(name).ok(), std::env::args().skip(1), terminal) {
//!         Start::Serve(host) => run(&host, NotesEngine),
//!         Start::Exit(code) => code,
//!     }
//! }
//! ```
//!
//! Copy the binary into the server's `plugin_directory`, and then:
//!
//! ```text
//! bao plugin register -sha256=$(notes --sha256) -version=v1.0.0 secret notes
//! bao secrets enable notes
//! bao write notes/notes/first text=hello
//! ```
//!
//! The repository's `examples/key-value-engine.rs` is a larger engine, with leases, lists and fields of each kind.
//!
//! # Logging
//!
//! Engines log with [`tracing`]. Standard output belongs to the protocol: never print to it. Libraries below log
//! secrets at TRACE, so filter them, or set tracing's feature `release_max_level_info` in your binary's package. This
//! crate does not set it, because it would apply to all crates of the binary.
//!
//! # Layers
//!
//! Imports run one way: `serve`, `standalone` → `framework` → `logical` → `go_plugin` → `proto`. `testing` is on top of
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
