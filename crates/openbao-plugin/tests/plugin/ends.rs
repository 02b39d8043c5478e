//! How processes end, in order and out of it: no orphan, no socket, and the mount goes on.

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

/// The first calls after a plugin died may fail; the host starts a new one for them.
async fn goes_on(bao: &Bao) {
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
    panic!("the mount does not come back: {:?}\n{}", answers.last(), bao.log());
}

#[tokio::test]
async fn a_reload_brings_a_new_process() {
    let Some((bao, old)) = mounted().await else { return };
    bao.reload(&example()).await;
    goes_on(&bao).await;
    until("the old process is gone", async || !bao.engines().contains(&old)).await;
    assert_eq!((bao.engines().len(), bao.sockets().len()), (1, 1));
}

#[tokio::test]
async fn a_killed_plugin_is_replaced_and_its_socket_swept() {
    let Some((bao, old)) = mounted().await else { return };
    signal(old, "KILL");
    until("it is dead", async || !bao.engines().contains(&old)).await;
    goes_on(&bao).await;
    assert_eq!((bao.engines().len(), bao.sockets().len()), (1, 1));
}

#[tokio::test]
async fn a_terminated_plugin_takes_its_socket_along_and_is_replaced() {
    let Some((bao, old)) = mounted().await else { return };
    signal(old, "TERM");
    until("it has ended", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
    goes_on(&bao).await;
    assert_eq!((bao.engines().len(), bao.sockets().len()), (1, 1));
}

#[tokio::test]
async fn what_a_terminal_sends_to_all_is_left_to_the_host() {
    let Some((bao, engine)) = mounted().await else { return };
    signal(engine, "INT");
    signal(engine, "HUP");
    goes_on(&bao).await;
    assert_eq!(bao.engines(), [engine]);
}

#[tokio::test]
async fn a_server_that_ends_takes_its_plugin_along() {
    let Some((mut bao, _)) = mounted().await else { return };
    bao.server.end("TERM");
    until("nothing is left", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
    assert!(!bao.log().contains("panicked"));
}

#[tokio::test]
async fn a_server_that_is_killed_leaves_no_orphan() {
    let Some((mut bao, _)) = mounted().await else { return };
    bao.server.end("KILL");
    until("nothing is left", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
}

#[tokio::test]
async fn a_mount_that_is_removed_ends_the_process_with_the_last_of_them() {
    let Some((bao, _)) = mounted().await else { return };
    assert_eq!(bao.call("DELETE", "sys/mounts/kv1", Value::Null).await.0, 204);
    until("nothing is left", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
    assert!(bao.log().contains("cleaned up"));
}
