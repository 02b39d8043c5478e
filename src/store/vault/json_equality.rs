//! Equality of JSON texts.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Compares two JSON texts without whitespace, escapes and the order of fields. Numbers are compared as written.
pub(super) fn equal_json(left: &str, right: &str) -> bool {
    if let Some((left, right)) = both::<BTreeMap<String, &RawValue>>(left, right) {
        return left.keys().eq(right.keys()) && same_values(left.values(), right.values());
    }
    if let Some((left, right)) = both::<Vec<&RawValue>>(left, right) {
        return left.len() == right.len() && same_values(left.iter(), right.iter());
    }
    if let Some((left, right)) = both::<String>(left, right) {
        return left == right;
    }
    left.trim() == right.trim()
}

fn same_values<'a>(
    left: impl Iterator<Item = &'a &'a RawValue>,
    right: impl Iterator<Item = &'a &'a RawValue>,
) -> bool {
    left.zip(right).all(|(value, other)| equal_json(value.get(), other.get()))
}

/// Parses both texts as `T`; `None` if either fails.
fn both<'a, T: serde::Deserialize<'a>>(left: &'a str, right: &'a str) -> Option<(T, T)> {
    Some((serde_json::from_str(left).ok()?, serde_json::from_str(right).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_order_whitespace_and_escapes_are_ignored() {
        for (left, right) in [
            (r#"{"b":1,"a":[1.0,{"y":null,"x":"é"}]}"#, r#"{ "a": [1.0, {"x": "\u00e9", "y": null}], "b": 1 }"#),
            (r#"{"a":"<&>"}"#, r#"{"a":"\u003c\u0026\u003e"}"#),
            ("{}", " { } "),
        ] {
            assert!(equal_json(left, right), "{left} {right}");
        }
    }

    #[test]
    fn other_differences_count() {
        for (left, right) in [
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1}"#, r#"{"a":1.0}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":12345678901234567890123}"#, r#"{"a":12345678901234567890124}"#),
            ("{}", "[]"),
            ("null", "false"),
        ] {
            assert!(!equal_json(left, right), "{left} {right}");
        }
    }
}
