//! The OpenAPI document of the engine, as OpenBao merges it and as its user interface reads it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::scene::{CLIENT, Scene};

const PREFIX: &str = "/genesys-cloud/";
const DISPLAY: &str = "x-vault-displayAttrs";

/// The paths of the engine in the host's document, below the mount.
async fn paths(scene: &Scene) -> Map<String, Value> {
    let (status, document) = scene.bao.call("GET", "sys/internal/specs/openapi", Value::Null).await;
    assert_eq!(status, 200, "{document}");
    let all = document["paths"].as_object().expect("paths").clone();
    all.into_iter().filter_map(|(path, item)| Some((path.strip_prefix(PREFIX)?.to_owned(), item))).collect()
}

fn names(fields: &Value) -> BTreeSet<String> {
    fields.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// The fields that the document describes for an answer with content.
fn described(item: &Value, method: &str) -> BTreeSet<String> {
    names(&item[method]["responses"]["200"]["content"]["application/json"]["schema"]["properties"])
}

#[tokio::test]
async fn every_answer_is_described_and_every_write_says_whether_it_creates() {
    let Some(scene) = Scene::start().await else { return };
    scene.write("static-roles/ci", json!({"config": "main", "rotation_period": "1h"})).await;
    scene.write("config/main", json!({"rotation_period": "24h", "accept_gap": true})).await;
    let paths = paths(&scene).await;
    let all: Vec<_> = paths.keys().map(String::as_str).collect();
    assert_eq!(
        all,
        [
            "config",
            "config/{name}",
            "creds/{role}",
            "revoke/{config}",
            "roles",
            "roles/{name}",
            "rotate-role/{name}",
            "rotate-root/{config}",
            "rotate-token/{role}",
            "static-creds/{name}",
            "static-roles",
            "static-roles/{name}",
            "status",
            "status/{config}",
            "tidy",
            "token/{role}",
        ]
    );
    for (path, read) in [
        ("config/{name}", "config/main"),
        ("roles/{name}", "roles/ci"),
        ("static-roles/{name}", "static-roles/ci"),
        ("creds/{role}", "creds/ci"),
        ("token/{role}", "token/ci"),
        ("static-creds/{name}", "static-creds/ci"),
        ("status", "status"),
        ("status/{config}", "status/main"),
    ] {
        let (answered, described) = (names(&scene.read(read).await["data"]), described(&paths[path], "get"));
        assert!(answered.is_subset(&described), "{path}: not described: {:?}", answered.difference(&described));
    }
    let leaked = scene.read("creds/ci").await["data"]["access_token"].clone();
    for (path, write, body) in [
        ("rotate-role/{name}", "rotate-role/ci", json!({"revoke_previous": true})),
        ("rotate-token/{role}", "rotate-token/ci", json!({})),
        ("revoke/{config}", "revoke/main", json!({"token": leaked})),
        ("tidy", "tidy", json!({})),
    ] {
        assert_eq!(names(&scene.write(write, body).await["data"]), described(&paths[path], "post"), "{path}");
    }
    for (path, item) in &paths {
        let creates = ["config/{name}", "roles/{name}", "static-roles/{name}"].contains(&path.as_str());
        assert_eq!(item["x-vault-createSupported"].as_bool().unwrap_or(false), creates, "{path}");
    }
    assert_eq!(paths["rotate-root/{config}"]["x-vault-sudo"], true);
}

/// The rules of OpenBao 2.7.2 (`ui/app/services/path-help.js`, `reducePathsByPathName`; `ui/app/utils/openapi-to-attrs.js`).
#[tokio::test]
async fn the_user_interface_gets_a_form_for_each_path_and_hides_secrets() {
    let Some(scene) = Scene::start().await else { return };
    // The request of `getPaths`.
    let (status, help) = scene.bao.call("GET", "genesys-cloud?help=1", Value::Null).await;
    assert_eq!(status, 200, "{help}");
    let paths = help["openapi"]["paths"].as_object().expect("paths");
    let shown: Vec<_> = paths.iter().filter(|(_, item)| !item[DISPLAY].is_null()).collect();
    assert_eq!(shown.len(), paths.len(), "each path has display attributes");
    let tabs: Vec<_> =
        shown.iter().filter(|(_, item)| item[DISPLAY]["navigation"] == true).map(|(path, _)| *path).collect();
    assert_eq!(tabs, ["/config", "/roles", "/static-roles", "/status"]);
    // `isList` of the interface: the first parameter of the get is named list.
    assert!(tabs.iter().all(|path| paths[*path]["get"]["parameters"][0]["name"] == "list"));

    // The request of `getProps`.
    let (_, help) = scene.bao.call("GET", "genesys-cloud/config/example?help=1", Value::Null).await;
    let documented = help["openapi"]["paths"].as_object().expect("a path");
    let item = documented.values().next().expect("a path");
    assert_eq!(item["parameters"][0]["name"], "name", "the name comes first in the form");
    let properties = &item["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"];
    for name in ["client_secret", "access_key_secret"] {
        assert_eq!(properties[name][DISPLAY]["sensitive"], true, "{name}");
    }
    assert_eq!(properties["platform"]["enum"], json!(["genesys-cloud", "nice-cxone"]), "a choice");
    assert_eq!(properties["rotation_period"]["format"], "seconds", "an input for durations");
    assert_eq!(properties["allowed_roles"]["items"]["type"], "string", "an input for lists");
    assert_eq!(properties["issuer"][DISPLAY]["group"], "NICE CXone");
    for (name, property) in properties.as_object().expect("properties") {
        let kind = property["type"].as_str().unwrap_or_default();
        assert!(["string", "boolean", "integer", "array", "object"].contains(&kind), "{name}: {property}");
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    assert!(!help.to_string().contains(CLIENT.1), "the help holds no stored value");
}
