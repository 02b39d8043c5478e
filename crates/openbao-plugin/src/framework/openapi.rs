//! The routes as an OpenAPI 3.0 document, in the shape that Vault and OpenBao merge (sdk/framework, `OASDocument`).
//!
//! A host reads a plugin's document by the names of its own fields, which loses references: the schema of a body
//! stands where it is used.

use serde_json::{Map, Value, json};

use super::duration;
use super::field::{Field, FieldKind};
use super::help::verb;
use super::route::{Answer, Route};
use crate::Operation;

const VERSION: &str = "3.0.2";
/// What a name looks like.
const NAME: &str = r"^\w([\w.-]*\w)?$";

/// The document of some routes.
pub(super) fn document<M: 'static>(about: &str, routes: &[Route<M>], mount_type: &str) -> Value {
    let paths = routes.iter().map(|route| (format!("/{}", template(route)), item(route, mount_type)));
    json!({
        "openapi": VERSION,
        "info": {"title": "Secrets engine", "description": one_line(about), "version": "unknown"},
        "paths": paths.collect::<Map<_, _>>(),
        "components": {"schemas": {}},
    })
}

/// The path as OpenAPI writes it: `config/{name}`. The host knows lists without the slash at their end.
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
    if route.answer(Operation::Create).is_some() {
        item.insert("x-vault-createSupported".to_owned(), Value::Bool(true));
    }
    for answer in route.operations() {
        let Some(method) = method(answer.operation) else { continue };
        // Where a path can be read and listed, both are a GET: the read is described, and says how to list.
        let is_second = answer.operation == Operation::List && route.answer(Operation::Read).is_some();
        if !is_second {
            item.insert(method.to_owned(), operation(route, answer, mount_type));
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

fn operation<M: 'static>(route: &Route<M>, answer: &Answer<M>, mount_type: &str) -> Value {
    let responses = match answer.operation {
        Operation::Delete => json!({"204": {"description": "empty body"}}),
        _ => json!({"200": {"description": "OK"}}),
    };
    let mut operation = Map::new();
    operation.insert("summary".to_owned(), Value::from(one_line(answer.summary)));
    operation.insert("operationId".to_owned(), Value::from(operation_id(route, answer, mount_type)));
    operation.insert("tags".to_owned(), json!(["secrets"]));
    if let Some(list) = list_parameter(route, answer) {
        operation.insert("parameters".to_owned(), json!([list]));
    }
    if is_write(answer.operation) && !route.fields.is_empty() {
        let content = json!({"application/json": {"schema": body(route.fields)}});
        operation.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    operation.insert("responses".to_owned(), responses);
    Value::Object(operation)
}

/// Names the operation for code generators: `my-engine-write-config-name`.
fn operation_id<M: 'static>(route: &Route<M>, answer: &Answer<M>, mount_type: &str) -> String {
    let words = [mount_type, verb(answer.operation), route.path].into_iter().flat_map(|part| {
        part.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
    });
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

fn list_parameter<M: 'static>(route: &Route<M>, answer: &Answer<M>) -> Option<Value> {
    match answer.operation {
        Operation::List => Some(json!({
            "name": "list", "description": "Must be set to `true`", "in": "query", "required": true,
            "schema": {"type": "string", "enum": ["true"]},
        })),
        Operation::Read if route.answer(Operation::List).is_some() => Some(json!({
            "name": "list", "description": "Lists if set to `true`", "in": "query", "schema": {"type": "string"},
        })),
        _ => None,
    }
}

/// The path's own parameter. Where nothing has a body, the fields go into the query.
fn parameters<M: 'static>(route: &Route<M>) -> Vec<Value> {
    let mut parameters = Vec::new();
    if let Some(name) = route.parameter() {
        let schema = match route.takes_the_rest() {
            true => json!({"type": "string"}),
            false => json!({"type": "string", "pattern": NAME}),
        };
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
    }
    if route.operations.iter().any(|answer| is_write(answer.operation)) {
        return parameters;
    }
    for field in route.fields.iter().filter(|field| field.kind != FieldKind::Others) {
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
    let is_named = |field: &&Field| field.kind != FieldKind::Others;
    let properties = fields.iter().filter(is_named).map(|field| (field.name.to_owned(), schema(field)));
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut body = Map::new();
    body.insert("type".to_owned(), Value::from("object"));
    body.insert("properties".to_owned(), Value::Object(properties.collect()));
    // OpenAPI has no empty list there.
    if !required.is_empty() {
        body.insert("required".to_owned(), Value::from(required));
    }
    Value::Object(body)
}

fn schema(field: &Field) -> Value {
    let mut schema = match field.kind {
        FieldKind::Text | FieldKind::Others => json!({"type": "string"}),
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

/// A default as a value of the field. Words that say it to people are none.
fn default_value(kind: FieldKind, default: &str) -> Option<Value> {
    match kind {
        FieldKind::Text => Some(Value::from(default)),
        FieldKind::Boolean => default.parse().ok().map(Value::Bool),
        FieldKind::Duration => duration::parse(default).map(|duration| Value::from(duration.as_secs())),
        FieldKind::TextList | FieldKind::Others => None,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::example::ROUTER;

    fn whole() -> Value {
        document(ROUTER.about, ROUTER.routes, "genesys-cloud")
    }

    #[test]
    fn every_route_has_its_path() {
        let document = whole();
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["/config", "/config/{name}", "/config/{name}/usage", "/rotate/{name}", "/deep/{key}"]);
        assert_eq!(document["openapi"], "3.0.2");
        assert_eq!(document["info"]["description"], "Keeps tokens fresh. Write config/ first.");
    }

    #[test]
    fn a_write_is_a_post_with_the_fields_in_its_body() {
        let path = &whole()["paths"]["/config/{name}"];
        assert_eq!(
            path["parameters"],
            json!([{"name": "name", "in": "path", "required": true, "schema": {"type": "string", "pattern": NAME}}])
        );
        assert_eq!((&path["x-vault-createSupported"], &path["x-vault-sudo"]), (&json!(true), &Value::Null));
        let post = &path["post"];
        assert_eq!(
            (&post["summary"], &post["operationId"]),
            (&json!("Changes one."), &json!("genesys-cloud-write-config-name"))
        );
        let schema = &post["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema["required"], json!(["secret"]));
        let expected = json!({
            "region": {"type": "string", "description": "Where the client lives.", "default": "us-east-1"},
            "secret": {"type": "string", "description": "The client's secret.", "format": "password",
                "x-vault-displayAttrs": {"sensitive": true}},
            "verify": {"type": "boolean", "description": "Whether to try it.", "default": true},
            "ttl": {"type": "integer", "format": "seconds", "description": "How long tokens live.", "default": 3600},
            "tags": {"type": "array", "items": {"type": "string"}, "description": "Words to find it by."},
        });
        assert_eq!(schema["properties"], expected);
        assert_eq!(path["delete"]["responses"], json!({"204": {"description": "empty body"}}));
    }

    #[test]
    fn a_list_is_a_get_that_says_so() {
        let document = whole();
        let list = &document["paths"]["/config"]["get"];
        assert_eq!(list["operationId"], "genesys-cloud-list-config");
        let expected = json!([{"name": "list", "description": "Must be set to `true`", "in": "query", "required": true,
            "schema": {"type": "string", "enum": ["true"]}}]);
        assert_eq!(list["parameters"], expected);
        let both = &document["paths"]["/deep/{key}"]["get"];
        assert_eq!((&both["summary"], &both["parameters"][0]["required"]), (&json!("Reads."), &Value::Null));
    }

    #[test]
    fn what_is_never_written_takes_its_fields_in_the_query() {
        let document = whole();
        let usage = &document["paths"]["/config/{name}/usage"];
        assert_eq!((&usage["parameters"][1]["name"], &usage["parameters"][1]["in"]), (&json!("ttl"), &json!("query")));
        assert_eq!(document["paths"]["/rotate/{name}"]["x-vault-sudo"], true);
        assert_eq!(document["paths"]["/deep/{key}"]["parameters"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn no_two_operations_share_a_name() {
        let document = whole();
        let items = document["paths"].as_object().unwrap().values();
        let operations = items.flat_map(|item| item.as_object().unwrap().values());
        let mut ids: Vec<_> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), all), (all, 7));
    }
}
