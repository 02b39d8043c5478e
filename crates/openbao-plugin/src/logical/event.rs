//! Events for Vault's subscribers.

use prost_types::{ListValue, Struct, value::Kind};
use serde_json::{Map, Value};

use crate::proto::pb;

/// An event for the subscribers of `sys/events/subscribe`; see [`SystemView::send_event`](crate::SystemView::send_event).
///
/// ```
/// use openbao_plugin::{Event, HostError, SystemView};
///
/// async fn announce(system: &SystemView, name: &str) -> Result<(), HostError> {
///     // False: the host has no events.
///     let _is_sent = system.send_event("notes/write", Event::new().metadata("path", name)).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Identifies the event in its cluster: subscribers discard a second one with the same id.
    pub id: String,
    /// Data for the subscribers. Never a secret.
    pub metadata: Map<String, Value>,
    /// The ids or paths that it concerns.
    pub entity_ids: Vec<String>,
    /// A text for people.
    pub note: String,
}

impl Event {
    /// An event with a random id.
    pub fn new() -> Self {
        Self { id: uuid::Uuid::new_v4().to_string(), ..Self::default() }
    }

    /// Adds data for the subscribers. Never a secret.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    pub(super) fn into_wire(self) -> pb::EventData {
        let metadata = (!self.metadata.is_empty()).then(|| structure(self.metadata));
        pb::EventData { id: self.id, metadata, entity_ids: self.entity_ids, note: self.note }
    }
}

fn structure(map: Map<String, Value>) -> Struct {
    Struct { fields: map.into_iter().map(|(name, value)| (name, wire_value(value))).collect() }
}

fn wire_value(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(boolean) => Kind::BoolValue(boolean),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => Kind::ListValue(ListValue { values: items.into_iter().map(wire_value).collect() }),
        Value::Object(map) => Kind::StructValue(structure(map)),
    };
    prost_types::Value { kind: Some(kind) }
}
