//! Durable storage, sealing, and clusters.

use serde_json::{Value, json};

use super::bao::{Bao, Cluster, until};
use super::example::example;

/// Mounts the engine, writes `store/a`, and returns the id of a lease on it.
async fn lease(bao: &Bao) -> Value {
    bao.mount(&example(), "kv1").await;
    assert_eq!(bao.call("PUT", "kv1/store/a", json!({"x": 1})).await.0, 200);
    let (status, leased) = bao.call("GET", "kv1/leases/a", Value::Null).await;
    assert_eq!(status, 200, "{leased}");
    leased["lease_id"].clone()
}

/// Looks a lease up, renews it, and revokes it.
async fn renew_and_revoke(bao: &Bao, lease: &Value) {
    until("the mount answers", async || bao.call("GET", "kv1/issued/a", Value::Null).await.0 == 200).await;
    assert_eq!(bao.read("kv1/issued/a").await["issued"], true);
    assert_eq!(bao.post("sys/leases/lookup", json!({"lease_id": lease})).await["data"]["id"], *lease);
    let renewed = bao.post("sys/leases/renew", json!({"lease_id": lease, "increment": 300})).await;
    assert_eq!(renewed["lease_duration"], 300);
    bao.post("sys/leases/revoke", json!({"lease_id": lease, "sync": true})).await;
    assert_eq!(bao.read("kv1/issued/a").await["issued"], false);
}

#[tokio::test]
async fn leases_survive_a_clean_restart_and_a_crash() {
    for signal in ["TERM", "KILL"] {
        let Some(mut bao) = Bao::durable(&example()).await else { return };
        let lease = lease(&bao).await;
        bao.server.stop(signal);
        until("process and socket are gone", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
        bao.restart().await;
        renew_and_revoke(&bao, &lease).await;
        assert_eq!((bao.engines().len(), bao.sockets().len()), (1, 1));
        assert!(!bao.log().contains("panicked"));
    }
}

#[tokio::test]
async fn sealing_ends_the_process_and_unsealing_starts_another() {
    let Some(bao) = Bao::durable(&example()).await else { return };
    let lease = lease(&bao).await;
    bao.seal().await;
    until("process and socket are gone", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
    bao.unseal().await;
    bao.wait_for_health(200).await;
    renew_and_revoke(&bao, &lease).await;
    assert_eq!((bao.engines().len(), bao.sockets().len()), (1, 1));
    assert!(!bao.log().contains("panicked"));
}

/// In OpenBao 2.7.2 standbys answer reads: each runs the engine, and its system view reports a *performance standby*. The
/// storage refuses a write there, and the host forwards the request. An answer with a lease is not forwarded: the host
/// cannot keep the lease, makes the standby's engine revoke it, and answers 500. An engine must therefore check the
/// replication state before it issues a lease, and return `Failure::read_only()` on a standby.
#[tokio::test]
async fn a_standby_answers_reads_and_forwards_writes_and_leases() {
    let Some(cluster) = Cluster::start(&example()).await else { return };
    let (active, standby) = (&cluster.nodes[cluster.active().await], &cluster.nodes[cluster.standby().await]);
    lease(active).await;
    until("the standby knows the mount", async || standby.call("GET", "kv1/limits", Value::Null).await.0 == 200).await;
    assert_eq!(standby.read("kv1/limits").await["standby"], true);
    assert_eq!(active.read("kv1/limits").await["standby"], false);
    assert_eq!((standby.engines().len(), standby.read("kv1/store/a").await), (1, json!({"x": 1})));

    let (status, answer) = standby.call("PUT", "kv1/store/b", json!({"x": 2})).await;
    assert_eq!((status, &answer["data"]["operation"]), (200, &json!("Create")));
    let refused = "path=store/b status=finished err=\"cannot write to readonly storage\"";
    assert!(standby.log().contains(refused), "the standby's engine handled the request first");
    assert_eq!(active.read("kv1/store/b").await, json!({"x": 2}));
    until("the standby reads the write", async || standby.call("GET", "kv1/store/b", Value::Null).await.0 == 200).await;

    let issued = |bao: &Bao, line: &str| bao.log().matches(line).count();
    assert_eq!(standby.call("GET", "kv1/unchecked/a", Value::Null).await.0, 500);
    assert_eq!([standby, active].map(|bao| issued(bao, "issuing an unchecked lease")), [1, 0], "not forwarded");
    assert!(standby.log().contains("failed to persist lease entry: cannot write to readonly storage"));

    let (status, answer) = standby.call("GET", "kv1/leases/b", Value::Null).await;
    assert_eq!((status, &answer["data"]), (200, &json!({"x": 2})));
    until("the active node issued the lease", async || issued(active, "issuing a lease") == 2).await;
    assert_eq!(issued(standby, "issuing a lease"), 0);
}

#[tokio::test]
async fn a_standby_takes_over_storage_and_leases() {
    let Some(mut cluster) = Cluster::start(&example()).await else { return };
    let dead = cluster.active().await;
    let lease = lease(&cluster.nodes[dead]).await;
    cluster.nodes[dead].server.stop("KILL");
    let next = cluster.active().await;
    assert_ne!(next, dead);
    renew_and_revoke(&cluster.nodes[next], &lease).await;
    until("process and socket of the killed node are gone", async || {
        cluster.nodes[dead].engines().is_empty() && cluster.nodes[dead].sockets().is_empty()
    })
    .await;
    for node in &cluster.nodes {
        assert!(!node.log().contains("panicked"));
    }
}
