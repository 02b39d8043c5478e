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
    let expected = ["/config", "/config/{name}", "/config/{name}/usage", "/rotate/{name}", "/config/{name}/keys/{id}"];
    assert_eq!(paths, [&expected[..], &["/deep/{key}"]].concat());
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
        "region": {"type": "string", "description": "Where the client lives.", "default": "us-east-1",
            "x-vault-displayAttrs": {"name": "Region", "group": "Place"}},
        "secret": {"type": "string", "description": "The client's secret.", "format": "password",
            "x-vault-displayAttrs": {"sensitive": true}},
        "verify": {"type": "boolean", "description": "Whether to try it.", "default": true},
        "ttl": {"type": "integer", "format": "seconds", "description": "How long tokens live.", "default": 3600},
        "tags": {"type": "array", "items": {"type": "string"}, "description": "Words to find it by."},
        "format": {"type": "string", "description": "The format of the token.", "default": "json", "enum": ["json", "jwt"]},
        "uses": {"type": "integer", "format": "int64", "description": "How often a token may be used.", "default": 0},
        "labels": {"type": "object", "format": "map", "description": "Free words.",
            "x-vault-displayAttrs": {"editType": "textarea"}},
        "headers": {"type": "string", "description": "What to send along."},
    });
    assert_eq!(schema["properties"], expected);
    assert_eq!(path["delete"]["responses"], json!({"204": {"description": "empty body"}}));
}

#[test]
fn answers_have_schemas() {
    let document = whole();
    let schema = |path: &str, method: &str| {
        document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"].clone()
    };
    assert_eq!(schema("/config/{name}", "get")["properties"]["uses"]["type"], "integer");
    assert_eq!(schema("/config", "get")["properties"]["keys"]["type"], "array");
    assert_eq!(schema("/config/{name}", "post"), Value::Null, "the route does not describe it");
}

#[test]
fn a_route_without_exists_supports_no_create() {
    let document = whole();
    let supported = |path: &str| document["paths"][path]["x-vault-createSupported"].clone();
    assert_eq!((supported("/config/{name}"), supported("/rotate/{name}")), (json!(true), Value::Null));
}

#[test]
fn user_interfaces_get_display_attributes() {
    let document = whole();
    let shown = |path: &str| document["paths"][path]["x-vault-displayAttrs"].clone();
    assert_eq!(shown("/config/{name}"), json!({"itemType": "Client", "action": "Configure"}));
    assert_eq!((shown("/config"), shown("/rotate/{name}")), (json!({"navigation": true}), Value::Null));
}

#[test]
fn each_parameter_of_a_path_is_described() {
    let document = whole();
    let parameters = document["paths"]["/config/{name}/keys/{id}"]["parameters"].as_array().unwrap();
    let names: Vec<_> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["name", "id"]);
}

#[test]
fn a_list_is_a_get_with_a_list_parameter() {
    let document = whole();
    let list = &document["paths"]["/config"]["get"];
    assert_eq!(list["operationId"], "genesys-cloud-list-config");
    let expected = json!({"name": "list", "description": "Must be set to `true`", "in": "query", "required": true,
        "schema": {"type": "string", "enum": ["true"]}});
    assert_eq!(list["parameters"][0], expected);
    assert_eq!((&list["parameters"][1]["name"], &list["parameters"][2]["name"]), (&json!("after"), &json!("limit")));
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
    assert_eq!((ids.len(), all), (all, 9));
}
