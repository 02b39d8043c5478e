//! A search of the directory. The next page is a query in Base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::GenesysError;
use super::lists::{LARGEST_PAGE, PAGE_SIZE, user};
use crate::http::{self, Reply, Request};

/// The content of `q64` (Platform API, UserSearchRequest).
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    #[serde(default = "page_size")]
    page_size: usize,
    #[serde(default = "first_page")]
    page_number: usize,
    query: Vec<Value>,
}

/// `GET /api/v2/users/search` (Platform API, UsersSearchResponse).
///
/// # Errors
/// `q64` is missing or not a query.
pub(super) fn users(request: &Request, total: usize, links: bool) -> Result<Reply, GenesysError> {
    let query = request.parameter("q64").and_then(read).ok_or_else(|| GenesysError::malformed("q64 is not a query"))?;
    let first = query.page_size.saturating_mul(query.page_number - 1).min(total);
    let last = first.saturating_add(query.page_size).min(total);
    let id = |index: usize| format!("00000000-0000-4000-8000-{index:012x}");
    let results: Vec<_> = (first..last).map(|index| user(&id(index), &format!("User {}", index + 1))).collect();
    let mut body = json!({
        "total": total, "pageCount": total.div_ceil(query.page_size), "pageSize": query.page_size,
        "pageNumber": query.page_number, "types": ["users"], "results": results,
    });
    if last < total {
        let value = written(&Query { page_number: query.page_number + 1, ..query });
        let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        body["nextPage"] = if links { json!(format!("{}?q64={encoded}", request.path)) } else { json!(value) };
    }
    Ok(http::json(StatusCode::OK, &body))
}

fn read(text: &str) -> Option<Query> {
    let query: Query = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    ((1..=LARGEST_PAGE).contains(&query.page_size) && query.page_number > 0).then_some(query)
}

fn written(query: &Query) -> String {
    STANDARD.encode(json!(query).to_string())
}

fn page_size() -> usize {
    PAGE_SIZE
}

fn first_page() -> usize {
    1
}
