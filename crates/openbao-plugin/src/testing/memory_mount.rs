//! A mount over a storage in memory, without the protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use prost::Message;
use prost::bytes::Bytes;
use tonic::{Request, Status};

use super::memory_storage::MemoryStorage;
use super::memory_system_view::MemorySystemView;
use crate::logical::backend::Mount;
use crate::logical::host_service::HostService;
use crate::logical::storage::Storage;
use crate::logical::system_view::SystemView;
use crate::proto::pb::events_server::Events;
use crate::proto::pb::storage_server::Storage as _;
use crate::proto::pb::system_view_server::SystemView as _;

/// What an engine's mount gets from a host in memory. The engine runs in the test's own task, without sockets.
///
/// The storage records the calls, and fails on demand:
///
/// ```
/// use openbao_plugin::testing::{MemoryStorage, MemorySystemView, memory_mount};
/// use openbao_plugin::{Backend, Engine, Failure, Mount, Operation, Request, Response, StorageEntry};
///
/// struct Notes;
///
/// struct NotesMount(Mount);
///
/// impl Engine for Notes {
///     type Backend = NotesMount;
///
///     fn version(&self) -> String {
///         "v1.0.0".to_owned()
///     }
///
///     fn mount(&self, mount: Mount) -> Result<NotesMount, Failure> {
///         Ok(NotesMount(mount))
///     }
/// }
///
/// impl Backend for NotesMount {
///     async fn handle_request(&self, request: Request) -> Result<Response, Failure> {
///         self.0.storage.put(StorageEntry::new(request.path, "a note")).await?;
///         Ok(Response::empty())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Failure> {
/// let (storage, system) = (MemoryStorage::default(), MemorySystemView::default());
/// let mount = Notes.mount(memory_mount(&storage, &system))?;
/// let write = || Request::new(Operation::Update, "notes/first");
///
/// mount.handle_request(write()).await?;
/// assert_eq!(storage.text("notes/first").as_deref(), Some("a note"));
///
/// storage.refuse("the disk is full");
/// let failure = mount.handle_request(write()).await.unwrap_err();
/// assert_eq!(failure.to_string(), "the disk is full");
/// assert_eq!(storage.calls(), ["put notes/first", "put notes/first"]);
/// # Ok(())
/// # }
/// ```
pub fn memory_mount(storage: &MemoryStorage, system: &MemorySystemView) -> Mount {
    let (storage, system) = (storage.clone(), system.clone());
    let answers = move |path: &'static str, arguments: Bytes| {
        let (storage, system) = (storage.clone(), system.clone());
        async move { answer(&storage, &system, path, arguments).await }.boxed()
    };
    let host = HostService::Direct(Arc::new(answers));
    let (storage, system) = (Storage::new(host.clone()), SystemView::new(host));
    Mount { storage, system, config: BTreeMap::new(), uuid: String::new() }
}

/// Decodes the arguments, calls the method, and encodes its reply.
macro_rules! call {
    ($service:ident.$method:ident($arguments:ident)) => {{
        let message = Message::decode($arguments).map_err(|error| Status::internal(error.to_string()))?;
        Ok($service.$method(Request::new(message)).await?.into_inner().encode_to_vec().into())
    }};
}

async fn answer(
    storage: &MemoryStorage,
    system: &MemorySystemView,
    path: &str,
    arguments: Bytes,
) -> Result<Bytes, Status> {
    match path.rsplit('/').next().unwrap_or_default() {
        "List" => call!(storage.list(arguments)),
        "ListPage" => call!(storage.list_page(arguments)),
        "Get" => call!(storage.get(arguments)),
        "Put" => call!(storage.put(arguments)),
        "Delete" => call!(storage.delete(arguments)),
        "IsTransactional" => call!(storage.is_transactional(arguments)),
        "BeginTx" => call!(storage.begin_tx(arguments)),
        "Commit" => call!(storage.commit(arguments)),
        "Rollback" => call!(storage.rollback(arguments)),
        "DefaultLeaseTTL" => call!(system.default_lease_ttl(arguments)),
        "MaxLeaseTTL" => call!(system.max_lease_ttl(arguments)),
        "ReplicationState" => call!(system.replication_state(arguments)),
        "LocalMount" => call!(system.local_mount(arguments)),
        "Tainted" => call!(system.tainted(arguments)),
        "CachingDisabled" => call!(system.caching_disabled(arguments)),
        "PluginEnv" => call!(system.plugin_env(arguments)),
        "ClusterInfo" => call!(system.cluster_info(arguments)),
        "GenerateIdentityToken" => call!(system.generate_identity_token(arguments)),
        "SendEvent" => call!(system.send_event(arguments)),
        _ => Err(Status::unimplemented(format!("this host has no {path}"))),
    }
}
