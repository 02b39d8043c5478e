//! The routes as an OpenAPI 3.0 document, in the form that Vault and OpenBao merge (sdk/framework, `OASDocument`).
//!
//! A host decodes a plugin's document into its own types, which drops references, so the schema of each body is inline.

use serde_json::{Map, Value, json};

use super::duration;
use super::field::{Field, FieldKind};
use super::path;
use super::route::{Display, PAGE, Route, RouteOperation};
use crate::logical::request::Operation;

const VERSION: &str = "3.0.2";
/// What user interfaces read (sdk/framework, `DisplayAttributes`).
const DISPLAY: &str = "x-vault-displayAttrs";
/// The fields of the answer to a list.
const NAMES: &[Field] = &[Field::texts("keys", "The names.")];
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
    if route.unauthenticated {
        item.insert("x-vault-unauthenticated".to_owned(), Value::Bool(true));
    }
    if route.exists.is_some() && route.find(Operation::Create).is_some() {
        item.insert("x-vault-createSupported".to_owned(), Value::Bool(true));
    }
    if let Some(display) = display(route.display) {
        item.insert(DISPLAY.to_owned(), display);
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

fn display(display: Display) -> Option<Value> {
    let texts = [("itemType", display.item_type), ("action", display.action)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
    let navigation = display.navigation.then(|| ("navigation".to_owned(), Value::Bool(true)));
    let shown: Map<_, _> = texts.chain(navigation).collect();
    (!shown.is_empty()).then_some(Value::Object(shown))
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
    let responses = match (described.returns, described.operation) {
        ([], Operation::Delete) => json!({"204": {"description": "empty body"}}),
        ([], Operation::List) => answered(NAMES),
        ([], _) => json!({"200": {"description": "OK"}}),
        (fields, _) => answered(fields),
    };
    let mut operation = Map::new();
    operation.insert("summary".to_owned(), Value::from(one_line(described.summary)));
    operation.insert("operationId".to_owned(), Value::from(operation_id(route, described, mount_type)));
    operation.insert("tags".to_owned(), json!(["secrets"]));
    if let Some(list) = list_parameter(route, described) {
        let mut parameters = vec![list];
        parameters.extend(PAGE.iter().map(query_parameter));
        operation.insert("parameters".to_owned(), Value::from(parameters));
    }
    if is_write(described.operation) && route.all_fields().next().is_some() {
        let content = json!({"application/json": {"schema": body(route.all_fields())}});
        operation.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    operation.insert("responses".to_owned(), responses);
    Value::Object(operation)
}

fn answered(fields: &'static [Field]) -> Value {
    json!({"200": {"description": "OK", "content": {"application/json": {"schema": body(fields.iter())}}}})
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
    for name in path::parameters(route.path) {
        let schema = match path::takes_the_rest(route.path, name) {
            true => json!({"type": "string"}),
            false => json!({"type": "string", "pattern": NAME}),
        };
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
    }
    if route.operations().any(|one| is_write(one.operation)) {
        return parameters;
    }
    parameters.extend(route.all_fields().filter(|field| field.kind != FieldKind::Rest).map(query_parameter));
    parameters
}

fn query_parameter(field: &Field) -> Value {
    json!({
        "name": field.name, "description": one_line(field.description), "in": "query", "required": field.required,
        "schema": schema(field),
    })
}

fn is_write(operation: Operation) -> bool {
    matches!(operation, Operation::Create | Operation::Update | Operation::Patch)
}

fn body(fields: impl Iterator<Item = &'static Field> + Clone) -> Value {
    let is_named = |field: &&Field| field.kind != FieldKind::Rest;
    let properties = fields.clone().filter(is_named).map(|field| (field.name.to_owned(), schema(field)));
    let required: Vec<_> = fields.filter(|field| field.required).map(|field| field.name).collect();
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
        FieldKind::Text | FieldKind::Header | FieldKind::Rest => json!({"type": "string"}),
        FieldKind::Boolean => json!({"type": "boolean"}),
        FieldKind::Integer => json!({"type": "integer", "format": "int64"}),
        FieldKind::Duration => json!({"type": "integer", "format": "seconds"}),
        FieldKind::TextList => json!({"type": "array", "items": {"type": "string"}}),
        FieldKind::Map => json!({"type": "object", "format": "map"}),
    };
    schema["description"] = Value::from(one_line(field.description));
    if !field.allowed.is_empty() {
        schema["enum"] = Value::from(field.allowed);
    }
    if let Some(default) = field.default.and_then(|default| default_value(field.kind, default)) {
        schema["default"] = default;
    }
    if field.sensitive {
        schema["format"] = Value::from("password");
    }
    let texts = [("name", field.label), ("group", field.group), ("editType", field.editor)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
    let shown: Map<_, _> = texts.chain(field.sensitive.then(|| ("sensitive".to_owned(), Value::Bool(true)))).collect();
    if !shown.is_empty() {
        schema[DISPLAY] = Value::Object(shown);
    }
    schema
}

/// The default as a value of the field's type, unless it is a description in words.
fn default_value(kind: FieldKind, default: &str) -> Option<Value> {
    match kind {
        FieldKind::Text => Some(Value::from(default)),
        FieldKind::Boolean => default.parse().ok().map(Value::Bool),
        FieldKind::Duration => duration::parse(default).map(|duration| Value::from(duration.as_secs())),
        FieldKind::Integer => default.parse::<i64>().ok().map(Value::from),
        FieldKind::TextList | FieldKind::Map | FieldKind::Header | FieldKind::Rest => None,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
