//! The calls of a rotation: how long each takes, and the quotas that refuse or delay it.
//!
//! The quotas are AWS's and the platform's (docs/scale.md names the sources). The latencies are assumptions.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Milliseconds of simulated time.
pub type Millis = u64;

pub const SECOND: Millis = 1_000;
pub const HOUR: Millis = 3_600 * SECOND;

/// DescribeSecret and GetSecretValue, per second.
const READS_PER_SECOND: u64 = 10_000;
/// PutSecretValue and UpdateSecretVersionStage, per second.
pub const WRITES_PER_SECOND: u64 = 50;
/// Token requests of one OAuth client, per minute.
const TOKENS_PER_MINUTE: u64 = 300;
/// Concurrent executions of all functions of an account.
const CONCURRENT_EXECUTIONS: usize = 1_000;
/// The writes per second that the command line sends at most, and how long it keeps a permit after the answer.
const PERMITS: usize = 45;
const PERMIT_KEPT: Millis = SECOND;

/// The answer to a refused call.
const REFUSAL: Millis = 10;

/// A call of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Describe,
    Read,
    Stage,
    Promote,
    Unstage,
    /// The exchange of the client credentials.
    Token,
    /// users/me and tokens/me, in parallel.
    Validate,
    Revoke,
}

impl Call {
    pub fn latency(self) -> Millis {
        match self {
            Self::Describe | Self::Read => 15,
            Self::Stage | Self::Promote | Self::Unstage => 30,
            Self::Token => 200,
            Self::Validate | Self::Revoke => 120,
        }
    }

    pub fn is_write(self) -> bool {
        matches!(self, Self::Stage | Self::Promote | Self::Unstage)
    }

    pub fn is_store(self) -> bool {
        self.is_write() || matches!(self, Self::Describe | Self::Read)
    }
}

/// When a call is sent and answered, and whether it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    pub sent: Millis,
    pub answered: Millis,
    pub refused: bool,
}

/// A token bucket that holds what one period allows.
struct Bucket {
    allowed: u64,
    period: Millis,
    /// In units of one call divided by the period.
    level: u64,
    filled: Millis,
}

impl Bucket {
    fn new(allowed: u64, period: Millis) -> Self {
        Self { allowed, period, level: allowed * period, filled: 0 }
    }

    fn take(&mut self, now: Millis) -> bool {
        let gained = now.saturating_sub(self.filled).saturating_mul(self.allowed);
        self.level = self.level.saturating_add(gained).min(self.allowed * self.period);
        self.filled = self.filled.max(now);
        let is_allowed = self.level >= self.period;
        self.level -= if is_allowed { self.period } else { 0 };
        is_allowed
    }
}

/// What happened so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub store_calls: u64,
    pub token_requests: u64,
    /// Calls that a quota refused.
    pub refused: u64,
    /// Writes that were sent in each second, refused ones included.
    pub writes: Vec<u32>,
    pub invocations: u64,
    /// Invocations that Lambda refused.
    pub throttled: u64,
    pub most_at_once: usize,
    /// Steps that failed: each one sets off the alarm `rotation-failed`.
    pub failed_steps: u64,
    /// Rotations that failed in every attempt.
    pub failed_rotations: u64,
    pub promoted: u64,
    /// When the last rotation ended.
    pub ended: Millis,
}

impl Counts {
    /// The most writes in one second.
    pub fn most_writes(&self) -> u32 {
        self.writes.iter().copied().max().unwrap_or_default()
    }
}

/// The quotas of one account and one organization.
pub struct Limits {
    reads: Bucket,
    writes: Bucket,
    /// The times at which the command line's permits return; `None` for the function, which has none.
    permits: Option<BinaryHeap<Reverse<Millis>>>,
    clients: HashMap<usize, Bucket>,
    running: usize,
    pub counts: Counts,
}

impl Limits {
    pub fn new(is_command_line: bool) -> Self {
        Self {
            reads: Bucket::new(READS_PER_SECOND, SECOND),
            writes: Bucket::new(WRITES_PER_SECOND, SECOND),
            permits: is_command_line.then(|| (0..PERMITS).map(|_| Reverse(0)).collect()),
            clients: HashMap::new(),
            running: 0,
            counts: Counts::default(),
        }
    }

    /// Returns when a call of a client's rotation is sent. Calls of a quota are asked for in the order of `now`.
    pub fn when(&mut self, call: Call, now: Millis) -> Millis {
        let Some(permits) = self.permits.as_mut().filter(|_| call.is_write()) else { return now };
        let sent = permits.pop().map_or(now, |Reverse(free)| free.max(now));
        permits.push(Reverse(sent + call.latency() + PERMIT_KEPT));
        sent
    }

    /// Sends a call.
    pub fn send(&mut self, call: Call, client: usize, sent: Millis) -> Admission {
        let is_allowed = match call {
            Call::Describe | Call::Read => self.reads.take(sent),
            Call::Stage | Call::Promote | Call::Unstage => self.writes.take(sent),
            Call::Token => {
                let bucket = self.clients.entry(client);
                bucket.or_insert_with(|| Bucket::new(TOKENS_PER_MINUTE, 60 * SECOND)).take(sent)
            }
            Call::Validate | Call::Revoke => true,
        };
        let counts = &mut self.counts;
        counts.store_calls += u64::from(call.is_store());
        counts.token_requests += u64::from(call == Call::Token);
        counts.refused += u64::from(!is_allowed);
        if call.is_write() {
            let second = (sent / SECOND) as usize;
            counts.writes.resize(counts.writes.len().max(second + 1), 0);
            counts.writes[second] += 1;
        }
        Admission { sent, answered: sent + if is_allowed { call.latency() } else { REFUSAL }, refused: !is_allowed }
    }

    /// Starts an invocation of the function; `false` if the account has no capacity.
    pub fn invoke(&mut self) -> bool {
        let is_allowed = self.running < CONCURRENT_EXECUTIONS;
        if is_allowed {
            self.running += 1;
            self.counts.invocations += 1;
            self.counts.most_at_once = self.counts.most_at_once.max(self.running);
        } else {
            self.counts.throttled += 1;
        }
        is_allowed
    }

    pub fn end_invocation(&mut self) {
        self.running -= 1;
    }
}
