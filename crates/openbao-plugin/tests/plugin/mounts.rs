//! An engine, mounted in OpenBao.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::bao::{Bao, until};
use super::example::example;

#[tokio::test]
async fn entries_are_written_read_listed_and_deleted() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let (status, answer) = bao.call("PUT", "kv1/store/a/b", json!({"x": 1, "deep": {"er": [true, null]}})).await;
    assert_eq!((status, &answer["data"]["operation"]), (200, &json!("Create")));
    let (_, answer) = bao.call("PUT", "kv1/store/a/b", json!({"x": "größer 2"})).await;
    assert_eq!(answer["data"]["operation"], "Update");
    let (status, answer) = bao.call("GET", "kv1/store/a/b", Value::Null).await;
    assert_eq!((status, &answer["data"]), (200, &json!({"x": "größer 2"})));
    bao.call("PUT", "kv1/store/c", json!({"x": 3})).await;
    let (_, answer) = bao.call("LIST", "kv1/store/", Value::Null).await;
    assert_eq!(answer["data"]["keys"], json!(["a/", "c"]));
    assert_eq!(bao.call("DELETE", "kv1/store/c", Value::Null).await.0, 204);
    assert_eq!(bao.call("GET", "kv1/store/c", Value::Null).await.0, 404);
    let long = "x".repeat(900_000);
    assert_eq!(bao.call("PUT", "kv1/store/long", json!({"x": long})).await.0, 200);
    assert_eq!(bao.call("GET", "kv1/store/long", Value::Null).await.1["data"]["x"], long);
}

#[tokio::test]
async fn a_lease_is_renewed_and_revoked() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    bao.call("PUT", "kv1/store/a", json!({"x": 1})).await;
    let (_, leased) = bao.call("GET", "kv1/leases/a", Value::Null).await;
    assert_eq!(
        (&leased["lease_duration"], &leased["renewable"], &leased["data"]),
        (&json!(60), &json!(true), &json!({"x": 1}))
    );
    assert_eq!(leased["warnings"], json!(["issued/a is deleted when the lease ends"]));
    let lease = &leased["lease_id"];
    let (_, renewed) = bao.call("PUT", "sys/leases/renew", json!({"lease_id": lease, "increment": 300})).await;
    assert_eq!((&renewed["lease_duration"], &renewed["lease_id"]), (&json!(300), lease));
    let (_, looked_up) = bao.call("PUT", "sys/leases/lookup", json!({"lease_id": lease})).await;
    assert!(looked_up["data"]["ttl"].as_i64().is_some_and(|ttl| (200..=300).contains(&ttl)), "{looked_up}");
    let (_, renewed) = bao.call("PUT", "sys/leases/renew", json!({"lease_id": lease, "increment": 90000})).await;
    assert!(
        renewed["lease_duration"].as_i64().is_some_and(|ttl| ttl <= 600),
        "the renewal exceeds the lease's max_ttl: {renewed}"
    );
    assert_eq!(bao.call("GET", "kv1/issued/a", Value::Null).await.1["data"]["issued"], true);
    let (status, answer) = bao.call("PUT", "sys/leases/revoke", json!({"lease_id": lease, "sync": true})).await;
    assert_eq!(status, 204, "{answer}");
    assert_eq!(bao.call("GET", "kv1/issued/a", Value::Null).await.1["data"]["issued"], false);
}

#[tokio::test]
async fn a_failure_has_the_status_of_its_kind() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let (status, answer) = bao.call("PUT", "kv1/store/a", Value::Null).await;
    assert_eq!((status, &answer["errors"]), (400, &json!(["the request has no field"])));
    assert_eq!(bao.call("GET", "kv1/nowhere", Value::Null).await.0, 404);
    assert_eq!(bao.call("DELETE", "kv1/limits", Value::Null).await.0, 405);
    let engine = bao.engines();
    assert_eq!(bao.call("GET", "kv1/panic", Value::Null).await.0, 500);
    assert_eq!(bao.call("GET", "kv1/limits", Value::Null).await.0, 200, "a panic fails only its own call");
    assert_eq!(bao.engines(), engine);
}

#[tokio::test]
async fn the_host_reports_its_lease_times_and_guards_sudo_paths() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let tune = json!({"default_lease_ttl": "17m", "max_lease_ttl": "3h"});
    assert_eq!(bao.call("POST", "sys/mounts/kv1/tune", tune).await.0, 204);
    let (_, limits) = bao.call("GET", "kv1/limits", Value::Null).await;
    assert_eq!(limits["data"], json!({"default_lease_ttl": 1020, "max_lease_ttl": 10800, "standby": false}));
    let policy = json!({"policy": "path \"kv1/*\" { capabilities = [\"read\"] }"});
    bao.call("PUT", "sys/policies/acl/reader", policy).await;
    let (_, token) = bao.call("POST", "auth/token/create", json!({"policies": ["reader"]})).await;
    let token = token["auth"]["client_token"].as_str().unwrap();
    assert_eq!(bao.call_as(token, "GET", "kv1/limits", Value::Null).await.0, 200);
    assert_eq!(bao.call_as(token, "GET", "kv1/panic", Value::Null).await.0, 403);
    assert!(bao.log().contains("initialized"), "the server's log has a line of the engine");
}

