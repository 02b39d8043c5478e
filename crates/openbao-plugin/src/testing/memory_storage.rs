//! A host's storage in memory, with scripted failures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Barrier;
use tonic::{Request, Response, Status};

use crate::proto::pb;

/// A host's storage in memory. Clones share it.
///
/// It records every call, and can fail writes, lose their answers, or run an action at a given call.
#[derive(Clone, Default)]
pub struct MemoryStorage {
    entries: Arc<Mutex<Entries>>,
    script: Arc<Mutex<Script>>,
}

type Entries = BTreeMap<String, pb::StorageEntry>;

/// OpenBao's error for a key with a `.` or `..` segment.
const RELATIVE: &str = "relative paths not supported";

/// The scripted failures, and the recorded calls.
#[derive(Default)]
struct Script {
    refusal: String,
    are_answers_lost: bool,
    calls: Vec<String>,
    meeting: Option<(String, Arc<Barrier>)>,
    event: Option<Event>,
    is_transactional: bool,
    /// The writes of the transactions that have not ended, by id. `None` deletes a key.
    transactions: BTreeMap<String, Vec<(String, Option<pb::StorageEntry>)>>,
}

/// An action that runs at a call.
struct Event {
    calls_before: usize,
    moment: Moment,
    action: Box<dyn FnOnce() + Send>,
}

/// When an action runs, relative to its call. In both cases the call is never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the call is executed; it is not executed.
    Before,
    /// After the call was executed.
    After,
}

impl MemoryStorage {
    /// Adds transactions, as OpenBao's integrated storage has them, for the mounts that are set up after it. A transaction
    /// reads what is committed, and not its own writes.
    pub fn enable_transactions(&self) {
        self.script.lock().is_transactional = true;
    }

    /// Returns how many transactions have been neither committed nor rolled back.
    pub fn open_transactions(&self) -> usize {
        self.script.lock().transactions.len()
    }

    /// Creates a storage whose writes fail with this message.
    pub fn refusing(words: &str) -> Self {
        let storage = Self::default();
        storage.refuse(words);
        storage
    }

    /// Makes writes fail with this message; with an empty one they succeed.
    pub fn refuse(&self, words: &str) {
        words.clone_into(&mut self.script.lock().refusal);
    }

    /// Makes writes fail with this message, although puts are executed.
    pub fn lose_answers(&self, words: &str) {
        self.refuse(words);
        self.script.lock().are_answers_lost = true;
    }

    /// Runs an action once, at a call of any kind, after `calls_before` further calls.
    pub fn at_call(&self, calls_before: usize, moment: Moment, action: impl FnOnce() + Send + 'static) {
        self.script.lock().event = Some(Event { calls_before, moment, action: Box::new(action) });
    }

    /// Holds the next such call, for example `put roles/ci`, until the barrier's other sides arrive.
    pub fn meet_at(&self, call: &str, barrier: Arc<Barrier>) {
        self.script.lock().meeting = Some((call.to_owned(), barrier));
    }

    /// Cancels the action of [`at_call`](Self::at_call), and returns whether it had not run.
    pub fn cancel(&self) -> bool {
        self.script.lock().event.take().is_some()
    }

    /// Returns the calls since the last [`take_calls`](Self::take_calls), such as `put roles/ci`.
    pub fn calls(&self) -> Vec<String> {
        self.script.lock().calls.clone()
    }

    /// Returns and clears the recorded calls.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.script.lock().calls)
    }

    /// Returns the value of a key as text.
    pub fn text(&self, key: &str) -> Option<String> {
        let entries = self.entries.lock();
        entries.get(key).map(|entry| String::from_utf8(entry.value.clone()).unwrap())
    }

    /// Returns whether the key was written with seal wrapping.
    pub fn is_seal_wrapped(&self, key: &str) -> bool {
        self.entries.lock().get(key).is_some_and(|entry| entry.seal_wrap)
    }

    /// Writes a key without a call of the plugin.
    pub fn set(&self, key: &str, text: &str) {
        let entry = pb::StorageEntry { key: key.to_owned(), value: text.as_bytes().to_vec(), seal_wrap: false };
        self.entries.lock().insert(key.to_owned(), entry);
    }

    /// Deletes a key without a call of the plugin.
    pub fn remove(&self, key: &str) {
        self.entries.lock().remove(key);
    }

    /// Returns all keys, sorted.
    pub fn keys(&self) -> Vec<String> {
        self.entries.lock().keys().cloned().collect()
    }

    /// Records and executes a call, or runs the scripted action at it.
    async fn execute<T>(&self, call: String, work: impl FnOnce(&mut Entries) -> T) -> T {
        let meeting = self.script.lock().meeting.take_if(|(at, _)| *at == call);
        if let Some((_, barrier)) = meeting {
            barrier.wait().await;
        }
        let event = {
            let mut script = self.script.lock();
            script.calls.push(call);
            match &mut script.event {
                Some(event) if event.calls_before > 0 => {
                    event.calls_before -= 1;
                    None
                }
                event => event.take(),
            }
        };
        let Some(event) = event else { return work(&mut self.entries.lock()) };
        if event.moment == Moment::After {
            work(&mut self.entries.lock());
        }
        (event.action)();
        std::future::pending().await
    }

    fn refusal(&self) -> String {
        self.script.lock().refusal.clone()
    }

    /// Executes a write, or adds it to its transaction. Returns the error text.
    async fn write(&self, call: &str, transaction: &str, key: String, entry: Option<pb::StorageEntry>) -> String {
        let is_relative = key.split('/').any(|step| step == "." || step == "..");
        let err = if is_relative { RELATIVE.to_owned() } else { self.refusal() };
        // A lost answer is that of a put, or of a commit.
        let is_lost = self.script.lock().are_answers_lost && entry.is_some() && transaction.is_empty();
        let is_executed = !is_relative && (err.is_empty() || is_lost);
        let write = |entries: &mut Entries| {
            let mut script = self.script.lock();
            match script.transactions.get_mut(transaction) {
                Some(writes) if err.is_empty() => writes.push((key.clone(), entry)),
                None if is_executed => apply(entries, (key.clone(), entry)),
                _ => {}
            }
        };
        self.execute(format!("{call} {key}"), write).await;
        err
    }
}

