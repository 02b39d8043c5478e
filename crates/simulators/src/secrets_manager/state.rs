//! The secrets and their versions.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::Value;

use super::access::Accesses;
use super::clock::{ServiceClock, later};
use super::error::ServiceError;
use super::label_events::LabelEvents;
use super::rotation::{RotationOutcome, Run};
use super::schedule::Rules;
use super::settings::SecretsManagerSettings;
use super::value::SecretValue;
use super::window::day_of;

/// A version of a secret. The labels are sorted, as in the service's answers.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) labels: BTreeSet<String>,
    /// `None` for a version that a rotation staged and its function has not written yet.
    pub(super) value: Option<SecretValue>,
    pub(super) created: Timestamp,
    pub(super) accessed: Option<Timestamp>,
}

impl Version {
    pub(super) fn new(id: &str, value: Option<SecretValue>, created: Timestamp) -> Self {
        Self { id: id.to_owned(), labels: BTreeSet::new(), value, created, accessed: None }
    }
}

/// The rotation configuration of a secret.
#[derive(Clone)]
pub(super) struct Rotation {
    pub(super) enabled: bool,
    pub(super) function_arn: String,
    pub(super) rules: Option<Rules>,
    pub(super) last: Option<Timestamp>,
    pub(super) next: Option<NextRotation>,
}

/// The next scheduled rotation.
#[derive(Clone, Copy)]
pub(super) struct NextRotation {
    /// When it starts: an instant of its window.
    pub(super) at: Timestamp,
    /// The end of the window.
    pub(super) by: Timestamp,
}

impl NextRotation {
    /// Returns the rotation after one at `time`.
    pub(super) fn after(time: Timestamp, rules: Option<&Rules>, random: &mut Rng) -> Option<Self> {
        let window = rules?.next(time)?;
        Some(Self { at: window.any(random), by: window.last() })
    }
}

/// A secret before its last write, for stale reads.
#[derive(Clone)]
struct Stale {
    secret: Box<Secret>,
    reads: u32,
}

/// One secret.
#[derive(Clone)]
pub(super) struct Secret {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
    /// `None` until it is tagged for the first time.
    pub(super) tags: Option<Vec<(String, String)>>,
    /// In the order of their creation.
    pub(super) versions: Vec<Version>,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
    pub(super) accessed: Option<Timestamp>,
    /// When it is deleted, if it is marked for deletion.
    pub(super) deletion: Option<Timestamp>,
    pub(super) rotation: Option<Rotation>,
    pub(super) running: Option<Run>,
    stale: Option<Stale>,
}

impl Secret {
    pub(super) fn new(name: &str, created: Timestamp) -> Self {
        Self {
            arn: new_arn(name),
            name: name.to_owned(),
            description: None,
            kms_key_id: None,
            tags: None,
            versions: Vec::new(),
            created,
            changed: created,
            accessed: None,
            deletion: None,
            rotation: None,
            running: None,
            stale: None,
        }
    }

    pub(super) fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    pub(super) fn version_mut(&mut self, id: &str) -> Option<&mut Version> {
        self.versions.iter_mut().find(|version| version.id == id)
    }

    /// Returns the version with a label.
    pub(super) fn holder(&self, label: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.labels.contains(label))
    }

    /// Keeps the current state for the next `reads` reads. Call it before a write.
    pub(super) fn keep_for_stale_reads(&mut self, reads: u32) {
        self.stale = None;
        if reads > 0 {
            self.stale = Some(Stale { secret: Box::new(self.clone()), reads });
        }
    }

    /// Counts a read, and returns the state that it sees.
    pub(super) fn read(&mut self) -> &Secret {
        if self.stale.as_ref().is_some_and(|stale| stale.reads == 0) {
            self.stale = None;
        }
        if let Some(stale) = &mut self.stale {
            stale.reads -= 1;
        }
        self.stale.as_ref().map_or(self, |stale| &stale.secret)
    }
}

/// The state of the service.
pub(super) struct SecretsState {
    pub(super) settings: SecretsManagerSettings,
    pub(super) clock: ServiceClock,
    pub(super) outcomes: Vec<RotationOutcome>,
    pub(super) events: Vec<Value>,
    pub(super) runs: u64,
    pub(super) accesses: Accesses,
    pub(super) label_events: LabelEvents,
    pub(super) random: Rng,
    secrets: Vec<Secret>,
    /// The secrets that ListSecrets returns, and when they were copied.
    listed: Option<(Timestamp, Vec<Secret>)>,
    writes: VecDeque<Timestamp>,
}

