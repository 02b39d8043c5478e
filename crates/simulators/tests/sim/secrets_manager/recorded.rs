//! The simulator against recorded answers of AWS. The fixture names their source and licence.

use std::collections::HashMap;

use serde_json::Value;

use super::Simulator;
use super::protocol::{SIGNATURE, post};

const RECORDED: &str = include_str!("../../fixtures/secrets_manager_recorded.json");

/// The values of the placeholders: given for names and versions, learned for the rest.
struct Placeholders(HashMap<String, String>);

impl Placeholders {
    fn of_scene(index: usize) -> Self {
        let versions = (1..=9).map(|number| (format!("<version:{number}>"), format!("{index:031}{number}")));
        let name = ("<name>".to_owned(), format!("recorded-{index}"));
        Self(versions.chain([name, ("<version-id>".to_owned(), format!("{index:032}"))]).collect())
    }

    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value))
    }

    /// Whether an answer is as recorded.
    fn matches(&self, recorded: &Value, answer: &Value) -> bool {
        match (recorded, answer) {
            (Value::String(text), answer) if text == "<date>" => answer.is_number(),
            (Value::String(text), Value::String(answer)) if text == "<arn>" => answer.starts_with("arn:aws:"),
            (Value::Array(recorded), Value::Array(answer)) => {
                let pairs = recorded.iter().zip(answer);
                recorded.len() == answer.len() && pairs.into_iter().all(|(one, other)| self.matches(one, other))
            }
            (Value::Object(recorded), Value::Object(answer)) => {
                let matches = |(name, value)| answer.get(name).is_some_and(|answer| self.matches(value, answer));
                recorded.len() == answer.len() && recorded.iter().all(matches)
            }
            (recorded, answer) => recorded == answer,
        }
    }
}

#[tokio::test]
async fn recorded_requests_get_the_recorded_answers() {
    let recorded: Value = serde_json::from_str(RECORDED).expect("JSON");
    let simulator = Simulator::start().await;
    let mut compared = 0;
    for (index, scene) in recorded["scenes"].as_array().expect("scenes").iter().enumerate() {
        let placeholders = Placeholders::of_scene(index);
        for step in scene["steps"].as_array().expect("steps") {
            let action = step["action"].as_str().expect("an action");
            let request = placeholders.fill(&step["request"].to_string());
            let answer = post(&simulator, action, Some(SIGNATURE), &request).await;
            let Some(expected) = step.get("answer") else { continue };
            let expected: Value = serde_json::from_str(&placeholders.fill(&expected.to_string())).expect("JSON");
            let is_same = placeholders.matches(&expected, &answer.body);
            assert!(is_same && answer.status == step["status"], "{}: {step}: {}", scene["name"], answer.body);
            compared += 1;
        }
    }
    assert!(compared > 80, "{compared} answers");
}
