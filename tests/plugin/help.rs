//! What OpenBao shows of an engine's own words.

use serde_json::{Value, json};

use super::bao::Bao;
use super::example::example;

fn path_help(bao: &Bao, path: &str) -> String {
    let output = bao.command(&["path-help", path]);
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn path_help_explains_the_engine_and_each_of_its_paths() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    for path in ["kv1", "kv1/", "kv1/settings", "kv1/settings/mine", "kv1/panic", "kv1/store/a/b"] {
        println!("===== {path}\n{}", path_help(&bao, path));
    }
}

#[tokio::test]
async fn the_hosts_openapi_document_holds_every_path() {
    let Some(bao) = Bao::with(&example()).await else { return };
    bao.mount(&example(), "kv1").await;
    let (status, document) = bao.call("GET", "sys/internal/specs/openapi", Value::Null).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        if path.starts_with("/kv1") {
            println!("{path} {}", serde_json::to_string_pretty(item).unwrap());
        }
    }
    let output = bao.command(&["path-help", "-format=json", "kv1/settings/mine"]);
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let (_, generic) = bao.call("GET", "sys/internal/specs/openapi?generic_mount_paths=true", Value::Null).await;
    println!("{:?}", generic["paths"].as_object().unwrap().keys().filter(|key| key.contains("kv")).collect::<Vec<_>>());
}
