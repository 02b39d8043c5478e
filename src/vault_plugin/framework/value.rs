//! What a caller sent, as what the field takes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Number, Value};

use super::duration;
use super::field::{Field, FieldKind};
use super::refusal::refuse;
use crate::vault_plugin::transport::Failure;

/// The longest text, in bytes.
const LONGEST_TEXT: usize = 4096;
/// The longest list.
const LONGEST_LIST: usize = 100;

/// A field's value, after its kind.
#[derive(Clone, PartialEq)]
pub(super) enum FieldValue {
    Text(String),
    Boolean(bool),
    Duration(Duration),
    TextList(Vec<String>),
}

/// The fields that were sent. What is null was not.
///
/// # Errors
///
/// 400 that names the first field whose value is not what it takes; never the value.
pub(super) fn values(
    fields: &[Field],
    data: &Map<String, Value>,
) -> Result<BTreeMap<&'static str, FieldValue>, Failure> {
    let mut values = BTreeMap::new();
    for field in fields.iter().filter(|field| field.kind != FieldKind::Others) {
        if let Some(sent) = data.get(field.name).filter(|sent| !sent.is_null()) {
            values.insert(field.name, value(field, sent)?);
        }
    }
    Ok(values)
}

fn value(field: &Field, sent: &Value) -> Result<FieldValue, Failure> {
    let name = field.name;
    match field.kind {
        FieldKind::Text => {
            let text = text(sent).ok_or_else(|| refuse(format!("{name} is not a text"), "send one text"))?;
            Ok(FieldValue::Text(short(name, text)?))
        }
        FieldKind::Boolean => {
            let wrong = || refuse(format!("{name} is neither true nor false"), "send true or false");
            boolean(sent).map(FieldValue::Boolean).ok_or_else(wrong)
        }
        FieldKind::Duration => {
            let hint = "send whole seconds, or a text such as 90, 1h30m or 1d; not negative, and less than 292 years";
            let wrong = || refuse(format!("{name} is not a duration"), hint);
            seconds(sent).map(FieldValue::Duration).ok_or_else(wrong)
        }
        FieldKind::TextList | FieldKind::Others => list(name, sent).map(FieldValue::TextList),
    }
}

/// A number counts as its digits, and a boolean as `1` or `0`.
fn text(sent: &Value) -> Option<String> {
    match sent {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(if *boolean { "1" } else { "0" }.to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn short(name: &str, text: String) -> Result<String, Failure> {
    if text.len() <= LONGEST_TEXT {
        return Ok(text);
    }
    Err(refuse(format!("{name} is longer than {LONGEST_TEXT} bytes"), "send a shorter text"))
}

/// The words of Go's `strconv.ParseBool`; an empty text is false.
fn boolean(sent: &Value) -> Option<bool> {
    match text(sent)?.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" | "" => Some(false),
        _ => None,
    }
}

fn seconds(sent: &Value) -> Option<Duration> {
    match sent {
        Value::String(text) => duration::parse(text),
        Value::Number(number) => duration::parse(&whole(number)?.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// JSON has no integers of its own: 90.0 is 90.
fn whole(number: &Number) -> Option<u64> {
    let exact = || number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..1e15).contains(float));
    // Below 10^15 every whole float is an integer exactly.
    number.as_u64().or_else(|| exact().map(|float| float as u64))
}

fn list(name: &str, sent: &Value) -> Result<Vec<String>, Failure> {
    let wrong = || refuse(format!("{name} is not a list of texts"), "send a list, or one text with commas in between");
    let texts = match sent {
        Value::Array(items) => texts(items).ok_or_else(wrong)?,
        Value::String(text) if text.trim_start().starts_with('[') => {
            let items: Vec<Value> = serde_json::from_str(text).map_err(|_| wrong())?;
            texts(&items).ok_or_else(wrong)?
        }
        single => split(&text(single).ok_or_else(wrong)?),
    };
    if texts.len() > LONGEST_LIST {
        return Err(refuse(format!("{name} holds more than {LONGEST_LIST} texts"), "send fewer"));
    }
    texts.into_iter().map(|text| short(name, text)).collect()
}

fn texts(items: &[Value]) -> Option<Vec<String>> {
    items.iter().map(|item| text(item).map(|text| text.trim().to_owned())).collect()
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
