//! What a fleet costs in a month: list prices of us-east-1, without free tiers.

use crate::limits::{Counts, Millis, SECOND};

const SECRET: f64 = 0.40;
/// A call to Secrets Manager.
const CALL: f64 = 0.05 / 10_000.0;
const INVOCATION: f64 = 0.20 / 1e6;
/// A second of the function, arm64.
const SECOND_OF_FUNCTION: f64 = 0.000_013_333_4 * MEMORY_GB;
const MEMORY_GB: f64 = 0.125;
/// Log lines and metrics of a rotation, estimated.
const LOG_GB: f64 = 6_000.0 / 1e9;
const LOG: f64 = 0.50;
/// Custom metrics: how many cost this much each.
const METRICS: [(f64, f64); 4] = [(10_000.0, 0.30), (240_000.0, 0.10), (750_000.0, 0.05), (f64::INFINITY, 0.02)];
/// The metrics of a secret, each billed for the hours in which it has a value.
const METRICS_OF_A_SECRET: f64 = 3.0;
/// The metrics of the stack, and its alarms.
const STACK: f64 = 0.75 + 4.0 * 0.10;
const DAYS: f64 = 30.0;

/// The monthly cost of a fleet, in dollars.
pub struct Cost {
    pub secrets: f64,
    pub calls: f64,
    pub function: f64,
    pub metrics: f64,
    pub logs: f64,
    pub stack: f64,
}

impl Cost {
    /// The cost of a fleet whose every secret rotates `per_day` times, from a simulation of one rotation each.
    pub fn of(secrets: usize, counts: &Counts, running: Millis, per_day: f64) -> Self {
        let (secrets, months) = (secrets as f64, DAYS * per_day);
        let metrics = secrets * METRICS_OF_A_SECRET * per_day / 24.0;
        Self {
            secrets: secrets * SECRET,
            calls: counts.store_calls as f64 * months * CALL,
            function: months
                * (counts.invocations as f64 * INVOCATION + (running as f64 / SECOND as f64) * SECOND_OF_FUNCTION),
            metrics: tiered(metrics),
            logs: secrets * months * LOG_GB * LOG,
            stack: STACK,
        }
    }

    pub fn total(&self) -> f64 {
        self.secrets + self.calls + self.function + self.metrics + self.logs + self.stack
    }
}

fn tiered(mut metrics: f64) -> f64 {
    METRICS.into_iter().fold(0.0, |cost, (size, price)| {
        let charged = metrics.min(size);
        metrics -= charged;
        cost + charged * price
    })
}
