//! How plugin processes end: no orphan process and no socket remains, and the mount keeps working.

use std::time::Duration;

use serde_json::{Value, json};

use super::bao::{Bao, signal, until};
use super::example::example;

async fn mounted() -> Option<(Bao, u32)> {
    let bao = Bao::with(&example()).await?;
    bao.mount(&example(), "kv1").await;
    assert_eq!(bao.call("PUT", "kv1/store/a", json!({"x": 1})).await.0, 200);
    let engines = bao.engines();
    assert_eq!((engines.len(), bao.sockets().len()), (1, 1));
    Some((bao, engines[0]))
}

/// Waits until the mount answers. The first calls after a plugin's end may fail, until the host has started a new one.
async fn recovers(bao: &Bao) {
    let mut answers = Vec::new();
    while answers.len() < 500 {
        let (status, answer) = bao.call("GET", "kv1/store/a", Value::Null).await;
        if status == 200 {
            assert_eq!(answer["data"]["x"], 1);
            return;
        }
        answers.push(answer);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the mount does not recover: {:?}\n{}", answers.last(), bao.log());
}

#[tokio::test]
async fn a_reload_starts_a_new_process() {
    let Some((bao, old)) = mounted().await else { return };
    bao.reload(&example()).await;
    recovers(&bao).await;
    until("the old process is gone", async || !bao.engines().contains(&old)).await;
    assert_eq!((bao.engines().len(), bao.sockets().len()), (1, 1));
}

#[tokio::test]
async fn a_killed_plugin_is_replaced_and_its_socket_removed() {
    let Some((bao, old)) = mounted().await else { return };
    signal(old, "KILL");
    until("the process is gone", async || !bao.engines().contains(&old)).await;
    recovers(&bao).await;
    until("the socket is removed", async || (bao.engines().len(), bao.sockets().len()) == (1, 1)).await;
}

#[tokio::test]
async fn a_terminated_plugin_removes_its_socket_and_is_replaced() {
    let Some((bao, old)) = mounted().await else { return };
    signal(old, "TERM");
    until("process and socket are gone", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
    recovers(&bao).await;
    assert_eq!((bao.engines().len(), bao.sockets().len()), (1, 1));
}

#[tokio::test]
async fn sigint_and_sighup_do_not_end_the_plugin() {
    let Some((bao, engine)) = mounted().await else { return };
    signal(engine, "INT");
    signal(engine, "HUP");
    recovers(&bao).await;
    assert_eq!(bao.engines(), [engine]);
}

#[tokio::test]
async fn a_terminated_server_ends_its_plugin() {
    let Some((mut bao, _)) = mounted().await else { return };
    bao.server.stop("TERM");
    until("process and socket are gone", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
    assert!(!bao.log().contains("panicked"));
}

#[tokio::test]
async fn a_killed_server_leaves_no_orphan() {
    let Some((mut bao, _)) = mounted().await else { return };
    bao.server.stop("KILL");
    until("process and socket are gone", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
}

#[tokio::test]
async fn the_process_ends_with_its_last_mount() {
    let Some((bao, _)) = mounted().await else { return };
    assert_eq!(bao.call("DELETE", "sys/mounts/kv1", Value::Null).await.0, 204);
    until("process and socket are gone", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
    assert!(bao.log().contains("cleaned up"));
}
