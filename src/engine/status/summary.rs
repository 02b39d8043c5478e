//! The state of a mount, or of one of its configs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::engine::automation::last_error::shown_time;
use crate::engine::counters::{Action, Counted, TokenUse};
use crate::engine::mount::GenesysMount;
use crate::engine::root::automation::RootAutomation;
use crate::engine::static_roles::credential::StaticCredential;
use crate::engine::static_roles::role::{ROLES, StaticRole, key};
use crate::engine::storage::config::PREFIX as CONFIGS;
use openbao_plugin::Failure;

/// The counters and the static roles of a config, or of several.
#[derive(Clone, Default)]
pub(super) struct Summary {
    pub(super) issued: BTreeMap<TokenUse, u64>,
    pub(super) revoked: u64,
    pub(super) roots_rotated: u64,
    pub(super) kept_alive: u64,
    /// By action and error type.
    pub(super) failed: BTreeMap<(Action, &'static str), u64>,
    pub(super) revocations_owed: u64,
    pub(super) static_roles: u64,
    /// Roles whose last rotation failed.
    pub(super) failing: Vec<String>,
    /// Roles that are due, the longest overdue first.
    queue: Vec<(Timestamp, String)>,
    /// Roles whose entries cannot be read.
    pub(super) damaged: Vec<String>,
    pub(super) last_rotation: Option<Timestamp>,
    pub(super) next_rotation: Option<Timestamp>,
    pub(super) oldest_token: Option<Timestamp>,
    pub(super) first_expiry: Option<Timestamp>,
    pub(super) last_root_rotation: Option<Timestamp>,
    pub(super) next_root_rotation: Option<Timestamp>,
    pub(super) failing_roots: u64,
}

/// The summaries of a mount's configs.
pub(crate) struct Status {
    pub(super) since: Timestamp,
    pub(super) by_config: BTreeMap<String, Summary>,
}

impl Status {
    /// Reads the state of a mount.
    ///
    /// # Errors
    /// The host's error.
    pub(crate) async fn of(mount: &GenesysMount) -> Result<Self, Failure> {
        let mut by_config: BTreeMap<String, Summary> = BTreeMap::new();
        for name in mount.entries.list(CONFIGS).await? {
            let mut summary = Summary::default();
            // A damaged entry is not rotated, which its read says.
            if let Ok(Some(automation)) = RootAutomation::of(&mount.entries, &name).await {
                summary.last_root_rotation = automation.last_rotation();
                summary.next_root_rotation = automation.next_rotation(mount.minting.now());
                summary.failing_roots = automation.is_failing().into();
            }
            by_config.insert(name, summary);
        }
        for (config, counted, count) in mount.minting.counters.all() {
            by_config.entry(config).or_default().add(counted, count);
        }
        for (_, owed) in mount.revocations.owed().await? {
            by_config.entry(owed.config).or_default().revocations_owed += 1;
        }
        for name in mount.entries.list(ROLES).await? {
            match mount.entries.get::<StaticRole>(&key(ROLES, &name)).await {
                Ok(Some(role)) => {
                    let summary = by_config.entry(role.settings.config.clone()).or_default();
                    summary.add_role(mount, name, &role).await?;
                }
                Ok(None) => {}
                Err(Failure::Internal(_)) => by_config.entry(String::new()).or_default().damaged.push(name),
                Err(failure) => return Err(failure),
            }
        }
        Ok(Self { since: mount.minting.counters.since, by_config })
    }

    /// The fields of the whole mount.
    pub(crate) fn of_mount(&self) -> Map<String, Value> {
        let whole = self.by_config.values().fold(Summary::default(), Summary::and);
        let mut shown = self.shown(&whole);
        shown.insert("configs".to_owned(), self.by_config.keys().filter(|name| !name.is_empty()).cloned().collect());
        shown
    }

    /// The fields of a config; `None` where it neither exists nor has counters.
    pub(crate) fn of_config(&self, name: &str) -> Option<Map<String, Value>> {
        self.by_config.get(name).map(|summary| self.shown(summary))
    }

    fn shown(&self, summary: &Summary) -> Map<String, Value> {
        let mut shown = summary.shown();
        shown.insert("process_start_time".to_owned(), shown_time(self.since).into());
        shown.insert("process_start_time_seconds".to_owned(), self.since.as_second().into());
        shown
    }
}

impl Summary {
    fn add(&mut self, counted: Counted, count: u64) {
        match counted {
            Counted::Issued(used) => *self.issued.entry(used).or_default() += count,
            Counted::Revoked => self.revoked += count,
            Counted::RootRotated => self.roots_rotated += count,
            Counted::KeptAlive => self.kept_alive += count,
            Counted::Failed(action, kind) => *self.failed.entry((action, kind)).or_default() += count,
        }
    }

