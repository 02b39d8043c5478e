//! Metrics in CloudWatch's embedded format: lines of the log that CloudWatch counts
//! (CloudWatch user guide, "Embedded metric format specification").

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::rotation::{Result, SecretId, Step, StepReport};

/// The namespace that all metrics are in.
const NAMESPACE: &str = "GenesysRotator";

/// Where the lines go.
pub struct Metrics {
    sink: Mutex<Box<dyn Write + Send>>,
}

/// One metric of a line.
struct Metric {
    name: &'static str,
    unit: &'static str,
    value: Value,
}

impl Metrics {
    /// Writes to a sink; Lambda's is the standard output.
    pub fn new(sink: impl Write + Send + 'static) -> Self {
        Self { sink: Mutex::new(Box::new(sink)) }
    }

    /// Counts one handled step: its duration, its failure by type, and the life of the token that it saw.
    pub fn record(&self, at: Timestamp, secret: &SecretId, step: Step, took: Duration, result: &Result<StepReport>) {
        let duration = millis(took);
        self.emit(
            at,
            secret,
            json!({"Step": step.name()}),
            &[Metric { name: "StepDuration", unit: "Milliseconds", value: duration }],
        );
        match result {
            Err(error) => {
                let failure = Metric { name: "Failures", unit: "Count", value: json!(1) };
                self.emit(at, secret, json!({"ErrorType": error.kind().name()}), &[failure]);
            }
            Ok(report) => {
                let success = Metric { name: "Successes", unit: "Count", value: json!(1) };
                self.emit(at, secret, json!({"Step": step.name()}), &[success]);
                self.record_life(at, secret, report);
            }
        }
    }

    fn record_life(&self, at: Timestamp, secret: &SecretId, report: &StepReport) {
        let Some(life) = report.token_life else { return };
        let short = i32::from(life.ends_before_next_rotation());
        let metrics = [
            Metric { name: "TokenLifeLeft", unit: "Seconds", value: json!(life.left.as_secs()) },
            Metric { name: "TokenLifeShorterThanSchedule", unit: "Count", value: json!(short) },
        ];
        self.emit(at, secret, json!({}), &metrics);
    }

    fn emit(&self, at: Timestamp, secret: &SecretId, dimensions: Value, metrics: &[Metric]) {
        let mut line = Map::new();
        let mut names: Vec<&str> = vec!["Secret"];
        let dimensions = dimensions.as_object().cloned().unwrap_or_default();
        names.extend(dimensions.keys().map(String::as_str));
        let definitions: Vec<Value> =
            metrics.iter().map(|metric| json!({"Name": metric.name, "Unit": metric.unit})).collect();
        // With and without the secret, so that an alarm can watch one secret or all of them.
        let sets = [names.clone(), names[1..].to_vec()];
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": at.as_millisecond(),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": definitions}],
            }),
        );
        line.insert("Secret".to_owned(), json!(secret.as_str()));
        line.extend(dimensions.clone());
        line.extend(metrics.iter().map(|metric| (metric.name.to_owned(), metric.value.clone())));
        self.write(&Value::Object(line));
    }

    fn write(&self, line: &Value) {
        let mut sink = self.sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A metric that cannot be written must not make a rotation fail.
        writeln!(sink, "{line}").ok();
    }
}

fn millis(took: Duration) -> Value {
    json!((took.as_secs_f64() * 1e6).round() / 1e3)
}
