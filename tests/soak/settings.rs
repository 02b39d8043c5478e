//! How a soak runs.

use std::path::PathBuf;
use std::time::Duration;

/// The lease of a rotation of client secrets (45 s) ends within this time, and every late request is carried out.
const LEASE: Duration = Duration::from_secs(62);
/// What a soak takes beside the time of faults: the set-up, the wait for leases, and the last rotations.
const AROUND: Duration = Duration::from_secs(180);
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Settings {
    /// The seed of all random choices.
    pub seed: u64,
    pub secrets: usize,
    /// The time of faults and kills. The function and the engine are killed in its first half only, so that the second half
    /// shows whether their memory grows.
    pub disturbed: Duration,
    /// The wait between the last fault and the last rotations.
    pub settle: Duration,
    /// The mean time between two rotations of one secret.
    pub pace: Duration,
    /// The mean time between two reads of one secret.
    pub reading: Duration,
    /// The largest number of rotations at the same time.
    pub at_once: usize,
    /// The mean time between two kills of the function, and of the engine.
    pub killing: Duration,
    /// The share of calls that meet a fault.
    pub faults: f64,
    /// The share of commands that are killed.
    pub kills: f64,
    /// Whether rotations that hold a lease are killed and lose answers as well. Their lease then lasts to its end.
    pub cuts_leases: bool,
    /// The growth of a program's memory that is not a failure, in bytes, beside its growth by a share.
    pub growth: f64,
    /// Where to write the report and the plot.
    pub output: Option<PathBuf>,
}

impl Settings {
    /// The soak of `make soak`.
    pub fn long(seed: u64, minutes: u32, secrets: usize) -> Self {
        Self {
            seed,
            secrets,
            disturbed: (MINUTE * minutes).saturating_sub(AROUND).max(MINUTE),
            settle: LEASE,
            pace: Duration::from_secs(50),
            reading: Duration::from_millis(1500),
            at_once: 14,
            killing: Duration::from_secs(12),
            faults: 0.03,
            kills: 0.12,
            cuts_leases: true,
            growth: 3e6,
            output: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/target/soak").into()),
        }
    }

    /// The soak of `make test`: each kind of secret, each program, and no wait for a lease.
    pub fn short() -> Self {
        Self {
            disturbed: Duration::from_secs(14),
            settle: Duration::from_secs(2),
            pace: Duration::from_secs(4),
            reading: Duration::from_millis(400),
            at_once: 4,
            killing: Duration::from_millis(1200),
            faults: 0.08,
            kills: 0.3,
            cuts_leases: false,
            // The processes have just started.
            growth: 12e6,
            output: None,
            ..Self::long(20_261_121, 1, 15)
        }
    }
}
