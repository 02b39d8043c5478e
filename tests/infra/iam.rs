//! An IAM policy evaluator for the stack's policies.

use std::collections::BTreeSet;

use serde_json::Value;
use simulators::secrets_manager::Access;

use super::stack::{FUNCTION_ARN, statements, texts};

/// The role's policy. Only the condition operators and keys of the stack are supported.
pub struct Policy(pub Vec<Value>);

impl Policy {
    /// The policy of the function's role.
    pub fn of(stack: &Value) -> Self {
        Self(statements(stack, "FunctionRole"))
    }

    /// The policy of the operators' role.
    pub fn of_operators(stack: &Value) -> Self {
        Self(statements(stack, "OperatorRole"))
    }

    /// The statements with their actions of Secrets Manager.
    pub fn granted(&self) -> BTreeSet<(String, String)> {
        let granted = self.0.iter().flat_map(|statement| {
            let sid = statement["Sid"].as_str().expect("a name");
            texts(&statement["Action"]).into_iter().map(move |action| (sid.to_owned(), action.to_owned()))
        });
        granted.filter(|(_, action)| action.starts_with("secretsmanager:")).collect()
    }

    /// The names of the statements that allow a call.
    pub fn allowing(&self, call: &Access) -> Vec<&str> {
        let fitting = self.0.iter().filter(|statement| fits(statement, call));
        let (denying, allowing): (Vec<_>, Vec<_>) = fitting.partition(|statement| statement["Effect"] == "Deny");
        if !denying.is_empty() {
            return Vec::new();
        }
        allowing.iter().filter_map(|statement| statement["Sid"].as_str()).collect()
    }
}

fn fits(statement: &Value, call: &Access) -> bool {
    let action = format!("secretsmanager:{}", call.action);
    texts(&statement["Action"]).contains(&action.as_str())
        && texts(&statement["Resource"]).iter().any(|pattern| matches(pattern, &call.secret))
        && statement.get("Condition").and_then(Value::as_object).is_none_or(|condition| {
            condition.iter().all(|(operator, keys)| {
                keys.as_object().expect("keys").iter().all(|(key, wanted)| {
                    let (value, wanted) = (value_of(key, call), texts(wanted));
                    match operator.as_str() {
                        "StringEquals" | "ArnEquals" => value.is_some_and(|value| wanted.contains(&value)),
                        "StringLike" => value.is_some_and(|value| wanted.iter().any(|like| matches(like, value))),
                        "Null" => wanted == [if value.is_none() { "true" } else { "false" }],
                        _ => panic!("{operator} is not supported"),
                    }
                })
            })
        })
}

fn value_of<'a>(key: &str, call: &'a Access) -> Option<&'a str> {
    match key {
        "secretsmanager:VersionStage" => call.version_stage.as_deref(),
        "secretsmanager:resource/AllowRotationLambdaArn" => call.rotation_function.as_deref(),
        "secretsmanager:RotationLambdaARN" => call.requested_function.as_deref(),
        "lambda:SourceFunctionArn" => Some(FUNCTION_ARN),
        _ => {
            let tag = key.strip_prefix("aws:ResourceTag/").unwrap_or_else(|| panic!("{key} is not supported"));
            call.tags.iter().find(|(name, _)| name == tag).map(|(_, value)| value.as_str())
        }
    }
}

/// Matches `*` (any text) and `?` (any character).
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest.as_str(), &text[at..]))
        }
        Some(first) => {
            let mut others = text.chars();
            others.next().is_some_and(|next| first == '?' || first == next) && matches(rest.as_str(), others.as_str())
        }
    }
}
