//! A request with its route's name and validated fields.

use std::fmt;
use std::time::Duration;

use super::value::{FieldValue, Values};
use crate::logical::backend::{Operation, Request};

/// A request to one route. `Debug` omits everything that the caller sent.
pub struct Call {
    request: Request,
    name: String,
    values: Values,
}

impl Call {
    pub(super) fn new(request: Request, name: String, values: Values) -> Self {
        Self { request, name, values }
    }

    /// Returns the parameter of the path: a valid name, or the rest of the path. Empty for a route without one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the operation.
    pub fn operation(&self) -> Operation {
        self.request.operation
    }

    /// Returns the whole request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Returns whether the caller sent the field. Null counts as not sent.
    pub fn is_given(&self, field: &str) -> bool {
        self.values.contains_key(field)
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
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Call").field("request", &self.request).finish_non_exhaustive()
    }
}
