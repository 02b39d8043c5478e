//! A request whose route was found and whose fields were checked.

use std::fmt;
use std::time::Duration;

use super::value::{FieldValue, Values};
use crate::{Operation, Request};

/// A request to one route. `Debug` leaves out all that the caller sent.
pub struct Call {
    request: Request,
    name: String,
    values: Values,
}

impl Call {
    pub(super) fn new(request: Request, name: String, values: Values) -> Self {
        Self { request, name, values }
    }

    /// The path's parameter, checked: a name, or the rest of the path. Empty where the route has none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is asked for.
    pub fn operation(&self) -> Operation {
        self.request.operation
    }

    /// The request as it came.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Whether the caller sent the field. One that is null was not sent.
    pub fn is_given(&self, field: &str) -> bool {
        self.values.contains_key(field)
    }

    /// A field of [`FieldKind::Text`](super::FieldKind::Text); `None` where it was not sent.
    pub fn text(&self, field: &str) -> Option<&str> {
        match self.values.get(field)? {
            FieldValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A field of [`FieldKind::Boolean`](super::FieldKind::Boolean); `None` where it was not sent.
    pub fn boolean(&self, field: &str) -> Option<bool> {
        match self.values.get(field)? {
            FieldValue::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    /// A field of [`FieldKind::Duration`](super::FieldKind::Duration), in whole seconds; `None` where it was not sent.
    pub fn duration(&self, field: &str) -> Option<Duration> {
        match self.values.get(field)? {
            FieldValue::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    /// A field of [`FieldKind::TextList`](super::FieldKind::TextList); `None` where it was not sent.
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
