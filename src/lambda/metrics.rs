//! Metrics in CloudWatch's embedded metric format: log lines that CloudWatch turns into metrics
//! (CloudWatch user guide, "Embedded metric format specification").

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::rotation::{ErrorKind, Result, SecretId, Step, StepReport};

/// The default namespace.
const NAMESPACE: &str = "GenesysRotator";
/// The maximum length of a namespace (CloudWatch API reference, `PutMetricData`).
const LONGEST_NAMESPACE: usize = 255;

/// Writes metrics.
pub struct Metrics {
    sink: Mutex<Box<dyn Write + Send>>,
    namespace: String,
}

/// One metric of a log line.
struct Metric {
    name: &'static str,
    unit: &'static str,
    value: Value,
}

impl Metrics {
    /// Writes to `sink`, which is the standard output on Lambda. An invalid `namespace` is ignored, because CloudWatch
    /// drops its metrics.
    pub fn new(sink: impl Write + Send + 'static, namespace: Option<String>) -> Self {
        let namespace = namespace.filter(|name| is_namespace(name)).unwrap_or_else(|| NAMESPACE.to_owned());
        Self { sink: Mutex::new(Box::new(sink)), namespace }
    }

    /// Counts one handled step: its duration, its failure by type, and the lifetime of its token.
    ///
    /// AWS bills each combination of dimension values. The dimension `Secret` is therefore limited to rotations, failures
    /// and token lifetimes.
    pub fn record(&self, at: Timestamp, secret: &SecretId, step: Step, took: Duration, result: &Result<StepReport>) {
        let step_name = [("Step", step.name())];
        let duration = Metric { name: "StepDuration", unit: "Milliseconds", value: millis(took) };
        self.emit(at, &step_name, &[&["Step"]], &[duration]);
        let secret = ("Secret", secret.as_str());
        match result {
            Err(error) => {
                let dimensions = [secret, ("ErrorType", error.kind().name())];
                self.emit(
                    at,
                    &dimensions,
                    &[&["ErrorType"], &["Secret", "ErrorType"], &["Secret"]],
                    &[one("Failures")],
                );
            }
            Ok(report) => {
                let sets: &[&[&str]] =
                    if step == Step::Finish { &[&["Step"], &["Secret", "Step"]] } else { &[&["Step"]] };
                self.emit(at, &[secret, step_name[0]], sets, &[one("Successes")]);
                self.record_life(at, secret, report);
            }
        }
    }

    /// Counts a rejected event.
    pub fn record_rejection(&self, at: Timestamp, kind: ErrorKind) {
        self.emit(at, &[("ErrorType", kind.name())], &[&["ErrorType"]], &[one("Failures")]);
    }

    fn record_life(&self, at: Timestamp, secret: (&str, &str), report: &StepReport) {
        let Some(life) = report.token_life else { return };
        let short = i32::from(life.ends_before_next_rotation());
        let metrics = [
            Metric { name: "TokenLifeLeft", unit: "Seconds", value: json!(life.left.as_secs()) },
            Metric { name: "TokenLifeShorterThanSchedule", unit: "Count", value: json!(short) },
        ];
        self.emit(at, &[secret], &[&[], &["Secret"]], &metrics);
    }

    /// Writes a line with the values of the dimensions, and the dimension sets of its metrics.
    fn emit(&self, at: Timestamp, dimensions: &[(&str, &str)], sets: &[&[&str]], metrics: &[Metric]) {
        let definitions: Vec<Value> =
            metrics.iter().map(|metric| json!({"Name": metric.name, "Unit": metric.unit})).collect();
        let about = json!({
            "Timestamp": at.as_millisecond(),
            "CloudWatchMetrics": [{"Namespace": self.namespace, "Dimensions": sets, "Metrics": definitions}],
        });
        let mut line = Map::new();
        line.insert("_aws".to_owned(), about);
        line.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        line.extend(metrics.iter().map(|metric| (metric.name.to_owned(), metric.value.clone())));
        self.write(&Value::Object(line));
    }

    fn write(&self, line: &Value) {
        let mut sink = self.sink.lock();
        // A metric that cannot be written must not make a rotation fail.
        writeln!(sink, "{line}").ok();
    }
}

fn one(name: &'static str) -> Metric {
    Metric { name, unit: "Count", value: json!(1) }
}

/// Returns whether CloudWatch accepts `name` as a custom namespace (CloudWatch API reference, `PutMetricData`).
fn is_namespace(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#:".contains(&byte);
    (1..=LONGEST_NAMESPACE).contains(&name.len())
        && name.bytes().all(is_plain)
        && !name.starts_with(':')
        && !name.starts_with("AWS/")
}

fn millis(took: Duration) -> Value {
    json!((took.as_secs_f64() * 1e6).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_cloudwatch_rejects_is_ignored() {
        let given = |name: &str| Metrics::new(std::io::sink(), Some(name.to_owned())).namespace;
        for name in ["GenesysRotator/cxone", "a", "Team:x#1._-"] {
            assert_eq!(given(name), name);
        }
        for name in ["", ":a", "AWS/Lambda", "with space", "ümlaut", &"x".repeat(256)] {
            assert_eq!(given(name), NAMESPACE, "{name}");
        }
        assert_eq!(Metrics::new(std::io::sink(), None).namespace, NAMESPACE);
    }
}
