//! What a caller sent, as what the field takes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Number, Value};

use super::duration;
use super::field::{Field, FieldKind};
use super::refusal::refuse;
use crate::Failure;

/// The longest text, in bytes.
const LONGEST_TEXT: usize = 4096;
/// The longest list.
const LONGEST_LIST: usize = 100;

/// The fields that were sent, by their names.
pub(super) type Values = BTreeMap<&'static str, FieldValue>;

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
pub(super) fn values(fields: &[Field], data: &Map<String, Value>) -> Result<Values, Failure> {
    let mut values = Values::new();
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(kind: FieldKind, sent: Value) -> Option<FieldValue> {
        let field = Field { name: "it", kind, required: false, default: None, sensitive: false, description: "" };
        let data = Map::from_iter([("it".to_owned(), sent.clone())]);
        match values(&[field], &data) {
            Ok(values) => values.into_values().next(),
            Err(Failure::InvalidRequest(sentence)) => {
                assert!(sentence.starts_with("it ") && sentence.contains("\nhint: "), "{sentence}");
                assert!(!sentence.contains("hunter2"), "{sentence}");
                None
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_are_taken_as_vault_takes_them() {
        for (sent, expected) in [
            (json!("größer"), Some("größer")),
            (json!(""), Some("")),
            (json!(" hunter2 "), Some(" hunter2 ")),
            (json!(12), Some("12")),
            (json!(-1.5), Some("-1.5")),
            (json!(true), Some("1")),
            (json!(false), Some("0")),
            (json!(["hunter2"]), None),
            (json!({"hunter2": 1}), None),
        ] {
            let expected = expected.map(|text| FieldValue::Text(text.to_owned()));
            assert!(taken(FieldKind::Text, sent.clone()) == expected, "{sent}");
        }
    }

    #[test]
    fn booleans_are_taken_as_vault_takes_them() {
        let truths = [json!(true), json!("true"), json!("TRUE"), json!("t"), json!("1"), json!(1)];
        let lies = [json!(false), json!("false"), json!("False"), json!("f"), json!("0"), json!(0), json!("")];
        let neither = [json!("hunter2"), json!("yes"), json!(2), json!("tRUE"), json!([true]), json!({})];
        let sent = truths.map(|sent| (sent, Some(true))).into_iter().chain(lies.map(|sent| (sent, Some(false))));
        for (sent, expected) in sent.chain(neither.map(|sent| (sent, None))) {
            assert!(taken(FieldKind::Boolean, sent.clone()) == expected.map(FieldValue::Boolean), "{sent}");
        }
    }

    #[test]
    fn durations_are_taken_as_vault_takes_them() {
        for (sent, seconds) in [
            (json!(90), Some(90)),
            (json!(90.0), Some(90)),
            (json!(0), Some(0)),
            (json!("90"), Some(90)),
            (json!("1h30m"), Some(5400)),
            (json!("1d"), Some(86400)),
            (json!(""), Some(0)),
            (json!(-1), None),
            (json!(-0.5), None),
            (json!(90.5), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!(true), None),
            (json!([90]), None),
            (json!("hunter2"), None),
        ] {
            let expected = seconds.map(|seconds| FieldValue::Duration(Duration::from_secs(seconds)));
            assert!(taken(FieldKind::Duration, sent.clone()) == expected, "{sent}");
        }
    }

    #[test]
    fn lists_are_lists_or_texts_that_stand_for_them() {
        for (sent, expected) in [
            (json!(["a", " b ", 3]), Some(&["a", "b", "3"][..])),
            (json!("a, b,,c,"), Some(&["a", "b", "c"])),
            (json!("GET /a?b=c"), Some(&["GET /a?b=c"])),
            (json!(r#" ["GET /a?expand=b,c", "d"]"#), Some(&["GET /a?expand=b,c", "d"])),
            (json!(7), Some(&["7"])),
            (json!(""), Some(&[])),
            (json!([]), Some(&[])),
            (json!("[\"hunter2\""), None),
            (json!([["hunter2"]]), None),
            (json!({"hunter2": 1}), None),
        ] {
            let expected = expected.map(|texts| texts.iter().map(|&text| text.to_owned()).collect());
            assert!(taken(FieldKind::TextList, sent.clone()) == expected.map(FieldValue::TextList), "{sent}");
        }
    }

    #[test]
    fn nothing_grows_without_bounds() {
        let (longest, longer) = ("x".repeat(LONGEST_TEXT), "x".repeat(LONGEST_TEXT + 1));
        assert!(taken(FieldKind::Text, json!(longest)).is_some() && taken(FieldKind::Text, json!(longer)).is_none());
        for (sent, is_taken) in [
            (json!(vec!["x"; LONGEST_LIST]), true),
            (json!(vec!["x"; LONGEST_LIST + 1]), false),
            (json!("x,".repeat(LONGEST_LIST + 1)), false),
            (json!([longest]), true),
            (json!([longer]), false),
            (json!("[".repeat(100_000)), false),
        ] {
            assert_eq!(taken(FieldKind::TextList, sent).is_some(), is_taken);
        }
    }

    #[test]
    fn null_is_not_sent() {
        for kind in [FieldKind::Text, FieldKind::Boolean, FieldKind::Duration, FieldKind::TextList] {
            assert!(taken(kind, Value::Null).is_none());
        }
        assert!(taken(FieldKind::Others, json!("it")).is_none(), "it has no value of its own");
    }
}
