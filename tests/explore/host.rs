//! The model of the secrets engine's host: a mount's storage, the node that may write, and what must hold there.

use std::collections::{BTreeMap, BTreeSet};

use genesys_rotator::rotation::{ErrorKind, Result, RotationError};
use openbao_plugin::testing::{StorageAnswer, StorageCall};
use serde_json::Value;

use crate::answer::Answer;
use crate::hash::{mix, of_text};
use crate::planted::Bug;
use crate::platform::Death;
use crate::scene::Mode;
use crate::store::Store;
use crate::value::FIRST;
use crate::world::State;

pub const CONFIG: &str = "config/main";
pub const INTENT: &str = "root-intent/main";
pub const CREDENTIAL: &str = "static-creds/ci";
const PENDING: &str = "static-pending/ci";
/// What a host answers a write of a standby.
pub const READ_ONLY: &str = "cannot write to readonly storage";

/// The storage.
#[derive(Clone, Default)]
pub struct Host {
    pub entries: BTreeMap<String, Entry>,
    /// The node that may write.
    pub active: usize,
    /// The keys that each node holds in its cache, as a hash.
    cached: [BTreeSet<String>; 2],
    /// The token of the write-ahead entry that the last write replaced or deleted.
    pub replaced: Option<String>,
    /// The leased tokens.
    pub leases: Vec<String>,
    /// What an operator wrote: a key, and a text that its value holds from then on.
    pub edited: Option<(&'static str, &'static str)>,
    /// Names for the ids of versions, which are random.
    names: Vec<String>,
}

#[derive(Clone)]
pub struct Entry {
    pub text: String,
    hash: u64,
}

/// The answer to a call of the engine.
pub struct HostAnswer {
    pub answer: StorageAnswer,
    digest: u64,
}

impl Host {
    pub fn text(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|entry| entry.text.as_str())
    }

    /// A text field of an entry, or of the document in it.
    pub fn field(&self, key: &str, name: &str) -> Option<String> {
        let entry: Value = serde_json::from_str(self.text(key)?).ok()?;
        match entry["document"].as_str() {
            Some(document) => serde_json::from_str::<Value>(document).ok()?[name].as_str().map(str::to_owned),
            None => entry[name].as_str().map(str::to_owned),
        }
    }

    /// Whether an entry or a lease holds a token.
    fn stores(&self, token: &str) -> bool {
        let ends = [format!("{token}\""), format!("{token}\\")];
        self.leases.iter().any(|lease| lease == token)
            || self.entries.values().any(|entry| ends.iter().any(|end| entry.text.contains(end)))
    }

    pub fn put(&mut self, key: String, text: String) {
        let hash = self.hash_of(&text);
        self.entries.insert(key, Entry { text, hash });
    }

    /// The hash of a value, in which the random ids of versions count by their order.
    fn hash_of(&mut self, text: &str) -> u64 {
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return of_text(text) };
        fields.iter().fold(0, |hash, (name, value)| {
            let is_id = matches!(name.as_str(), "version" | "previous");
            let value = match value.as_str() {
                Some(id) if is_id => self.name_of(id),
                Some(text) => of_text(text),
                None => of_text(&value.to_string()),
            };
            mix(mix(hash, of_text(name)), value)
        })
    }

    fn name_of(&mut self, id: &str) -> u64 {
        let known = self.names.iter().position(|name| name == id);
        known.unwrap_or_else(|| {
            self.names.push(id.to_owned());
            self.names.len() - 1
        }) as u64
    }

    /// A new process of a node has an empty cache.
    pub fn restarted(&mut self, node: usize) {
        self.cached[node].clear();
    }

    pub fn hash(&self) -> u64 {
        let entries = self.entries.iter().fold(0, |hash, (key, entry)| hash ^ mix(of_text(key), entry.hash));
        let cached = self.cached.iter().flatten().fold(0, |hash, key| mix(hash, of_text(key)));
        let leases = self.leases.iter().fold(0, |hash, lease| hash ^ of_text(lease));
        mix(mix(mix(entries, cached), leases), self.active as u64 | u64::from(self.edited.is_some()) << 1)
    }
}

