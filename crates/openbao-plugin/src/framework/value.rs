//! Converts the caller's values to the types of the fields.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Number, Value};

use super::duration;
use super::field::{Field, FieldKind};
use super::headers::{Headers, headers};
use super::json_text::{object, split, text, texts};
use super::refusal::refuse;
use crate::logical::failure::Failure;

/// Limits a text, in bytes, unless the field has its own limit.
const LONGEST_TEXT: usize = 4096;
/// Limits the items of a list, map or header, unless the field has its own limit.
const LONGEST_LIST: usize = 100;

/// The sent fields, by name.
pub(super) type Values = BTreeMap<&'static str, FieldValue>;

/// The value of a field.
#[derive(Clone, PartialEq)]
pub(super) enum FieldValue {
    Text(String),
    Boolean(bool),
    Integer(i64),
    Duration(Duration),
    TextList(Vec<String>),
    Map(Map<String, Value>),
    Header(Headers),
}

/// Returns the sent fields. Null counts as not sent.
///
/// # Errors
///
/// 400. The text names the first field with a wrong value, and never the value.
pub(super) fn values<'f>(
    fields: impl Iterator<Item = &'f Field>,
    data: &Map<String, Value>,
) -> Result<Values, Failure> {
    let mut values = Values::new();
    for field in fields.filter(|field| field.kind != FieldKind::Rest) {
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
            Ok(FieldValue::Text(allowed(field, short(field, text)?)?))
        }
        FieldKind::Boolean => {
            let wrong = || refuse(format!("{name} is neither true nor false"), "send true or false");
            boolean(sent).map(FieldValue::Boolean).ok_or_else(wrong)
        }
        FieldKind::Integer => {
            let wrong = || refuse(format!("{name} is not a whole number"), "send a whole number, such as 10");
            integer(sent).map(FieldValue::Integer).ok_or_else(wrong)
        }
        FieldKind::Duration => {
            let hint = "send whole seconds, or a string such as 90, 1h30m or 1d; from 0 to 292 years";
            let wrong = || refuse(format!("{name} is not a duration"), hint);
            seconds(sent).map(FieldValue::Duration).ok_or_else(wrong)
        }
        FieldKind::TextList | FieldKind::Rest => list(field, sent).map(FieldValue::TextList),
        FieldKind::Map => {
            let wrong = || refuse(format!("{name} is not a JSON object"), "send an object, or a string of JSON");
            let object = object(sent).ok_or_else(wrong)?;
            few(field, object.len()).map(|()| FieldValue::Map(object))
        }
        FieldKind::Header => {
            let hint = "send an object, a string of JSON, or a list of name:value";
            let wrong = || refuse(format!("{name} is not a set of headers"), hint);
            let headers = headers(sent).ok_or_else(wrong)?;
            few(field, headers.len()).map(|()| FieldValue::Header(headers))
        }
    }
}

/// Validates a text of a field with enumerated values.
fn allowed(field: &Field, text: String) -> Result<String, Failure> {
    if field.allowed.is_empty() || field.allowed.contains(&text.as_str()) {
        return Ok(text);
    }
    let hint = format!("send one of: {}", field.allowed.join(", "));
    Err(refuse(format!("{} is not one of the allowed values", field.name), hint))
}

fn short(field: &Field, text: String) -> Result<String, Failure> {
    // In a list, the field's own limit is that of the items.
    let longest = field.longest.filter(|_| field.kind == FieldKind::Text).unwrap_or(LONGEST_TEXT);
    if text.len() <= longest {
        return Ok(text);
    }
    Err(refuse(format!("{} is longer than {longest} bytes", field.name), "send a shorter string"))
}

fn few(field: &Field, items: usize) -> Result<(), Failure> {
    let most = field.longest.unwrap_or(LONGEST_LIST);
    if items <= most {
        return Ok(());
    }
    Err(refuse(format!("{} has more than {most} items", field.name), "send fewer items"))
}

/// Parses the words of Go's `strconv.ParseBool`. An empty text is false.
fn boolean(sent: &Value) -> Option<bool> {
    match text(sent)?.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" | "" => Some(false),
        _ => None,
    }
}

