//! The engine's help and OpenAPI document, as OpenBao shows them.

use serde_json::{Value, json};

use super::bao::Bao;
use super::example::example;

fn path_help(bao: &Bao, arguments: &[&str]) -> String {
    let output = bao.command(&[&["path-help"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn path_help_describes_the_engine_and_each_path() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    for path in ["kv1", "kv1/"] {
        let said = path_help(&bao, &[path]);
        assert!(said.starts_with("## DESCRIPTION\n\nStores objects and leases them.\n"), "{said}");
        assert!(said.contains("\n    settings/:name\n        A field of each type.\n"), "{said}");
    }
    for (path, route, expected) in [
        ("kv1/settings", "settings/", "    list\n        Lists the names.\n"),
        ("kv1/settings/mine", "settings/:name", "    ttl (duration, default: 1h)\n        The lifetime.\n"),
        ("kv1/store/a/b", "store/*key", "    key (string, in the path)\n"),
        ("kv1/panic", "panic", "Requires the sudo capability."),
    ] {
        let said = path_help(&bao, &[path]);
        assert!(said.contains(&format!("Matching Route: {route}\n")) && said.contains(expected), "{said}");
    }
    let refused = bao.command(&["path-help", "kv1/nowhere"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("unsupported path"));
}

#[tokio::test]
async fn path_help_returns_the_openapi_document_of_a_path() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let document: Value = serde_json::from_str(&path_help(&bao, &["-format=json", "kv1/settings/mine"])).unwrap();
    assert_eq!(document["openapi"], "3.0.2");
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/settings/{name}"]);
}

#[tokio::test]
async fn the_hosts_openapi_document_has_every_path_of_the_mount() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let (status, document) = bao.call("GET", "sys/internal/specs/openapi", Value::Null).await;
    assert_eq!(status, 200);
    let all = document["paths"].as_object().unwrap();
    let paths: Vec<_> = all.keys().filter_map(|path| path.strip_prefix("/kv1/")).collect();
    let expected = [
        "issued/{key}",
        "leases/{key}",
        "limits",
        "panic",
        "renamed/{from}/{to}",
        "settings",
        "settings/{name}",
        "store",
        "store/{key}",
        "unchecked/{key}",
        "waiting/{key}",
    ];
    assert_eq!(paths, expected);
    assert_eq!(all["/kv1/panic"]["x-vault-sudo"], true);
    assert_eq!(all["/kv1/settings"]["get"]["parameters"][0]["schema"], json!({"type": "string", "enum": ["true"]}));
    let settings = &all["/kv1/settings/{name}"];
    assert_eq!((&settings["x-vault-createSupported"], &settings["x-vault-sudo"]), (&json!(true), &Value::Null));
    assert_eq!(
        (&settings["parameters"][0]["name"], &settings["parameters"][0]["in"]),
        (&json!("name"), &json!("path"))
    );
    assert_eq!(settings["post"]["operationId"], "key-value-engine-write-settings-name");
    // The host drops what it cannot decode from a plugin's document. This is what remains for callers.
    let schema = &settings["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["required"], json!(["password"]));
    let properties = &schema["properties"];
    assert_eq!(properties["password"]["x-vault-displayAttrs"], json!({"sensitive": true}));
    assert_eq!(properties["password"]["format"], "password");
    assert_eq!((&properties["ttl"]["format"], &properties["ttl"]["default"]), (&json!("seconds"), &json!(3600)));
    assert_eq!((&properties["shown"]["type"], &properties["shown"]["default"]), (&json!("boolean"), &json!(true)));
    assert_eq!(properties["tags"]["items"], json!({"type": "string"}));
    assert_eq!(properties["format"]["enum"], json!(["json", "pem"]));
    assert_eq!(properties["format"]["x-vault-displayAttrs"], json!({"name": "Format"}));
    assert_eq!((&properties["uses"]["format"], &properties["labels"]["format"]), (&json!("int64"), &json!("map")));
    assert_eq!(settings["x-vault-displayAttrs"], json!({"itemType": "Settings"}));
    assert_eq!(all["/kv1/settings"]["x-vault-displayAttrs"], json!({"navigation": true}));
    let answer = &all["/kv1/issued/{key}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(answer["properties"]["issued"]["type"], "boolean");
    assert_eq!(all["/kv1/panic"]["x-vault-createSupported"], Value::Null);
    assert!(all["/kv1/store/{key}"]["patch"]["summary"].is_string(), "OpenBao keeps patches");
}
