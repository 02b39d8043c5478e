//! Lists of the organization's directory, paged by number, and one paged by cursor.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::error::GenesysError;
use super::permissions::Permissions;
use crate::http::{self, Reply, Request};

/// The default size of a page.
pub(super) const PAGE_SIZE: usize = 25;

/// The largest size of a page.
pub(super) const LARGEST_PAGE: usize = 500;

/// The division of all entities in the directory.
const HOME_DIVISION: &str = "3d8b6f1a-0000-4000-8000-00000000d001";

/// A list that is paged by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directory {
    Users,
    Skills,
    Queues,
    Permissions,
}

impl Directory {
    pub fn path(self) -> &'static str {
        match self {
            Self::Users => "/api/v2/users",
            Self::Skills => "/api/v2/routing/skills",
            Self::Queues => "/api/v2/routing/queues",
            Self::Permissions => "/api/v2/authorization/permissions",
        }
    }

    pub fn permissions(self) -> Permissions {
        match self {
            // The SDKs and the gc command line state none.
            Self::Users | Self::Permissions => Permissions::None,
            Self::Skills => Permissions::All(&["routing:skill:view"]),
            Self::Queues => Permissions::All(&["routing:queue:view"]),
        }
    }

    fn entity(self, index: usize) -> Value {
        let id = format!("00000000-0000-4000-8000-{index:012x}");
        let number = index + 1;
        match self {
            Self::Users => user(&id, &format!("User {number}")),
            Self::Skills => json!({
                "id": id, "name": format!("Skill {number}"), "state": "active", "version": "1",
                "dateModified": "2026-01-01T00:00:00.000Z", "selfUri": format!("/api/v2/routing/skills/{id}"),
            }),
            Self::Queues => json!({
                "id": id, "name": format!("Queue {number}"), "memberCount": 0,
                "division": home_division(), "selfUri": format!("/api/v2/routing/queues/{id}"),
            }),
            Self::Permissions => json!({
                "id": format!("domain{number}"), "name": format!("domain{number}"),
                "domain": format!("domain{number}"), "permissionMap": {},
            }),
        }
    }

    /// Returns the requested page.
    ///
    /// # Errors
    /// The page's size or number is out of range.
    pub fn page(self, request: &Request, entities: usize) -> Result<Reply, GenesysError> {
        page(request, entities, |index| self.entity(index))
    }
}

/// A user, as in lists and `users/me`.
pub(super) fn user(id: &str, name: &str) -> Value {
    let address = format!("{}@example.com", name.to_lowercase().replace(' ', "."));
    json!({
        "id": id, "name": name, "division": home_division(),
        "chat": { "jabberId": format!("{id}@example.orgspan.com") },
        "email": address, "username": address, "state": "active", "version": 1, "acdAutoAnswer": false,
        "selfUri": format!("/api/v2/users/{id}"),
    })
}

fn home_division() -> Value {
    let uri = format!("/api/v2/authorization/divisions/{HOME_DIVISION}");
    json!({ "id": HOME_DIVISION, "name": "Home", "selfUri": uri })
}

/// A page of a list of `total` entities (Platform API, the EntityListing models).
///
/// # Errors
/// The page's size or number is out of range.
pub(super) fn page(request: &Request, total: usize, entity: impl Fn(usize) -> Value) -> Result<Reply, GenesysError> {
    let size = number(request, "pageSize", PAGE_SIZE, LARGEST_PAGE)?;
    let current = number(request, "pageNumber", 1, usize::MAX)?;
    let pages = total.div_ceil(size);
    let first = size.saturating_mul(current - 1).min(total);
    let uri = |number: usize| page_uri(request, size, number);
    let mut body = Map::new();
    let entities: Vec<_> = (first..first.saturating_add(size).min(total)).map(entity).collect();
    body.insert("entities".to_owned(), json!(entities));
    body.insert("pageSize".to_owned(), json!(size));
    body.insert("pageNumber".to_owned(), json!(current));
    body.insert("total".to_owned(), json!(total));
    body.insert("firstUri".to_owned(), json!(uri(1)));
    if current > 1 {
        body.insert("previousUri".to_owned(), json!(uri(current - 1)));
    }
    if current < pages {
        body.insert("nextUri".to_owned(), json!(uri(current + 1)));
    }
    body.insert("lastUri".to_owned(), json!(uri(pages.max(1))));
    body.insert("selfUri".to_owned(), json!(uri(current)));
    body.insert("pageCount".to_owned(), json!(pages));
    Ok(http::json(StatusCode::OK, &Value::Object(body)))
}

/// A page of an audit query's results. All pages but the last have a cursor (Platform API,
/// AuditQueryExecutionResultsResponse).
///
/// # Errors
/// The page's size is out of range, or the cursor is not valid.
pub(super) fn audit_results(request: &Request, id: &str, total: usize) -> Result<Reply, GenesysError> {
    let size = number(request, "pageSize", PAGE_SIZE, LARGEST_PAGE)?;
    let first = match request.parameter("cursor") {
        None => 0,
        Some(cursor) => position(cursor).ok_or_else(|| GenesysError::malformed("the cursor is not valid"))?,
    };
    let after = first.saturating_add(size).min(total);
    let entities: Vec<_> = (first.min(total)..after).map(audit_message).collect();
    let mut body = json!({ "id": id, "pageSize": size, "entities": entities });
    if after < total {
        body["cursor"] = json!(cursor(after));
    }
    Ok(http::json(StatusCode::OK, &body))
}

fn audit_message(index: usize) -> Value {
    json!({
        "id": format!("00000000-0000-4000-8000-{index:012x}"), "serviceName": "PeoplePermissions",
        "action": "Update", "entityType": "User", "eventDate": "2026-01-01T00:00:00.000Z",
    })
}

fn cursor(position: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("position:{position}"))
}

fn position(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("position:")?.parse().ok()
}

fn number(request: &Request, name: &str, default: usize, largest: usize) -> Result<usize, GenesysError> {
    let Some(text) = request.parameter(name) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| (1..=largest).contains(number));
    number.ok_or_else(|| GenesysError::malformed(format!("{name} must be a number from 1 to {largest}, not '{text}'")))
}

/// The path and query of another page, with the request's own parameters.
fn page_uri(request: &Request, size: usize, number: usize) -> String {
    let others = request.query.iter().filter(|(name, _)| name != "pageSize" && name != "pageNumber");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("pageSize", &size.to_string())
        .append_pair("pageNumber", &number.to_string())
        .extend_pairs(others)
        .finish();
    format!("{}?{query}", request.path)
}
