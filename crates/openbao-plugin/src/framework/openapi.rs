//! The routes as an OpenAPI 3.0 document, in the form that Vault and OpenBao merge (sdk/framework, `OASDocument`).
//!
//! A host decodes a plugin's document into its own types, which drops references, so the schema of each body is inline.

use serde_json::{Map, Value, json};

use super::duration;
use super::field::{Field, FieldKind};
use super::route::{Route, RouteOperation};
use crate::logical::backend::Operation;

const VERSION: &str = "3.0.2";
/// The pattern of a name in a path.
pub(super) const NAME: &str = r"^\w([\w.-]*\w)?$";

/// The document of these routes.
pub(super) fn document<M: 'static>(about: &str, routes: &[Route<M>], mount_type: &str) -> Value {
    let paths = routes.iter().map(|route| (format!("/{}", template(route)), item(route, mount_type)));
    json!({
        "openapi": VERSION,
        "info": {"title": "Secrets engine", "description": one_line(about), "version": "unknown"},
        "paths": paths.collect::<Map<_, _>>(),
        "components": {"schemas": {}},
    })
}

/// The path in OpenAPI's syntax, such as `config/{name}`. A list has no slash at its end.
fn template<M: 'static>(route: &Route<M>) -> String {
    let segments = route.path.trim_end_matches('/').split('/').map(|segment| match segment.strip_prefix([':', '*']) {
        Some(parameter) => format!("{{{parameter}}}"),
        None => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

fn item<M: 'static>(route: &Route<M>, mount_type: &str) -> Value {
    let mut item = Map::new();
    item.insert("description".to_owned(), Value::from(one_line(route.summary)));
    let parameters = parameters(route);
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), Value::from(parameters));
    }
    if route.sudo {
        item.insert("x-vault-sudo".to_owned(), Value::Bool(true));
    }
    if route.find(Operation::Create).is_some() {
        item.insert("x-vault-createSupported".to_owned(), Value::Bool(true));
    }
    for one in route.operations() {
        let Some(method) = method(one.operation) else { continue };
        // A read and a list are both GET: the document describes the read, with a parameter for the list.
        let is_covered = one.operation == Operation::List && route.find(Operation::Read).is_some();
        if !is_covered {
            item.insert(method.to_owned(), operation(route, one, mount_type));
        }
    }
    Value::Object(item)
}

fn method(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Create | Operation::Update => Some("post"),
        Operation::Read | Operation::List => Some("get"),
        Operation::Patch => Some("patch"),
        Operation::Delete => Some("delete"),
        Operation::Help | Operation::Renew | Operation::Revoke | Operation::Rollback => None,
    }
}

fn operation<M: 'static>(route: &Route<M>, described: &RouteOperation<M>, mount_type: &str) -> Value {
    let responses = match described.operation {
        Operation::Delete => json!({"204": {"description": "empty body"}}),
        _ => json!({"200": {"description": "OK"}}),
    };
    let mut operation = Map::new();
    operation.insert("summary".to_owned(), Value::from(one_line(described.summary)));
    operation.insert("operationId".to_owned(), Value::from(operation_id(route, described, mount_type)));
    operation.insert("tags".to_owned(), json!(["secrets"]));
    if let Some(list) = list_parameter(route, described) {
        operation.insert("parameters".to_owned(), json!([list]));
    }
    if is_write(described.operation) && !route.fields.is_empty() {
        let content = json!({"application/json": {"schema": body(route.fields)}});
        operation.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    operation.insert("responses".to_owned(), responses);
    Value::Object(operation)
}

/// The operation's name for code generators, such as `my-engine-write-config-name`.
fn operation_id<M: 'static>(route: &Route<M>, described: &RouteOperation<M>, mount_type: &str) -> String {
    let words = [mount_type, described.verb(), route.path].into_iter().flat_map(|part| {
        part.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
    });
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

fn list_parameter<M: 'static>(route: &Route<M>, described: &RouteOperation<M>) -> Option<Value> {
    match described.operation {
        Operation::List => Some(json!({
            "name": "list", "description": "Must be set to `true`", "in": "query", "required": true,
            "schema": {"type": "string", "enum": ["true"]},
        })),
        Operation::Read if route.find(Operation::List).is_some() => Some(json!({
            "name": "list", "description": "Lists if set to `true`", "in": "query", "schema": {"type": "string"},
        })),
        _ => None,
    }
}

/// The parameter of the path. Without a write, the fields are query parameters as well.
fn parameters<M: 'static>(route: &Route<M>) -> Vec<Value> {
    let mut parameters = Vec::new();
    if let Some(name) = route.parameter() {
        let schema = match route.takes_the_rest() {
            true => json!({"type": "string"}),
            false => json!({"type": "string", "pattern": NAME}),
        };
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
    }
    if route.operations.iter().any(|one| is_write(one.operation)) {
        return parameters;
    }
    for field in route.fields.iter().filter(|field| field.kind != FieldKind::Map) {
        let description = one_line(field.description);
        parameters.push(json!({
            "name": field.name, "description": description, "in": "query", "required": field.required,
            "schema": schema(field),
        }));
    }
    parameters
}

fn is_write(operation: Operation) -> bool {
    matches!(operation, Operation::Create | Operation::Update | Operation::Patch)
}

fn body(fields: &[Field]) -> Value {
    let is_named = |field: &&Field| field.kind != FieldKind::Map;
    let properties = fields.iter().filter(is_named).map(|field| (field.name.to_owned(), schema(field)));
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut body = Map::new();
    body.insert("type".to_owned(), Value::from("object"));
    body.insert("properties".to_owned(), Value::Object(properties.collect()));
    // OpenAPI does not allow an empty list.
    if !required.is_empty() {
        body.insert("required".to_owned(), Value::from(required));
    }
    Value::Object(body)
}

fn schema(field: &Field) -> Value {
    let mut schema = match field.kind {
        FieldKind::Text | FieldKind::Map => json!({"type": "string"}),
        FieldKind::Boolean => json!({"type": "boolean"}),
        FieldKind::Duration => json!({"type": "integer", "format": "seconds"}),
        FieldKind::TextList => json!({"type": "array", "items": {"type": "string"}}),
    };
    schema["description"] = Value::from(one_line(field.description));
    if let Some(default) = field.default.and_then(|default| default_value(field.kind, default)) {
        schema["default"] = default;
    }
    if field.sensitive {
        schema["format"] = Value::from("password");
        schema["x-vault-displayAttrs"] = json!({"sensitive": true});
    }
    schema
}

/// The default as a value of the field's type, unless it is a description in words.
fn default_value(kind: FieldKind, default: &str) -> Option<Value> {
    match kind {
        FieldKind::Text => Some(Value::from(default)),
        FieldKind::Boolean => default.parse().ok().map(Value::Bool),
        FieldKind::Duration => duration::parse(default).map(|duration| Value::from(duration.as_secs())),
        FieldKind::TextList | FieldKind::Map => None,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
