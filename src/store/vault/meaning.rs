//! Whether two JSON texts say the same.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Whether both say the same but for blanks, escapes and the order of fields. Numbers are compared as written.
pub(super) fn means_the_same(left: &str, right: &str) -> bool {
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
    left.zip(right).all(|(value, other)| means_the_same(value.get(), other.get()))
}

/// Both texts as a `T`, if both are one.
fn both<'a, T: serde::Deserialize<'a>>(left: &'a str, right: &'a str) -> Option<(T, T)> {
    Some((serde_json::from_str(left).ok()?, serde_json::from_str(right).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_blanks_and_escapes_do_not_count() {
        for (left, right) in [
            (r#"{"b":1,"a":[1.0,{"y":null,"x":"é"}]}"#, r#"{ "a": [1.0, {"x": "\u00e9", "y": null}], "b": 1 }"#),
            (r#"{"a":"<&>"}"#, r#"{"a":"\u003c\u0026\u003e"}"#),
            ("{}", " { } "),
        ] {
            assert!(means_the_same(left, right), "{left} {right}");
        }
    }

    #[test]
    fn anything_else_does() {
        for (left, right) in [
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1}"#, r#"{"a":1.0}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":12345678901234567890123}"#, r#"{"a":12345678901234567890124}"#),
            ("{}", "[]"),
            ("null", "false"),
        ] {
            assert!(!means_the_same(left, right), "{left} {right}");
        }
    }
}
