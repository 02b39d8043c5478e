//! Responses that several paths return.

use serde_json::{Map, Value};

use crate::engine::mount::GenesysMount;
use crate::engine::storage::config::Config;
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

/// Adds a warning to the answer about a role that its config does not allow.
pub(super) async fn warned_of_config(
    mount: &GenesysMount,
    config: &str,
    role: &str,
    answer: Response,
) -> Result<Response, Failure> {
    match Config::check_role(&mount.entries, config, role).await {
        Err(Failure::InvalidRequest(why)) => Ok(answer.warning(format!("the role gets no tokens: {why}"))),
        Err(failure @ Failure::Host(_)) => Err(failure),
        _ => Ok(answer),
    }
}
