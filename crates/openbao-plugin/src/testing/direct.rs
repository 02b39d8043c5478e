//! A mount without the protocol: the test answers the engine's calls itself, in the engine's own task.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use prost::Message;
use prost::bytes::Bytes;
use tonic::Status;

use crate::logical::backend::Mount;
use crate::logical::host_service::HostService;
use crate::logical::storage::Storage;
use crate::logical::system_view::SystemView;
use crate::proto::pb;

/// A call of an engine to its mount's storage. Values are text.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageCall {
    /// The names directly below a prefix.
    List(String),
    /// The value of a key.
    Get(String),
    /// A key, and its new value.
    Put(String, String),
    /// A key that is deleted.
    Delete(String),
}

/// The answer to a [`StorageCall`].
#[derive(Clone, PartialEq, Eq)]
pub enum StorageAnswer {
    /// To a list.
    Names(Vec<String>),
    /// To a get: `None` if there is no such key.
    Value(Option<String>),
    /// To a put or a delete.
    Done,
}

/// A host in the test's process.
pub trait DirectHost: Send + Sync + 'static {
    /// Answers a call, or fails it with a text, as a host does.
    fn call(&self, call: StorageCall) -> impl Future<Output = Result<StorageAnswer, String>> + Send;

    /// Whether the node is a standby, which may not write.
    fn is_standby(&self) -> bool;
}

/// What an engine's mount gets from this host. Both lease times are 32 days.
pub fn mount(host: impl DirectHost) -> Mount {
    let host = Arc::new(host);
    let answers = move |path: &'static str, arguments: Bytes| {
        let host = host.clone();
        async move { answer(&*host, path, arguments).await }.boxed()
    };
    let host = HostService::Direct(Arc::new(answers));
    let (storage, system) = (Storage::new(host.clone()), SystemView::new(host));
    Mount { storage, system, config: BTreeMap::new(), uuid: String::new() }
}

async fn answer(host: &impl DirectHost, path: &str, arguments: Bytes) -> Result<Bytes, Status> {
    let call = match path {
        "/pb.Storage/List" => StorageCall::List(pb::StorageListArgs::decode(arguments).unwrap().prefix),
        "/pb.Storage/Get" => StorageCall::Get(pb::StorageGetArgs::decode(arguments).unwrap().key),
        "/pb.Storage/Delete" => StorageCall::Delete(pb::StorageDeleteArgs::decode(arguments).unwrap().key),
        "/pb.Storage/Put" => {
            let entry = pb::StoragePutArgs::decode(arguments).unwrap().entry.unwrap();
            StorageCall::Put(entry.key, String::from_utf8(entry.value).unwrap())
        }
        "/pb.SystemView/ReplicationState" => {
            let state = if host.is_standby() { STANDBY } else { 0 };
            return Ok(pb::ReplicationStateReply { state }.encode_to_vec().into());
        }
        "/pb.SystemView/LocalMount" => return Ok(pb::LocalMountReply { local: false }.encode_to_vec().into()),
        "/pb.SystemView/DefaultLeaseTTL" | "/pb.SystemView/MaxLeaseTTL" => {
            return Ok(pb::TtlReply { ttl: LEASE_TTL }.encode_to_vec().into());
        }
        _ => return Err(Status::unimplemented(format!("this host has no {path}"))),
    };
    let key = match &call {
        StorageCall::Get(key) => key.clone(),
        _ => String::new(),
    };
    // The replies to a put and a delete are the same: an error text.
    let reply = match host.call(call).await {
        Ok(StorageAnswer::Names(keys)) => pb::StorageListReply { keys, ..Default::default() }.encode_to_vec(),
        Ok(StorageAnswer::Value(value)) => {
            let entry = value.map(|value| pb::StorageEntry { key, value: value.into_bytes(), seal_wrap: false });
            pb::StorageGetReply { entry, ..Default::default() }.encode_to_vec()
        }
        Ok(StorageAnswer::Done) => Vec::new(),
        Err(error) => match path {
            "/pb.Storage/List" => pb::StorageListReply { err: error, ..Default::default() }.encode_to_vec(),
            "/pb.Storage/Get" => pb::StorageGetReply { err: error, ..Default::default() }.encode_to_vec(),
            _ => pb::StoragePutReply { err: error }.encode_to_vec(),
        },
    };
    Ok(reply.into())
}

/// `ReplicationPerformanceStandby` of sdk/helper/consts/replication.go.
const STANDBY: i32 = 1 << 14;
/// 32 days in nanoseconds, the default of Vault and OpenBao.
const LEASE_TTL: i64 = 2_764_800_000_000_000;
