//! Paths and fields, as callers of OpenBao meet them.

use serde_json::{Value, json};

use super::bao::Bao;
use super::example::example;

#[tokio::test]
async fn what_there_is_not_has_a_status_of_its_own() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    for (method, path) in [
        ("GET", "kv1/nowhere"),
        ("PUT", "kv1/nowhere"),
        ("GET", "kv1/settings/a/b"),
        ("PATCH", "kv1/settings/a"),
        ("PATCH", "kv1/nowhere"),
        ("DELETE", "kv1/limits"),
        ("GET", "kv1/settings"),
        ("PUT", "kv1/settings"),
        ("PUT", "kv1/settings/a%20b"),
        ("GET", "kv1/settings/a%20b"),
        ("LIST", "kv1/settings/a"),
        ("PUT", "kv1/settings/a"),
        ("LIST", "kv1/settings"),
        ("GET", "kv1/settings/?list=true"),
        ("GET", "kv1/settings?list=true&x=1"),
        ("SCAN", "kv1/settings"),
    ] {
        let body = if method != "GET" && method != "LIST" {
            json!({"tags": "x", "name": "y", "strange": 1, "odd": 2})
        } else {
            Value::Null
        };
        println!("{method} {path} {:?}", bao.call(method, path, body).await);
    }
    for body in [
        json!({"password": "p", "ttl": "1h30m", "name": "y", "strange": 1, "odd": 2}),
        json!({"tags": "a,b"}),
        json!({"ttl": -1}),
        json!({"password": {"x": "hunter2"}}),
        json!({"password": 1234567890123456789u64, "shown": "no"}),
        json!({"password": 1.50}),
    ] {
        println!("{body} {:?}", bao.call("PUT", "kv1/settings/a", body.clone()).await);
    }
    println!("{:?}", bao.call("GET", "kv1/settings/a", Value::Null).await);
    println!("{:?}", bao.call("GET", "kv1/settings?list=true", Value::Null).await);
}
