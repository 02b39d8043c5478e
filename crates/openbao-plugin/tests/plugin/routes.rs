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
