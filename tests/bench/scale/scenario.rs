//! What rotates when.

use fastrand::Rng;

use crate::limits::{Millis, SECOND};

/// The seed of the starts and of the retries.
pub const SEED: u64 = 7;

/// From the end of a step to the first call of the next one: Secrets Manager invokes the function.
pub const BETWEEN_STEPS: Millis = 50;
/// Secrets Manager repeats a rotation that failed. AWS publishes neither the number nor the interval.
pub const ATTEMPTS: u32 = 5;
pub const BETWEEN_ATTEMPTS: Millis = 60 * SECOND;
/// After which Secrets Manager repeats an invocation that Lambda refused.
pub const BETWEEN_INVOCATIONS: Millis = SECOND;

/// How rotations start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Secrets Manager starts each at a random time in a window of this length.
    Window(Millis),
    /// `rotate --local --all` runs so many concurrently.
    CommandLine(usize),
}

/// A fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    pub secrets: usize,
    /// OAuth clients; their secrets rotate with the same client credentials.
    pub clients: usize,
    pub start: Start,
}

impl Scenario {
    pub fn is_command_line(&self) -> bool {
        matches!(self.start, Start::CommandLine(_))
    }

    /// The start of each rotation. The command line starts the next one when one ends.
    pub fn starts(&self) -> Vec<Millis> {
        let mut random = Rng::with_seed(SEED);
        match self.start {
            Start::Window(length) => (0..self.secrets).map(|_| random.u64(..length.max(1))).collect(),
            Start::CommandLine(at_once) => vec![0; at_once.min(self.secrets)],
        }
    }

    pub fn client(&self, secret: usize) -> usize {
        secret % self.clients
    }
}
