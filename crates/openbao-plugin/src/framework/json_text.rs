//! Texts in JSON values.

use serde_json::{Map, Value};

/// Converts a scalar to text: a number to its digits, a boolean to `1` or `0`.
pub(super) fn text(sent: &Value) -> Option<String> {
    match sent {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(if *boolean { "1" } else { "0" }.to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Converts a JSON object, or a text of one.
pub(super) fn object(sent: &Value) -> Option<Map<String, Value>> {
    match sent {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

/// Converts a list of scalars.
pub(super) fn texts(items: &[Value]) -> Option<Vec<String>> {
    items.iter().map(|item| text(item).map(|text| text.trim().to_owned())).collect()
}

/// Splits a text at its commas.
pub(super) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