fn integer(sent: &Value) -> Option<i64> {
    match sent {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| whole(number)?.try_into().ok()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
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

fn list(field: &Field, sent: &Value) -> Result<Vec<String>, Failure> {
    let problem = || format!("{} is not a list of strings", field.name);
    let wrong = || refuse(problem(), "send a list, or one string separated by commas");
    let texts = match sent {
        Value::Array(items) => texts(items).ok_or_else(wrong)?,
        Value::String(text) if text.trim_start().starts_with('[') => {
            let items: Vec<Value> = serde_json::from_str(text).map_err(|_| wrong())?;
            texts(&items).ok_or_else(wrong)?
        }
        single => split(&text(single).ok_or_else(wrong)?),
    };
    few(field, texts.len())?;
    texts.into_iter().map(|text| allowed(field, short(field, text)?)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn converted(kind: FieldKind, sent: Value) -> Option<FieldValue> {
        converted_field(Field { kind, ..Field::text("it", "") }, sent)
    }

    fn converted_field(field: Field, sent: Value) -> Option<FieldValue> {
        let data = Map::from_iter([("it".to_owned(), sent)]);
        match values([&field].into_iter(), &data) {
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
    fn integer_accepts_whole_numbers() {
        for (sent, expected) in [
            (json!(10), Some(10)),
            (json!(-3), Some(-3)),
            (json!("10"), Some(10)),
            (json!(" -3 "), Some(-3)),
            (json!(10.0), Some(10)),
            (json!(i64::MAX), Some(i64::MAX)),
            (json!(u64::MAX), None),
            (json!(10.5), None),
            (json!("hunter2"), None),
            (json!(""), None),
            (json!(true), None),
            (json!([1]), None),
        ] {
            assert!(converted(FieldKind::Integer, sent.clone()) == expected.map(FieldValue::Integer), "{sent}");
        }
    }

    #[test]
    fn map_accepts_objects_and_json() {
        let object = json!({"a": "b", "c": [1, {"d": null}]});
        let expected = || Some(FieldValue::Map(object.as_object().unwrap().clone()));
        assert!(converted(FieldKind::Map, object.clone()) == expected());
        assert!(converted(FieldKind::Map, json!(object.to_string())) == expected());
        for sent in [json!("hunter2"), json!("[1]"), json!(""), json!([1]), json!(1), json!(true)] {
            assert!(converted(FieldKind::Map, sent.clone()).is_none(), "{sent}");
        }
        let object: Map<_, _> = (0..=LONGEST_LIST).map(|key| (key.to_string(), json!(1))).collect();
        assert!(converted(FieldKind::Map, Value::Object(object)).is_none(), "too many");
    }

    #[test]
    fn enumerated_values_are_listed_in_the_error() {
        const KINDS: Field = Field::text("it", "").one_of(&["json", "pem"]);
        assert!(converted_field(KINDS, json!("pem")) == Some(FieldValue::Text("pem".to_owned())));
        let lists = Field { kind: FieldKind::TextList, ..KINDS };
        assert!(
            converted_field(lists, json!("pem,json")).is_some() && converted_field(lists, json!("pem,x")).is_none()
        );
        let data = Map::from_iter([("it".to_owned(), json!("hunter2"))]);
        let Err(refused) = values([&KINDS].into_iter(), &data) else { panic!("it was accepted") };
        assert_eq!(refused.to_string(), "it is not one of the allowed values\nhint: send one of: json, pem");
    }

    #[test]
    fn a_field_may_have_its_own_limit() {
        let field = Field::text("it", "").longest(3);
        assert!(converted_field(field, json!("abc")).is_some() && converted_field(field, json!("abcd")).is_none());
        let field = Field::text("it", "").longest(LONGEST_TEXT * 2);
        assert!(converted_field(field, json!("x".repeat(LONGEST_TEXT + 1))).is_some());
        let field = Field::texts("it", "").longest(2);
        assert!(converted_field(field, json!("abc,b")).is_some() && converted_field(field, json!("a,b,c")).is_none());
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
        assert!(converted(FieldKind::Rest, json!("it")).is_none(), "its fields are not converted");
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
                FieldKind::Text, FieldKind::Boolean, FieldKind::Integer, FieldKind::Duration, FieldKind::TextList,
                FieldKind::Map, FieldKind::Header, FieldKind::Rest,
            ]),
        ) {
            let field = Field { kind, ..Field::text("it", "").sensitive() };
            match values([&field].into_iter(), &Map::from_iter([("it".to_owned(), sent.clone())])) {
                Ok(values) => match (values.get("it"), &sent) {
                    (Some(FieldValue::Text(text)), Value::String(sent)) => prop_assert_eq!(text, sent),
                    (Some(FieldValue::Text(text)), _) => prop_assert!(text.len() <= LONGEST_TEXT),
                    (Some(FieldValue::Duration(duration)), _) => prop_assert_eq!(duration.subsec_nanos(), 0),
                    (Some(FieldValue::TextList(list)), _) => prop_assert!(list.len() <= LONGEST_LIST),
                    (Some(FieldValue::Map(map)), _) => prop_assert!(map.len() <= LONGEST_LIST),
                    (Some(FieldValue::Header(headers)), _) => prop_assert!(headers.len() <= LONGEST_LIST),
                    (Some(FieldValue::Boolean(_) | FieldValue::Integer(_)), _) => {}
                    (None, sent) => prop_assert!(sent.is_null() || kind == FieldKind::Rest),
                },
                Err(failure) => prop_assert!(!format!("{failure} {failure:?}").contains(HUSH), "{failure}"),
            }
        }
    }
}
