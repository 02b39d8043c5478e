//! Paths and fields, called through OpenBao.

use serde_json::{Value, json};

use super::bao::Bao;
use super::example::example;

#[tokio::test]
async fn unknown_paths_and_operations_have_their_own_status() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    for (method, path, expected) in [
        ("GET", "kv1/nowhere", 404),
        ("PUT", "kv1/nowhere", 404),
        ("PATCH", "kv1/nowhere", 404),
        ("GET", "kv1/settings/a/b", 404),
        ("LIST", "kv1/settings/a", 404),
        ("LIST", "kv1/settings", 404),
        ("GET", "kv1/settings/a", 404),
        ("GET", "kv1/settings", 405),
        ("PUT", "kv1/settings", 405),
        ("DELETE", "kv1/settings", 405),
        ("SCAN", "kv1/settings", 405),
        ("PATCH", "kv1/settings/a", 405),
        ("PATCH", "kv1/store/none", 404),
        ("DELETE", "kv1/limits", 405),
        ("GET", "kv1/settings/a%20b", 400),
        ("PUT", "kv1/settings/a%20b", 400),
        ("PUT", "kv1/settings/a", 400),
    ] {
        let body = if matches!(method, "PUT" | "PATCH") { json!({}) } else { Value::Null };
        let (status, answer) = bao.call(method, path, body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
}

#[tokio::test]
async fn fields_are_converted_to_their_types() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    for (sent, kept) in [
        (json!({"password": "p", "ttl": "1h30m"}), json!({"password": "p", "ttl": 5400})),
        (
            json!({"ttl": "1d", "shown": "true", "tags": "a, b"}),
            json!({"ttl": 86400, "shown": true, "tags": ["a", "b"]}),
        ),
        (json!({"ttl": 90, "shown": false, "tags": ["a,b"]}), json!({"ttl": 90, "shown": false, "tags": ["a,b"]})),
        (json!({"ttl": 90.0, "password": 12, "name": "other"}), json!({"ttl": 90, "password": "12"})),
        (json!({"ttl": null, "tags": "[\"a,b\"]"}), json!({"ttl": 90, "tags": ["a,b"]})),
        (json!({"uses": "3", "format": "pem"}), json!({"uses": 3, "format": "pem"})),
        (
            json!({"labels": {"a": [1]}, "headers": ["x-id:7", "X-ID:8"]}),
            json!({"labels": {"a": [1]}, "headers": {"X-Id": ["7", "8"]}}),
        ),
    ] {
        let (status, answer) = bao.call("PUT", "kv1/settings/a", sent).await;
        assert_eq!(status, 204, "{answer}");
        let (_, answer) = bao.call("GET", "kv1/settings/a", Value::Null).await;
        for (field, value) in kept.as_object().unwrap() {
            assert_eq!(&answer["data"][field], value, "{field}");
        }
    }
    assert_eq!(bao.call("GET", "kv1/settings?list=true", Value::Null).await.1["data"]["keys"], json!(["a"]));
}

#[tokio::test]
async fn a_patch_changes_some_fields_and_null_removes_one() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    bao.call("PUT", "kv1/store/a", json!({"one": 1, "two": 2})).await;
    let (status, answer) = bao.call("PATCH", "kv1/store/a", json!({"two": null, "three": 3})).await;
    assert_eq!((status, &answer["data"]), (200, &json!({"one": 1, "three": 3})), "{answer}");
    assert_eq!(bao.call("GET", "kv1/store/a", Value::Null).await.1["data"], json!({"one": 1, "three": 3}));
}

#[tokio::test]
async fn an_error_names_the_field_and_never_its_value() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    for (sent, expected) in [
        (json!({"tags": "hunter2"}), "password is missing\nhint: "),
        (json!({"password": {"hunter2": 1}}), "password is not a string\nhint: "),
        (json!({"password": "hunter2".repeat(1000)}), "password is longer than 4096 bytes\nhint: "),
        (json!({"password": "p", "ttl": "hunter2"}), "ttl is not a duration\nhint: "),
        (json!({"password": "p", "ttl": -1}), "ttl is not a duration\nhint: "),
        (json!({"password": "p", "shown": "hunter2"}), "shown is neither true nor false\nhint: "),
        (json!({"password": "p", "tags": {"hunter2": 1}}), "tags is not a list of strings\nhint: "),
        (json!({"password": "p", "uses": "hunter2"}), "uses is not a whole number\nhint: "),
        (json!({"password": "p", "labels": "hunter2"}), "labels is not a JSON object\nhint: "),
        (json!({"password": "p", "headers": "hunter2"}), "headers is not a set of headers\nhint: "),
        (
            json!({"password": "p", "format": "hunter2"}),
            "format is not one of the allowed values\nhint: send one of: json, pem",
        ),
    ] {
        let (status, answer) = bao.call("PUT", "kv1/settings/a", sent).await;
        let said = answer["errors"][0].as_str().unwrap();
        assert!(status == 400 && said.starts_with(expected) && !said.contains("hunter2"), "{status} {said}");
    }
    assert_eq!(bao.call("GET", "kv1/settings/a", Value::Null).await.0, 404, "nothing was stored");
    assert!(!bao.log().contains("hunter2"));
}

#[tokio::test]
async fn unknown_fields_are_named_in_a_warning() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let sent = json!({"password": "p", "name": "other", "odd": 1, "strange": 2});
    let (status, answer) = bao.call("PUT", "kv1/settings/a", sent).await;
    let expected = json!(["Endpoint ignored these unrecognized parameters: [odd strange]"]);
    assert_eq!((status, &answer["warnings"]), (200, &expected));
    assert_eq!(bao.call("GET", "kv1/settings?list=true", Value::Null).await.1["warnings"], Value::Null);
    assert_eq!(
        bao.call("PUT", "kv1/store/a", json!({"odd": 1})).await.1["warnings"],
        Value::Null,
        "the route accepts any field"
    );
}

#[tokio::test]
async fn the_create_capability_does_not_permit_updates() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let policy = json!({"policy": "path \"kv1/settings/*\" { capabilities = [\"create\"] }"});
    bao.call("PUT", "sys/policies/acl/creator", policy).await;
    let (_, token) = bao.call("POST", "auth/token/create", json!({"policies": ["creator"]})).await;
    let token = token["auth"]["client_token"].as_str().unwrap();
    let write = async |path, sent| bao.call_as(token, "PUT", path, sent).await.0;
    assert_eq!(write("kv1/settings/a", json!({"ttl": 5})).await, 400);
    assert_eq!(write("kv1/settings/a%20b", json!({"password": "p"})).await, 400);
    assert_eq!(write("kv1/settings/a", json!({"password": "p"})).await, 204);
    assert_eq!(write("kv1/settings/a", json!({"password": "q"})).await, 403);
}
