//! What happened in a soak: the reports read it, and the accounts at the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How a rotation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum RotationEnd {
    Promoted,
    /// The name of the error.
    Failed(String),
    Killed,
}

#[derive(Clone, Debug)]
pub struct Rotation {
    pub secret: usize,
    pub began: Instant,
    pub ended: Instant,
    pub end: RotationEnd,
}

/// What a reader could not use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// The platform rejects the token.
    Token,
    /// The platform rejects the client secret or the access key.
    Secret,
    /// The document has no token.
    Document,
    /// The store rejects the read.
    Refused,
}

#[derive(Clone, Debug)]
pub struct Outage {
    pub secret: usize,
    pub from: Instant,
    pub until: Instant,
    pub what: Broken,
}

/// Which program's memory was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    Function,
    Engine,
    Command,
    Watch,
}

#[derive(Clone, Debug)]
pub struct Sample {
    pub at: Instant,
    pub program: Program,
    /// The largest resident size of its processes, in bytes.
    pub bytes: u64,
}

/// A time in which a process that rotated a secret was cut off.
#[derive(Clone, Debug)]
pub struct Cut {
    pub secret: usize,
    pub began: Instant,
    pub ended: Instant,
}

/// A call whose answer did not arrive, and which was or will be carried out at `at`.
#[derive(Clone, Debug)]
pub struct Unanswered {
    pub secret: usize,
    pub operation: String,
    pub at: Instant,
}

#[derive(Default)]
pub struct Entries {
    pub rotations: Vec<Rotation>,
    pub outages: Vec<Outage>,
    /// The outages that have not ended, by secret.
    pub open_outages: HashMap<usize, (Instant, Broken)>,
    /// What each read took, with the call of the platform.
    pub reads: Vec<Duration>,
    /// Reads without an answer while the server starts the engine again, and the longest wait.
    pub unread: (usize, Duration),
    pub samples: Vec<Sample>,
    pub cuts: Vec<Cut>,
    pub function_kills: Vec<Instant>,
    pub engine_kills: Vec<Instant>,
    pub unanswered: Vec<Unanswered>,
    /// Tokens whose revocation met a fault.
    pub unrevoked: HashSet<String>,
    /// The tokens that readers got.
    pub promoted: HashMap<String, usize>,
    /// The number of faults by name.
    pub faults: BTreeMap<&'static str, usize>,
    /// Running commands.
    pub commands: HashSet<u32>,
    pub failures: Vec<String>,
}

/// The records of a soak, which all its tasks write.
pub struct Ledger {
    pub start: Instant,
    entries: Mutex<Entries>,
}

impl Ledger {
    pub fn new() -> Self {
        Self { start: Instant::now(), entries: Mutex::default() }
    }

    /// Reads or writes the records.
    pub fn with<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> T {
        change(&mut self.entries.lock())
    }

    /// Starts, continues or ends the outage of a secret.
    pub fn note(&self, secret: usize, now: Option<Broken>) {
        let mut entries = self.entries.lock();
        match now {
            Some(what) => {
                entries.open_outages.entry(secret).or_insert((Instant::now(), what));
            }
            None => {
                let ended = entries.open_outages.remove(&secret);
                let outage = ended.map(|(from, what)| Outage { secret, from, until: Instant::now(), what });
                entries.outages.extend(outage);
            }
        }
    }

    /// Records a broken invariant.
    pub fn fail(&self, failure: String) {
        let at = self.start.elapsed().as_secs_f64();
        self.with(|entries| entries.failures.push(format!("{at:.1} s: {failure}")));
    }

    /// Seconds since the start.
    pub fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.start).as_secs_f64()
    }
}