#[tokio::test]
async fn two_mounts_share_a_process_and_no_data() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    bao.mount(&example(), "kv2").await;
    bao.call("PUT", "kv1/store/a", json!({"x": 1})).await;
    assert_eq!(bao.call("GET", "kv2/store/a", Value::Null).await.0, 404);
    bao.call("PUT", "kv2/store/a", json!({"x": 2})).await;
    assert_eq!(bao.call("GET", "kv1/store/a", Value::Null).await.1["data"]["x"], 1);
    assert_eq!(bao.engines().len(), 1);
    assert_eq!(bao.call("DELETE", "sys/mounts/kv1", Value::Null).await.0, 204);
    assert_eq!(bao.call("GET", "kv2/store/a", Value::Null).await.1["data"]["x"], 2, "the other mount keeps working");
}

#[tokio::test]
async fn concurrent_requests_are_all_answered() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let writes = (0..200).map(|i| {
        let bao = &bao;
        async move { bao.call("PUT", &format!("kv1/store/{i}"), json!({"x": i})).await.0 }
    });
    assert_eq!(join_all(writes).await.into_iter().collect::<HashSet<_>>(), HashSet::from([200]));
    let (_, answer) = bao.call("LIST", "kv1/store/", Value::Null).await;
    assert_eq!(answer["data"]["keys"].as_array().map(Vec::len), Some(200));
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    for key in ["a", "b", "c/d", "e"] {
        bao.call("PUT", &format!("kv1/store/{key}"), json!({"x": 1})).await;
    }
    for (query, expected) in [
        ("", json!(["a", "b", "c/", "e"])),
        ("?limit=2", json!(["a", "b"])),
        ("?after=b&limit=1", json!(["c/"])),
        ("?after=c/", json!(["e"])),
        ("?after=bb&limit=0", json!(["c/", "e"])),
        ("?limit=-1", json!(["a", "b", "c/", "e"])),
    ] {
        let (_, answer) = bao.call("LIST", &format!("kv1/store{query}"), Value::Null).await;
        assert_eq!((&answer["data"]["keys"], &answer["warnings"]), (&expected, &Value::Null), "{query}");
    }
    assert_eq!(bao.call("LIST", "kv1/store?after=e", Value::Null).await.0, 404, "as in OpenBao's own engines");
    assert_eq!(bao.call("LIST", "kv1/store?limit=many", Value::Null).await.0, 400);
}

async fn rename(bao: &Bao) -> Value {
    bao.mount(&example(), "kv1").await;
    bao.call("PUT", "kv1/store/a", json!({"x": 1})).await;
    let (status, answer) = bao.call("PUT", "kv1/renamed/a/b", json!({})).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(bao.call("LIST", "kv1/store", Value::Null).await.1["data"]["keys"], json!(["b"]));
    assert_eq!(bao.call("GET", "kv1/store/b", Value::Null).await.1["data"], json!({"x": 1}));
    answer["data"]["transaction"].clone()
}

#[tokio::test]
async fn two_writes_are_one_transaction() {
    let Some(bao) = Bao::durable(&example()).await else { return };
    assert_eq!(rename(&bao).await, true, "OpenBao's integrated storage has transactions");
    let Some(bao) = Bao::with(&example()).await else { return };
    rename(&bao).await;
}

#[tokio::test]
async fn a_handler_sees_that_its_caller_left() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let caller =
        async |expected: &str| bao.call("GET", "kv1/store/a", Value::Null).await.1["data"]["caller"] == expected;
    tokio::select! {
        answer = bao.call("PUT", "kv1/waiting/a", json!({})) => panic!("{answer:?}"),
        () = until("the handler waits", async || caller("waits").await) => {}
    }
    until("the handler has seen that its caller left", async || caller("left").await).await;
}

#[tokio::test]
async fn a_temporary_directory_of_90_bytes_is_short_enough() {
    let directory = tempfile::Builder::new().prefix("long").tempdir_in("/tmp").unwrap();
    let long = directory.path().join("x".repeat(90 - directory.path().as_os_str().len() - 1));
    std::fs::create_dir(&long).unwrap();
    let mut plugin = example();
    plugin.environment.push(format!("TMPDIR={}", long.display()));
    let Some(bao) = Bao::configured(&plugin, |plugins| format!("plugin_directory = {plugins:?}\n")) else { return };
    bao.register(&plugin).await;
    bao.mount(&plugin, "kv1").await;
    assert_eq!(bao.call("PUT", "kv1/store/a", json!({"x": 1})).await.0, 200);
}

#[tokio::test]
async fn a_temporary_directory_that_is_too_long_is_named_in_the_servers_log() {
    let directory = tempfile::Builder::new().prefix("long").tempdir_in("/tmp").unwrap();
    let long = directory.path().join("x".repeat(100 - directory.path().as_os_str().len() - 1));
    std::fs::create_dir(&long).unwrap();
    let mut plugin = example();
    plugin.environment.push(format!("TMPDIR={}", long.display()));
    let Some(bao) = Bao::configured(&plugin, |plugins| format!("plugin_directory = {plugins:?}\n")) else { return };
    bao.register(&plugin).await;
    let (status, answer) = bao.call("POST", "sys/mounts/kv1", json!({"type": plugin.name})).await;
    let seen = answer["errors"][0].as_str().unwrap();
    assert!(status == 400 && seen.contains("Failed to read any lines from plugin's stdout"), "{answer}");
    assert!(bao.log().contains("a directory of sockets may have 90: set TMPDIR of the server to a shorter one"));
}

#[tokio::test]
async fn registering_an_unreported_version_fails() {
    let Some(bao) = Bao::with(&example()).await else { return };
    let (status, answer) = bao.register_as(&example(), "v9.9.9").await;
    let said = answer["errors"][0].as_str().unwrap_or_default();
    assert!(status == 400 && said.contains("reported version (v1.2.3)"), "{status} {answer}");
}