    async fn add_role(&mut self, mount: &GenesysMount, name: String, role: &StaticRole) -> Result<(), Failure> {
        self.static_roles += 1;
        if role.last_error.is_some() {
            self.failing.push(name.clone());
        }
        let read = async {
            let credential = StaticCredential::of_role(&mount.entries, &name).await?;
            let is_pending = mount.static_rotations.is_pending(&name).await?;
            let next = mount.static_rotations.next_rotation(&name, role, is_pending).await?;
            Ok((credential, next))
        };
        let (credential, next) = match read.await {
            Ok(read) => read,
            Err(Failure::Internal(_)) => {
                self.damaged.push(name);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        if let Some(credential) = credential {
            let token = &credential.token;
            self.last_rotation = self.last_rotation.max(Some(token.issued_at));
            self.oldest_token = earlier(self.oldest_token, Some(token.issued_at));
            self.first_expiry = earlier(self.first_expiry, Some(token.expires_at));
        }
        let Some(at) = next else { return Ok(()) };
        let now = mount.minting.now();
        if at <= now {
            self.queue.push((at, name));
            self.queue.sort_unstable();
        }
        self.next_rotation = earlier(self.next_rotation, Some(at.max(now)));
        Ok(())
    }

    fn and(mut self, other: &Self) -> Self {
        for (used, count) in &other.issued {
            *self.issued.entry(*used).or_default() += count;
        }
        for (failed, count) in &other.failed {
            *self.failed.entry(*failed).or_default() += count;
        }
        self.revoked += other.revoked;
        self.roots_rotated += other.roots_rotated;
        self.kept_alive += other.kept_alive;
        self.revocations_owed += other.revocations_owed;
        self.static_roles += other.static_roles;
        self.failing.extend(other.failing.iter().cloned());
        self.queue.extend(other.queue.iter().cloned());
        self.queue.sort_unstable();
        self.damaged.extend(other.damaged.iter().cloned());
        self.last_rotation = self.last_rotation.max(other.last_rotation);
        self.next_rotation = earlier(self.next_rotation, other.next_rotation);
        self.oldest_token = earlier(self.oldest_token, other.oldest_token);
        self.first_expiry = earlier(self.first_expiry, other.first_expiry);
        self.last_root_rotation = self.last_root_rotation.max(other.last_root_rotation);
        self.next_root_rotation = earlier(self.next_root_rotation, other.next_root_rotation);
        self.failing_roots += other.failing_roots;
        self
    }

    /// The names of the roles that are due.
    pub(super) fn queue(&self) -> impl ExactSizeIterator<Item = &str> {
        self.queue.iter().map(|(_, name)| name.as_str())
    }

    fn shown(&self) -> Map<String, Value> {
        let mut failed = Map::new();
        for ((action, kind), count) in &self.failed {
            let by_kind = failed.entry(action.to_string()).or_insert_with(|| json!({}));
            by_kind[*kind] = json!(count);
        }
        let issued: Map<_, _> = self.issued.iter().map(|(used, count)| (used.to_string(), json!(count))).collect();
        let time = |time: Option<Timestamp>| json!(time.map(shown_time));
        let fields = [
            ("issued", Value::Object(issued)),
            ("revoked", json!(self.revoked)),
            ("failed", Value::Object(failed)),
            ("client_secrets_rotated", json!(self.roots_rotated)),
            ("kept_alive", json!(self.kept_alive)),
            ("revocations_owed", json!(self.revocations_owed)),
            ("static_roles", json!(self.static_roles)),
            ("static_roles_failing", json!(self.failing)),
            ("static_roles_damaged", json!(self.damaged)),
            ("queue", self.queue().map(Value::from).collect()),
            ("last_rotation", time(self.last_rotation)),
            ("next_rotation", time(self.next_rotation)),
            ("oldest_token", time(self.oldest_token)),
            ("first_expiry", time(self.first_expiry)),
            ("last_client_secret_rotation", time(self.last_root_rotation)),
            ("next_client_secret_rotation", time(self.next_root_rotation)),
            ("client_secret_rotations_failing", json!(self.failing_roots)),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }
}

/// The earlier of two times that may be missing.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
