//! The events that the service sends to EventBridge (Secrets Manager user guide, "Secret Label Updated event").

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// The labels whose moves are no events.
const SILENT: [&str; 2] = ["AWSPENDING", "AWSPREVIOUS"];
/// How many events are kept. The oldest are dropped.
const EVENTS_KEPT: usize = 10_000;

/// The events, oldest first.
#[derive(Default)]
pub(super) struct LabelEvents(VecDeque<Value>);

impl LabelEvents {
    pub(super) fn list(&self) -> Vec<Value> {
        self.0.iter().cloned().collect()
    }

    /// Adds an event for each of the labels that moved to a version, except AWSPENDING and AWSPREVIOUS.
    pub(super) fn add(&mut self, arn: &str, name: &str, version: &str, moved: &[String], time: Timestamp) {
        for label in moved.iter().filter(|label| !SILENT.contains(&label.as_str())) {
            if self.0.len() >= EVENTS_KEPT {
                self.0.pop_front();
            }
            self.0.push_back(event(arn, name, version, label, time));
        }
    }
}

fn event(arn: &str, name: &str, version: &str, label: &str, time: Timestamp) -> Value {
    // An ARN is arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME.
    let place: Vec<_> = arn.split(':').collect();
    json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": "Secret Label Updated",
        "source": "aws.secretsmanager",
        "account": place.get(4),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": place.get(3),
        "resources": [arn],
        "detail": { "name": name, "labelUpdated": label, "versionId": version },
    })
}
