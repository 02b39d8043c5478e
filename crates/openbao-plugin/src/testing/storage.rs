//! The host's storage, and what a test has it do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tonic::{Request, Response, Status};

use super::wire::pb;

/// The host's storage. Clones share it.
#[derive(Clone, Default)]
pub struct Storage {
    entries: Arc<Mutex<BTreeMap<String, pb::StorageEntry>>>,
    script: Arc<Mutex<Script>>,
}

/// What OpenBao says to a key that has a step of a relative path in it.
const RELATIVE: &str = "relative paths not supported";

/// What happens besides storing.
#[derive(Default)]
struct Script {
    refusal: String,
    are_answers_lost: bool,
    calls: Vec<String>,
    event: Option<Event>,
}

/// Something that happens at a call.
struct Event {
    calls_before: usize,
    moment: Moment,
    action: Box<dyn FnOnce() + Send>,
}

/// Where in a call something happens. Either way the call is never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before it is carried out, which it then is not.
    Before,
    /// After it was carried out.
    After,
}

impl Storage {
    /// A storage whose writes all fail with these words; with none they succeed.
    pub fn refusing(words: &str) -> Self {
        let storage = Self::default();
        storage.refuse(words);
        storage
    }

    /// From now on writes fail with these words; with none they succeed.
    pub fn refuse(&self, words: &str) {
        words.clone_into(&mut self.script.lock().unwrap().refusal);
    }

    /// From now on writes fail with these words, although puts are carried out.
    pub fn lose_answers(&self, words: &str) {
        self.refuse(words);
        self.script.lock().unwrap().are_answers_lost = true;
    }

    /// Has something happen once, at a call of any kind that so many others come before.
    pub fn at_call(&self, calls_before: usize, moment: Moment, action: impl FnOnce() + Send + 'static) {
        self.script.lock().unwrap().event = Some(Event { calls_before, moment, action: Box::new(action) });
    }

    /// Whether what was to happen is still to come; it does not happen any more.
    pub fn cancel(&self) -> bool {
        self.script.lock().unwrap().event.take().is_some()
    }

    /// The calls since they were taken last, such as `put roles/ci`.
    pub fn calls(&self) -> Vec<String> {
        self.script.lock().unwrap().calls.clone()
    }

    /// The calls since the last time this was asked, such as `put roles/ci`.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.script.lock().unwrap().calls)
    }

    /// What a key holds.
    pub fn text(&self, key: &str) -> Option<String> {
        let entries = self.entries.lock().unwrap();
        entries.get(key).map(|entry| String::from_utf8(entry.value.clone()).unwrap())
    }

    /// Whether the seal was asked to wrap a key.
    pub fn is_seal_wrapped(&self, key: &str) -> bool {
        self.entries.lock().unwrap().get(key).is_some_and(|entry| entry.seal_wrap)
    }

    /// Writes behind the plugin's back.
    pub fn set(&self, key: &str, text: &str) {
        let entry = pb::StorageEntry { key: key.to_owned(), value: text.as_bytes().to_vec(), seal_wrap: false };
        self.entries.lock().unwrap().insert(key.to_owned(), entry);
    }

    /// Deletes behind the plugin's back.
    pub fn remove(&self, key: &str) {
        self.entries.lock().unwrap().remove(key);
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.entries.lock().unwrap().keys().cloned().collect()
    }

    /// Carries a call out as the script has it.
    async fn carry_out<T>(&self, call: String, work: impl FnOnce(&mut BTreeMap<String, pb::StorageEntry>) -> T) -> T {
        let event = {
            let mut script = self.script.lock().unwrap();
            script.calls.push(call);
            match &mut script.event {
                Some(event) if event.calls_before > 0 => {
                    event.calls_before -= 1;
                    None
                }
                event => event.take(),
            }
        };
        let Some(event) = event else { return work(&mut self.entries.lock().unwrap()) };
        if event.moment == Moment::After {
            work(&mut self.entries.lock().unwrap());
        }
        (event.action)();
        std::future::pending().await
    }

    fn refusal(&self) -> String {
        self.script.lock().unwrap().refusal.clone()
    }
}

#[tonic::async_trait]
impl pb::storage_server::Storage for Storage {
    async fn list(&self, request: Request<pb::StorageListArgs>) -> Result<Response<pb::StorageListReply>, Status> {
        let prefix = request.into_inner().prefix;
        let names = |entries: &mut BTreeMap<String, pb::StorageEntry>| -> BTreeSet<String> {
            let below = entries.keys().filter_map(|key| key.strip_prefix(&prefix));
            below.map(|name| name.split_inclusive('/').next().unwrap_or_default().to_owned()).collect()
        };
        let keys = self.carry_out(format!("list {prefix}"), names).await.into_iter().collect();
        Ok(Response::new(pb::StorageListReply { keys, err: String::new() }))
    }

    async fn get(&self, request: Request<pb::StorageGetArgs>) -> Result<Response<pb::StorageGetReply>, Status> {
        let key = request.into_inner().key;
        let entry = self.carry_out(format!("get {key}"), |entries| entries.get(&key).cloned()).await;
        Ok(Response::new(pb::StorageGetReply { entry, err: String::new() }))
    }

    async fn put(&self, request: Request<pb::StoragePutArgs>) -> Result<Response<pb::StoragePutReply>, Status> {
        let (entry, err) = (request.into_inner().entry.unwrap(), self.refusal());
        let is_relative = is_relative(&entry.key);
        let err = if is_relative { RELATIVE.to_owned() } else { err };
        let is_carried_out = err.is_empty() || (self.script.lock().unwrap().are_answers_lost && !is_relative);
        let write = |entries: &mut BTreeMap<_, _>| {
            if is_carried_out {
                entries.insert(entry.key.clone(), entry.clone());
            }
        };
        self.carry_out(format!("put {}", entry.key), write).await;
        Ok(Response::new(pb::StoragePutReply { err }))
    }

    async fn delete(
        &self,
        request: Request<pb::StorageDeleteArgs>,
    ) -> Result<Response<pb::StorageDeleteReply>, Status> {
        let (key, err) = (request.into_inner().key, self.refusal());
        let err = if is_relative(&key) { RELATIVE.to_owned() } else { err };
        let delete = |entries: &mut BTreeMap<String, _>| {
            if err.is_empty() {
                entries.remove(&key);
            }
        };
        self.carry_out(format!("delete {key}"), delete).await;
        Ok(Response::new(pb::StorageDeleteReply { err }))
    }
}

fn is_relative(key: &str) -> bool {
    key.split('/').any(|step| step == "." || step == "..")
}
