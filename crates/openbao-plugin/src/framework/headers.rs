//! Values of header fields.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json_text::{object, split, text, texts};

/// HTTP headers, by name.
pub(super) type Headers = BTreeMap<String, Vec<String>>;

/// Collects headers. Equal names, in any letter case, are one header.
pub(super) fn headers(sent: &Value) -> Option<Headers> {
    let pairs: Vec<(String, Value)> = match sent {
        Value::Array(items) => items.iter().map(|item| pair(item.as_str()?)).collect::<Option<_>>()?,
        Value::String(text) if !text.trim_start().starts_with('{') => {
            split(text).iter().map(|item| pair(item)).collect::<Option<_>>()?
        }
        other => object(other)?.into_iter().collect(),
    };
    let mut headers = Headers::new();
    for (name, value) in pairs {
        let values = match &value {
            Value::Array(items) => texts(items)?,
            single => vec![text(single)?],
        };
        headers.entry(canonical(name.trim())?).or_default().extend(values);
    }
    Some(headers)
}

fn pair(item: &str) -> Option<(String, Value)> {
    let (name, value) = item.split_once(':')?;
    Some((name.to_owned(), Value::from(value.trim())))
}

/// The form of Go's `http.CanonicalHeaderKey`, such as `X-Request-Id`.
fn canonical(name: &str) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
    });
    Some(words.collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn header_accepts_the_forms_of_vault() {
        let expected = [("X-Request-Id", vec!["1", "2"]), ("Accept", vec!["text/html"])];
        let expected: Headers =
            expected.map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect())).into();
        for sent in [
            json!({"x-request-id": ["1", 2], "ACCEPT": "text/html"}),
            json!(r#"{"x-request-id": ["1", "2"], "accept": "text/html"}"#),
            json!(["x-request-id:1", "X-Request-ID: 2", "accept:text/html"]),
            json!("x-request-id:1,x-request-id:2,accept:text/html"),
        ] {
            assert!(headers(&sent).as_ref() == Some(&expected), "{sent}");
        }
        for sent in [json!("hunter2"), json!(["hunter2"]), json!({"a b": "hunter2"}), json!({"a": {}}), json!(1)] {
            assert!(headers(&sent).is_none(), "{sent}");
        }
    }
}