fn apply(entries: &mut Entries, (key, entry): (String, Option<pb::StorageEntry>)) {
    match entry {
        Some(entry) => entries.insert(key, entry),
        None => entries.remove(&key),
    };
}

fn names_below(entries: &Entries, prefix: &str) -> Vec<String> {
    let below = entries.keys().filter_map(|key| key.strip_prefix(prefix));
    let names = below.map(|name| name.split_inclusive('/').next().unwrap_or_default().to_owned());
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

#[tonic::async_trait]
impl pb::storage_server::Storage for MemoryStorage {
    async fn list(&self, request: Request<pb::StorageListArgs>) -> Result<Response<pb::StorageListReply>, Status> {
        let prefix = request.into_inner().prefix;
        let keys = self.execute(format!("list {prefix}"), |entries| names_below(entries, &prefix)).await;
        Ok(Response::new(pb::StorageListReply { keys, err: String::new() }))
    }

    async fn list_page(
        &self,
        request: Request<pb::StorageListPageArgs>,
    ) -> Result<Response<pb::StorageListReply>, Status> {
        let pb::StorageListPageArgs { prefix, after, limit, .. } = request.into_inner();
        let most = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let names = self.execute(format!("list {prefix}"), |entries| names_below(entries, &prefix)).await;
        let keys = names.into_iter().filter(|name| *name > after).take(most).collect();
        Ok(Response::new(pb::StorageListReply { keys, err: String::new() }))
    }

    async fn get(&self, request: Request<pb::StorageGetArgs>) -> Result<Response<pb::StorageGetReply>, Status> {
        let key = request.into_inner().key;
        let entry = self.execute(format!("get {key}"), |entries| entries.get(&key).cloned()).await;
        Ok(Response::new(pb::StorageGetReply { entry, err: String::new() }))
    }

    async fn put(&self, request: Request<pb::StoragePutArgs>) -> Result<Response<pb::StoragePutReply>, Status> {
        let pb::StoragePutArgs { entry, txn } = request.into_inner();
        let entry = entry.unwrap();
        let err = self.write("put", &txn, entry.key.clone(), Some(entry)).await;
        Ok(Response::new(pb::StoragePutReply { err }))
    }

    async fn delete(
        &self,
        request: Request<pb::StorageDeleteArgs>,
    ) -> Result<Response<pb::StorageDeleteReply>, Status> {
        let pb::StorageDeleteArgs { key, txn } = request.into_inner();
        let err = self.write("delete", &txn, key, None).await;
        Ok(Response::new(pb::StorageDeleteReply { err }))
    }

    async fn is_transactional(
        &self,
        _: Request<pb::Empty>,
    ) -> Result<Response<pb::StorageIsTransactionalReply>, Status> {
        let transactional = self.script.lock().is_transactional;
        Ok(Response::new(pb::StorageIsTransactionalReply { transactional }))
    }

    async fn begin_tx(&self, _: Request<pb::Empty>) -> Result<Response<pb::StorageBeginTxReply>, Status> {
        let txn = uuid::Uuid::new_v4().to_string();
        self.execute("begin".to_owned(), |_| self.script.lock().transactions.insert(txn.clone(), Vec::new())).await;
        Ok(Response::new(pb::StorageBeginTxReply { txn, err: String::new() }))
    }

    async fn commit(&self, request: Request<pb::StorageEndTxArgs>) -> Result<Response<pb::StorageEndTxReply>, Status> {
        let (txn, err) = (request.into_inner().txn, self.refusal());
        let is_executed = err.is_empty() || self.script.lock().are_answers_lost;
        let commit = |entries: &mut Entries| {
            let writes = self.script.lock().transactions.remove(&txn).unwrap_or_default();
            writes.into_iter().filter(|_| is_executed).for_each(|write| apply(entries, write));
        };
        self.execute("commit".to_owned(), commit).await;
        Ok(Response::new(pb::StorageEndTxReply { err }))
    }

    async fn rollback(
        &self,
        request: Request<pb::StorageEndTxArgs>,
    ) -> Result<Response<pb::StorageEndTxReply>, Status> {
        let txn = request.into_inner().txn;
        self.execute("rollback".to_owned(), |_| self.script.lock().transactions.remove(&txn)).await;
        Ok(Response::new(pb::StorageEndTxReply { err: String::new() }))
    }
}
