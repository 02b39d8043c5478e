//! JSON texts on the wire.

use serde_json::{Map, Value};

use super::failure::Failure;

/// Parses a JSON object. An empty text and null are an empty object.
pub(crate) fn object(text: &str) -> Result<Map<String, Value>, Failure> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    let parsed: Option<Map<String, Value>> = serde_json::from_str(text)
        // The parser's message may quote the data.
        .map_err(|_| Failure::invalid_request("the request's data is not a JSON object"))?;
    Ok(parsed.unwrap_or_default())
}

/// JSON text for the host, which cannot parse an empty text.
pub(crate) fn json(data: Option<Map<String, Value>>) -> String {
    data.map_or_else(|| "null".to_owned(), |data| Value::Object(data).to_string())
}