impl State {
    /// Carries out a call of a node's engine.
    pub fn call_host(&mut self, node: usize, call: StorageCall) -> Result<HostAnswer> {
        if !matches!(call, StorageCall::List(_) | StorageCall::Get(_)) && node != self.host.active {
            return Err(RotationError::new(ErrorKind::StoreDenied, READ_ONLY));
        }
        let has = |bug| self.scene.bug == Some(bug);
        let host = &mut self.host;
        match call {
            StorageCall::List(prefix) => {
                let below = host.entries.keys().filter_map(|key| key.strip_prefix(prefix.as_str()));
                let names: Vec<String> = below.map(str::to_owned).collect();
                let digest = names.iter().fold(7, |hash, name| mix(hash, of_text(name)));
                Ok(HostAnswer { answer: StorageAnswer::Names(names), digest })
            }
            StorageCall::Get(key) => {
                let entry = host.entries.get(&key);
                let (value, digest) = (entry.map(|entry| entry.text.clone()), entry.map_or(0, |entry| entry.hash));
                if value.is_some() {
                    host.cached[node].insert(key);
                }
                Ok(HostAnswer { answer: StorageAnswer::Value(value), digest })
            }
            StorageCall::Put(key, text) => {
                host.replaced = host.field(&key, "token");
                let is_dropped = match key.as_str() {
                    INTENT => has(Bug::RootIntentIsNotStored),
                    CONFIG => has(Bug::ConfigIsNotStored),
                    _ => false,
                };
                if !is_dropped {
                    host.put(key.clone(), text);
                }
                host.cached[node].insert(key.clone());
                self.on_put(&key);
                Ok(HostAnswer { answer: StorageAnswer::Done, digest: 1 })
            }
            StorageCall::Delete(key) => {
                host.replaced = host.field(&key, "token");
                host.cached[node].remove(&key);
                if !(has(Bug::RootIntentIsNotDeleted) && key == INTENT) {
                    host.entries.remove(&key);
                }
                self.check_engine();
                Ok(HostAnswer { answer: StorageAnswer::Done, digest: 2 })
            }
            _ => Err(RotationError::new(ErrorKind::StoreUnavailable, "the model has no such call")),
        }
    }

    fn on_put(&mut self, key: &str) {
        if key == CREDENTIAL {
            let token = self.host.field(CREDENTIAL, "access_token").unwrap_or_default();
            self.platform
                .tokens
                .iter_mut()
                .filter(|issued| issued.text == token)
                .for_each(|token| token.was_current = true);
        }
        self.check_engine();
    }

    /// The client or access key of the config, and its secret.
    pub fn config_key(&self) -> (String, String) {
        let (id, secret) = match self.scene.mode {
            Mode::AccessKeys => ("access_key_id", "access_key_secret"),
            _ => ("client_id", "client_secret"),
        };
        let field = |name| self.host.field(CONFIG, name).unwrap_or_default();
        (field(id), field(secret))
    }

    /// Whether the platform accepts the stored credentials of the config.
    pub fn is_config_accepted(&self) -> bool {
        let (id, secret) = self.config_key();
        self.platform.is_latest(&id, &secret)
    }

    /// Whether the stored client secret may be rejected: until the engine completes an in-place rotation, which it notes
    /// ahead, or the operator stores what was regenerated by hand.
    pub fn is_engine_gap(&self) -> bool {
        self.operator_gap || (self.scene.mode == Mode::InPlace && self.host.text(INTENT).is_some())
    }

    /// A and G: the platform accepts the config's credentials, readers read a live token, and no edit is lost.
    pub fn check_engine(&mut self) {
        if !self.is_engine_gap() && !self.is_config_accepted() {
            let (id, secret) = self.config_key();
            self.violate(format!("A: the platform rejects the stored credentials of the config ({secret} of {id})"));
        }
        let token = self.host.field(CREDENTIAL, "access_token").unwrap_or_default();
        self.check_read(&token);
        if let Some((key, text)) = self.host.edited
            && !self.host.text(key).is_some_and(|entry| entry.contains(text))
        {
            self.violate(format!("G: {key} lost an operator's edit"));
        }
    }

