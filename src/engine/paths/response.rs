//! Responses that several paths return.

use serde_json::{Map, Value};

use crate::engine::mount::GenesysMount;
use openbao_plugin::framework::Call;
use openbao_plugin::{Failure, Response};

/// The response to a list operation: the requested page of the names under a prefix.
pub(super) async fn keys(mount: &GenesysMount, prefix: &str, call: Call) -> Result<Response, Failure> {
    Ok(Response::with_keys(mount.entries.list_page(prefix, &call.page()).await?))
}

/// The fields of a JSON object.
pub(super) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
