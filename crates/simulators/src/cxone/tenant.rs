//! The API call that validates tokens, and two lists for probes.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::error::CxoneError;
use super::state::CxoneState;
use crate::http::{self, Reply, Request};

/// The number of entries in a list.
const ENTRIES: usize = 10;

/// `GET /incontactapi/services/v27.0/business-unit`.
///
/// # Errors
/// The user lacks the permission.
pub(super) fn business_unit(state: &CxoneState) -> Result<Reply, CxoneError> {
    if !state.settings.business_unit_allowed {
        return Err(CxoneError::forbidden());
    }
    let unit = json!({
        "businessUnitId": state.settings.business_unit_id,
        "businessUnitName": "Simulated business unit",
        "tenantId": state.settings.tenant_id,
        "isActive": true,
    });
    Ok(http::json(StatusCode::OK, &json!({ "businessUnits": [unit] })))
}

/// `GET /incontactapi/services/v27.0/agents` and `…/skills`.
pub(super) fn list(name: &str, request: &Request) -> Reply {
    let top = request.parameter("top").and_then(|top| top.parse().ok()).unwrap_or(ENTRIES).min(ENTRIES);
    let entry = |number: usize| json!({ "id": number + 1, "name": format!("Simulated {number}"), "isActive": true });
    let mut body = Map::new();
    body.insert("totalRecords".to_owned(), json!(ENTRIES));
    body.insert(name.to_owned(), (0..top).map(entry).collect());
    http::json(StatusCode::OK, &Value::Object(body))
}