    /// A reader gets this token.
    pub fn check_read(&mut self, token: &str) {
        match self.platform.token(token).map(|token| token.death) {
            None => self.violate("A: readers read a token that the platform never issued"),
            Some(None | Some(Death::RegeneratedByHand)) => {}
            // The rotation that regenerated the secret replaces the token.
            Some(Some(Death::Regenerated)) if self.is_engine_gap() => {}
            Some(Some(death)) => self.violate(format!("A: readers read a dead token ({token}, {death:?})")),
        }
    }

    /// H: a request to `rotate-root/` succeeded. `former` is the secret before it.
    pub fn on_root_success(&mut self, former: &str) {
        if self.config_key().1 == former {
            self.violate("H: success was reported, but the config has no new secret");
        }
        if !self.is_engine_gap() && !self.is_config_accepted() {
            self.violate("H: success was reported, but the platform rejects the stored credentials");
        }
    }

    /// The process ends: nobody revokes what it made and did not store.
    pub fn excuse_unstored(&mut self, is_of_process: impl Fn(usize) -> bool) {
        let host = &self.host;
        for token in self.platform.tokens.iter_mut().filter(|token| is_of_process(token.maker)) {
            token.is_excused |= !host.stores(&token.text);
        }
        for key in self.platform.clients.iter_mut().filter(|key| is_of_process(key.maker)) {
            key.is_excused |= !host.stores(&key.id);
        }
    }

    pub fn check_end_of_engine(&mut self) {
        self.check_engine();
        for key in [INTENT, PENDING] {
            if self.host.text(key).is_some() {
                self.violate(format!("F: {key} is left behind"));
            }
        }
        if self.accepts_leaks() {
            return;
        }
        let leaked = self.platform.tokens.iter().find(|token| {
            let is_excused = token.is_excused || token.was_current || self.scene.mode == Mode::AccessKeys;
            token.death.is_none() && !is_excused && !self.host.stores(&token.text)
        });
        if let Some(token) = leaked {
            let what = format!("F: the token {} is alive and stored nowhere", token.text);
            return self.violate(what);
        }
        let is_stored = |id: &str| {
            id == FIRST || self.host.text(CONFIG).is_some_and(|config| config.contains(&format!("\"{id}\"")))
        };
        let leaked = self.platform.clients.iter().find(|key| !key.is_deleted && !key.is_excused && !is_stored(&key.id));
        if self.scene.mode == Mode::AccessKeys
            && let Some(key) = leaked
        {
            let what = format!("F: the access key {} is alive and stored nowhere", key.id);
            self.violate(what);
        }
    }
}

/// The name of a call, for the steps of a schedule.
pub fn name_of(what: &str, key: &str) -> &'static str {
    const NAMES: [[&str; 8]; 3] = [
        [
            "read config",
            "read intent",
            "read credential",
            "read staged",
            "read role",
            "read shared",
            "read static role",
            "read",
        ],
        [
            "write config",
            "write intent",
            "write credential",
            "write staged",
            "write role",
            "write shared",
            "write static role",
            "write",
        ],
        [
            "delete config",
            "delete intent",
            "delete credential",
            "delete staged",
            "delete role",
            "delete shared",
            "delete static role",
            "delete",
        ],
    ];
    const PREFIXES: [&str; 7] =
        ["config/", "root-intent/", "static-creds/", "static-pending/", "roles/", "shared/", "static-roles/"];
    let kind = PREFIXES.iter().position(|prefix| key.starts_with(prefix)).unwrap_or(7);
    let row = NAMES.iter().find(|row| row[7] == what).expect("a name");
    row[kind]
}

impl Answer for HostAnswer {
    fn digest(&self, _: &Store) -> u64 {
        self.digest
    }

    fn shown(&self) -> String {
        match &self.answer {
            StorageAnswer::Names(names) => names.join(", "),
            StorageAnswer::Value(Some(value)) => value.clone(),
            StorageAnswer::Value(None) => "no value".to_owned(),
            StorageAnswer::Done => "done".to_owned(),
        }
    }
}
