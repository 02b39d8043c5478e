//! A request with its route's parameters and validated fields.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::path::Parameters;
use super::value::{FieldValue, Values};
use crate::logical::request::{Operation, Request};
use crate::logical::storage::Page;

/// A request to one route. `Debug` omits everything that the caller sent.
///
/// ```
/// use std::time::Duration;
///
/// use openbao_plugin::framework::{Call, refuse};
/// use openbao_plugin::{Failure, Response};
///
/// /// Answers `roles/:role/keys/:id`, with the fields `ttl` and `tags`.
/// async fn write(call: Call) -> Result<Response, Failure> {
///     let (role, id) = (call.parameter("role"), call.parameter("id"));
///     let ttl = call.duration("ttl").unwrap_or(Duration::from_secs(3600));
///     if call.texts("tags").is_some_and(|tags| tags.is_empty()) {
///         return Err(refuse("tags is empty", "send a tag, or omit the field"));
///     }
///     tracing::info!(role, id, ttl = ttl.as_secs(), "written");
///     Ok(Response::empty())
/// }
/// ```
pub struct Call {
    request: Request,
    parameters: Parameters,
    values: Values,
}

impl Call {
    pub(super) fn new(request: Request, parameters: Parameters, values: Values) -> Self {
        Self { request, parameters, values }
    }

    /// Returns the first parameter of the path: a valid name, or the rest of the path. Empty for a route without one.
    pub fn name(&self) -> &str {
        self.parameters.first().and_then(|(_, range)| self.request.path.get(range.clone())).unwrap_or_default()
    }

    /// Returns a parameter of the path by its name in the route. Empty for a route without it.
    pub fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(parameter, _)| *parameter == name);
        found.and_then(|(_, range)| self.request.path.get(range.clone())).unwrap_or_default()
    }

    /// Returns the operation.
    pub fn operation(&self) -> Operation {
        self.request.operation
    }

    /// Returns the whole request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Returns the page that a list asks for with `after` and `limit`, as in OpenBao's own engines.
    pub fn page(&self) -> Page {
        let limit = self.integer("limit").and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
        let page = Page::all().after(self.text("after").unwrap_or_default());
        limit.map_or(page.clone(), |limit| page.limit(limit))
    }

    /// Resolves when the host cancels the request, because its caller left or the request timed out. The call runs to
    /// completion anyway, unless its handler returns; see [`Cancellation`](crate::Cancellation).
    pub async fn canceled(&self) {
        self.request.cancellation.canceled().await;
    }

    /// Returns whether the host canceled the request.
    pub fn is_canceled(&self) -> bool {
        self.request.cancellation.is_canceled()
    }

    /// Returns whether the caller sent the field. Null counts as not sent.
    pub fn is_given(&self, field: &str) -> bool {
        self.values.contains_key(field)
    }

    /// Returns whether the caller sent null: in a patch, the field is to be removed.
    pub fn is_null(&self, field: &str) -> bool {
        self.request.data.get(field).is_some_and(Value::is_null)
    }

    /// Returns a field of [`FieldKind::Text`](super::FieldKind::Text); `None` if it was not sent.
    pub fn text(&self, field: &str) -> Option<&str> {
        match self.values.get(field)? {
            FieldValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a field of [`FieldKind::Boolean`](super::FieldKind::Boolean); `None` if it was not sent.
    pub fn boolean(&self, field: &str) -> Option<bool> {
        match self.values.get(field)? {
            FieldValue::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    /// Returns a field of [`FieldKind::Integer`](super::FieldKind::Integer); `None` if it was not sent.
    pub fn integer(&self, field: &str) -> Option<i64> {
        match self.values.get(field)? {
            FieldValue::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// Returns a field of [`FieldKind::Duration`](super::FieldKind::Duration), in whole seconds; `None` if it was not sent.
    pub fn duration(&self, field: &str) -> Option<Duration> {
        match self.values.get(field)? {
            FieldValue::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    /// Returns a field of [`FieldKind::TextList`](super::FieldKind::TextList); `None` if it was not sent.
    pub fn texts(&self, field: &str) -> Option<Vec<String>> {
        match self.values.get(field)? {
            FieldValue::TextList(texts) => Some(texts.clone()),
            _ => None,
        }
    }

    /// Returns a field of [`FieldKind::Map`](super::FieldKind::Map); `None` if it was not sent.
    pub fn map(&self, field: &str) -> Option<&Map<String, Value>> {
        match self.values.get(field)? {
            FieldValue::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns a field of [`FieldKind::Header`](super::FieldKind::Header), by names such as `X-Request-Id`; `None` if it
    /// was not sent.
    pub fn header(&self, field: &str) -> Option<&BTreeMap<String, Vec<String>>> {
        match self.values.get(field)? {
            FieldValue::Header(headers) => Some(headers),
            _ => None,
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Call").field("request", &self.request).finish_non_exhaustive()
    }
}