impl SecretsState {
    pub(super) fn new(settings: SecretsManagerSettings) -> Self {
        Self {
            random: Rng::with_seed(settings.seed),
            settings,
            clock: ServiceClock::new(),
            outcomes: Vec::new(),
            events: Vec::new(),
            runs: 0,
            accesses: Accesses::default(),
            label_events: LabelEvents::default(),
            secrets: Vec::new(),
            listed: None,
            writes: VecDeque::new(),
        }
    }

    /// Removes secrets whose deletion is due, and returns the others, including those marked for deletion.
    pub(super) fn secrets(&mut self) -> &mut Vec<Secret> {
        let now = self.clock.now();
        self.secrets.retain(|secret| secret.deletion.is_none_or(|deletion| deletion > now));
        &mut self.secrets
    }

    /// Returns the secrets as ListSecrets knows them: the state of at most `list_lag` ago.
    pub(super) fn listed(&mut self) -> &[Secret] {
        let (now, lag) = (self.clock.now(), self.settings.list_lag);
        let copy = self.listed.take().filter(|(copied, _)| later(*copied, lag) > now);
        let copy = copy.unwrap_or_else(|| (now, self.secrets().clone()));
        &self.listed.insert(copy).1
    }

    /// Finds a secret by name, ARN, or ARN without its six random letters (Secrets Manager user guide, "Finding a secret
    /// from a partial ARN").
    pub(super) fn find(&mut self, id: &str) -> Result<&mut Secret, ServiceError> {
        let secrets = self.secrets();
        let exact = secrets.iter().position(|secret| secret.arn == id || secret.name == id);
        let partial =
            || secrets.iter().position(|secret| secret.arn.rsplit_once('-').is_some_and(|(arn, _)| arn == id));
        let index = exact.or_else(partial).ok_or_else(ServiceError::no_secret)?;
        secrets.get_mut(index).ok_or_else(ServiceError::no_secret)
    }

    /// Finds a secret that is not marked for deletion.
    pub(super) fn find_live(&mut self, id: &str) -> Result<&mut Secret, ServiceError> {
        let secret = self.find(id)?;
        if secret.deletion.is_some() {
            return Err(ServiceError::marked_for_deletion());
        }
        Ok(secret)
    }

    /// Reads a secret, marked for deletion or not, with stale reads.
    pub(super) fn read(&mut self, id: &str) -> Result<Secret, ServiceError> {
        self.find(id).map(|secret| secret.read().clone())
    }

    /// Records the date of a read.
    pub(super) fn note_access(&mut self, id: &str, version: &str) {
        let today = day_of(self.clock.now());
        if let Ok(secret) = self.find(id) {
            secret.accessed = Some(today);
            if let Some(version) = secret.version_mut(version) {
                version.accessed = Some(today);
            }
        }
    }

    /// Sends an event for each label that moved to a version.
    pub(super) fn announce(&mut self, id: &str, version: &str, moved: &[String]) -> Result<(), ServiceError> {
        let now = self.clock.now();
        let secret = self.find(id)?;
        let (arn, name) = (secret.arn.clone(), secret.name.clone());
        self.label_events.add(&arn, &name, version, moved, now);
        Ok(())
    }

    /// Counts a manual update as a rotation, if the schedule does.
    pub(super) fn count_update(&mut self, id: &str) -> Result<(), ServiceError> {
        let (now, mut random) = (self.clock.now(), self.random.fork());
        if let Some(rotation) = &mut self.find(id)?.rotation
            && rotation.enabled
            && rotation.rules.as_ref().is_some_and(Rules::counts_updates)
        {
            rotation.next = NextRotation::after(now, rotation.rules.as_ref(), &mut random);
        }
        Ok(())
    }

    /// Counts a write against the rate limit.
    pub(super) fn count_write(&mut self) -> Result<(), ServiceError> {
        let Some(limit) = self.settings.writes_per_second else { return Ok(()) };
        let now = self.clock.now();
        while self.writes.front().is_some_and(|write| later(*write, Duration::from_secs(1)) <= now) {
            self.writes.pop_front();
        }
        if self.writes.len() >= limit as usize {
            return Err(ServiceError::new("ThrottlingException", "Rate exceeded"));
        }
        self.writes.push_back(now);
        Ok(())
    }
}

/// Creates an ARN, with six random letters after the name.
pub(super) fn new_arn(name: &str) -> String {
    let suffix: String = std::iter::repeat_with(fastrand::alphabetic).take(6).collect();
    format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-{suffix}")
}
