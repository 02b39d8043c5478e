//! The form of stored state: its field names and kinds of values, without the values.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// The form of an entry.
pub fn form(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| of_text(text), |value| of_value(&value))
}

fn of_value(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), of_value(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(of_value).collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ Value::Object(_)) => json!({ "(JSON as text)": of_value(&inner) }),
            _ => of_text(text),
        },
        Value::Number(_) => json!("(number)"),
        other => other.clone(),
    }
}

fn of_text(text: &str) -> Value {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text {
        _ if text.parse::<Timestamp>().is_ok() => json!("(time)"),
        _ if is_digest => json!("(digest)"),
        _ if text.starts_with("lease-") => json!("(lease)"),
        _ => json!("(text)"),
    }
}

/// Moves all times in a text by the same duration: RFC 3339 in whole seconds, and Unix seconds.
pub fn move_times(text: &str, by: SignedDuration) -> String {
    let (mut moved, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(letter) = rest.chars().next() {
        let (taken, replaced) = match time_at(rest) {
            Some((length, time)) => (length, format_like(&rest[..length], time + by)),
            None => (letter.len_utf8(), letter.to_string()),
        };
        moved.push_str(&replaced);
        rest = &rest[taken..];
        // The rest of a number or a word is no time.
        if taken == letter.len_utf8() && letter.is_ascii_alphanumeric() {
            let word = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
            moved.push_str(&rest[..word]);
            rest = &rest[word..];
        }
    }
    moved
}

fn time_at(text: &str) -> Option<(usize, Timestamp)> {
    const RFC_3339: usize = "2026-01-02T03:04:05Z".len();
    const UNIX: usize = "1795280000".len();
    if let Some(time) = text.get(..RFC_3339).filter(|text| text.ends_with('Z')).and_then(|text| text.parse().ok()) {
        return Some((RFC_3339, time));
    }
    let word = text.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(text.len());
    let seconds = text.get(..UNIX).filter(|_| word == UNIX)?.parse().ok()?;
    // Other numbers of ten digits, such as those of the clients' secrets, are no times of this decade.
    (1_700_000_000..2_000_000_000).contains(&seconds).then_some(())?;
    Some((UNIX, Timestamp::from_second(seconds).ok()?))
}

fn format_like(before: &str, time: Timestamp) -> String {
    if before.ends_with('Z') {
        return Timestamp::from_second(time.as_second()).expect("a time").to_string();
    }
    time.as_second().to_string()
}

/// The forms of all entries.
pub fn forms(entries: &BTreeMap<String, String>) -> Value {
    entries.iter().map(|(name, text)| (name.clone(), form(text))).collect::<Map<_, _>>().into()
}

#[test]
fn times_move_and_nothing_else_does() {
    let day = SignedDuration::from_hours(24);
    for (text, expected) in [
        (r#"{"at":"2026-01-31T03:04:05Z"}"#, r#"{"at":"2026-02-01T03:04:05Z"}"#),
        (r#"{"settled_at":1795280000,"x":17952800001}"#, r#"{"settled_at":1795366400,"x":17952800001}"#),
        ("lease-1795280000-5bed98e2-1795280000a", "lease-1795366400-5bed98e2-1795280000a"),
        ("\"é 1.50 a1795280000\"", "\"é 1.50 a1795280000\""),
    ] {
        assert_eq!(move_times(text, day), expected);
    }
}
