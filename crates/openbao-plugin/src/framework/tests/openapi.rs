//! The OpenAPI document of the example routes.

use serde_json::{Value, json};

use crate::framework::example_routes::ROUTER;
use crate::framework::openapi::{NAME, document};

fn whole() -> Value {
    document(ROUTER.about, ROUTER.routes, "genesys-cloud")
}

#[test]
fn every_route_has_a_path() {
    let document = whole();
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/config", "/config/{name}", "/config/{name}/usage", "/rotate/{name}", "/deep/{key}"]);
    assert_eq!(document["openapi"], "3.0.2");
    assert_eq!(document["info"]["description"], "Keeps tokens fresh. Write config/ first.");
}

#[test]
fn a_write_is_a_post_with_a_body() {
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
fn a_list_is_a_get_with_a_list_parameter() {
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
fn fields_of_a_route_without_writes_are_query_parameters() {
    let document = whole();
    let usage = &document["paths"]["/config/{name}/usage"];
    assert_eq!((&usage["parameters"][1]["name"], &usage["parameters"][1]["in"]), (&json!("ttl"), &json!("query")));
    assert_eq!(document["paths"]["/rotate/{name}"]["x-vault-sudo"], true);
    assert_eq!(document["paths"]["/deep/{key}"]["parameters"].as_array().unwrap().len(), 1);
}

#[test]
fn operation_ids_are_unique() {
    let document = whole();
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let mut ids: Vec<_> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), all), (all, 7));
}
