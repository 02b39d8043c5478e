//! Converts the caller's values to the types of the fields.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Number, Value};

use super::duration;
use super::field::{Field, FieldKind};
use super::refusal::refuse;
use crate::logical::failure::Failure;

/// Limits a text, in bytes.
const LONGEST_TEXT: usize = 4096;
/// Limits a list.
const LONGEST_LIST: usize = 100;

/// The sent fields, by name.
pub(super) type Values = BTreeMap<&'static str, FieldValue>;

/// The value of a field.
#[derive(Clone, PartialEq)]
pub(super) enum FieldValue {
    Text(String),
    Boolean(bool),
    Duration(Duration),
    TextList(Vec<String>),
}

/// Returns the sent fields. Null counts as not sent.
///
/// # Errors
///
/// 400. The text names the first field with a wrong value, and never the value.
pub(super) fn values(fields: &[Field], data: &Map<String, Value>) -> Result<Values, Failure> {
    let mut values = Values::new();
    for field in fields.iter().filter(|field| field.kind != FieldKind::Map) {
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
            let text = text(sent).ok_or_else(|| refuse(format!("{name} is not a string"), "send a string"))?;
            Ok(FieldValue::Text(short(name, text)?))
        }
        FieldKind::Boolean => {
            let wrong = || refuse(format!("{name} is neither true nor false"), "send true or false");
            boolean(sent).map(FieldValue::Boolean).ok_or_else(wrong)
        }
        FieldKind::Duration => {
            let hint = "send whole seconds, or a string such as 90, 1h30m or 1d; from 0 to 292 years";
            let wrong = || refuse(format!("{name} is not a duration"), hint);
            seconds(sent).map(FieldValue::Duration).ok_or_else(wrong)
        }
        FieldKind::TextList | FieldKind::Map => list(name, sent).map(FieldValue::TextList),
    }
}

/// Converts a scalar to text: a number to its digits, a boolean to `1` or `0`.
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
    Err(refuse(format!("{name} is longer than {LONGEST_TEXT} bytes"), "send a shorter string"))
}

/// Parses the words of Go's `strconv.ParseBool`. An empty text is false.
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

/// Converts a whole number, also one written as 90.0.
fn whole(number: &Number) -> Option<u64> {
    let exact = || number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..1e15).contains(float));
    // Below 10^15 the conversion is exact.
    number.as_u64().or_else(|| exact().map(|float| float as u64))
}

fn list(name: &str, sent: &Value) -> Result<Vec<String>, Failure> {
    let wrong = || refuse(format!("{name} is not a list of strings"), "send a list, or one string separated by commas");
    let texts = match sent {
        Value::Array(items) => texts(items).ok_or_else(wrong)?,
        Value::String(text) if text.trim_start().starts_with('[') => {
            let items: Vec<Value> = serde_json::from_str(text).map_err(|_| wrong())?;
            texts(&items).ok_or_else(wrong)?
        }
        single => split(&text(single).ok_or_else(wrong)?),
    };
    if texts.len() > LONGEST_LIST {
        return Err(refuse(format!("{name} has more than {LONGEST_LIST} items"), "send fewer items"));
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

    fn converted(kind: FieldKind, sent: Value) -> Option<FieldValue> {
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
    fn text_accepts_the_values_of_vault() {
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
            assert!(converted(FieldKind::Text, sent.clone()) == expected, "{sent}");
        }
    }

    #[test]
    fn boolean_accepts_the_values_of_vault() {
        let truths = [json!(true), json!("true"), json!("TRUE"), json!("t"), json!("1"), json!(1)];
        let falsehoods = [json!(false), json!("false"), json!("False"), json!("f"), json!("0"), json!(0), json!("")];
        let neither = [json!("hunter2"), json!("yes"), json!(2), json!("tRUE"), json!([true]), json!({})];
        let sent = truths.map(|sent| (sent, Some(true))).into_iter().chain(falsehoods.map(|sent| (sent, Some(false))));
        for (sent, expected) in sent.chain(neither.map(|sent| (sent, None))) {
            assert!(converted(FieldKind::Boolean, sent.clone()) == expected.map(FieldValue::Boolean), "{sent}");
        }
    }

    #[test]
    fn duration_accepts_the_values_of_vault() {
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
            assert!(converted(FieldKind::Duration, sent.clone()) == expected, "{sent}");
        }
    }

    #[test]
    fn text_list_accepts_lists_and_comma_separated_text() {
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
            assert!(converted(FieldKind::TextList, sent.clone()) == expected.map(FieldValue::TextList), "{sent}");
        }
    }

    #[test]
    fn texts_and_lists_are_limited() {
        let (longest, longer) = ("x".repeat(LONGEST_TEXT), "x".repeat(LONGEST_TEXT + 1));
        assert!(
            converted(FieldKind::Text, json!(longest)).is_some() && converted(FieldKind::Text, json!(longer)).is_none()
        );
        for (sent, is_accepted) in [
            (json!(vec!["x"; LONGEST_LIST]), true),
            (json!(vec!["x"; LONGEST_LIST + 1]), false),
            (json!("x,".repeat(LONGEST_LIST + 1)), false),
            (json!([longest]), true),
            (json!([longer]), false),
            (json!("[".repeat(100_000)), false),
        ] {
            assert_eq!(converted(FieldKind::TextList, sent).is_some(), is_accepted);
        }
    }

    #[test]
    fn null_counts_as_not_sent() {
        for kind in [FieldKind::Text, FieldKind::Boolean, FieldKind::Duration, FieldKind::TextList] {
            assert!(converted(kind, Value::Null).is_none());
        }
        assert!(converted(FieldKind::Map, json!("it")).is_none(), "its fields are not converted");
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const HUSH: &str = "Hu5hhUsh";

    fn sent() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            any::<String>().prop_map(|text| Value::from(format!("{text}{HUSH}"))),
            any::<String>().prop_map(|text| Value::from(format!("[\"{HUSH}\",{text}"))),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                vec((any::<String>(), inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_value_panics_or_is_quoted_in_an_error(
            sent in sent(),
            kind in prop::sample::select(vec![
                FieldKind::Text, FieldKind::Boolean, FieldKind::Duration, FieldKind::TextList, FieldKind::Map,
            ]),
        ) {
            let field = Field { name: "it", kind, required: false, default: None, sensitive: true, description: "" };
            match values(&[field], &Map::from_iter([("it".to_owned(), sent.clone())])) {
                Ok(values) => match (values.get("it"), &sent) {
                    (Some(FieldValue::Text(text)), Value::String(sent)) => prop_assert_eq!(text, sent),
                    (Some(FieldValue::Text(text)), _) => prop_assert!(text.len() <= LONGEST_TEXT),
                    (Some(FieldValue::Duration(duration)), _) => prop_assert_eq!(duration.subsec_nanos(), 0),
                    (Some(FieldValue::TextList(list)), _) => prop_assert!(list.len() <= LONGEST_LIST),
                    (Some(FieldValue::Boolean(_)), _) => {}
                    (None, sent) => prop_assert!(sent.is_null() || kind == FieldKind::Map),
                },
                Err(failure) => prop_assert!(!format!("{failure} {failure:?}").contains(HUSH), "{failure}"),
            }
        }
    }
}
