//! Storage that lasts, seals, and several nodes.

use serde_json::{Value, json};

use super::bao::{Bao, Cluster, until};
use super::example::example;

/// A mount with something kept at `store/a`; the lease of it.
async fn lease(bao: &Bao) -> Value {
    bao.mount(&example(), "kv1").await;
    assert_eq!(bao.call("PUT", "kv1/store/a", json!({"x": 1})).await.0, 200);
    let (status, leased) = bao.call("GET", "kv1/leases/a", Value::Null).await;
    assert_eq!(status, 200, "{leased}");
    leased["lease_id"].clone()
}

/// Everything about a lease works: it is known, renewed, and revoked by the engine.
async fn is_alive(bao: &Bao, lease: &Value) {
    until("the mount answers", async || bao.call("GET", "kv1/issued/a", Value::Null).await.0 == 200).await;
    assert_eq!(bao.read("kv1/issued/a").await["issued"], true);
    assert_eq!(bao.post("sys/leases/lookup", json!({"lease_id": lease})).await["data"]["id"], *lease);
    let renewed = bao.post("sys/leases/renew", json!({"lease_id": lease, "increment": 300})).await;
    assert_eq!(renewed["lease_duration"], 300);
    bao.post("sys/leases/revoke", json!({"lease_id": lease, "sync": true})).await;
    assert_eq!(bao.read("kv1/issued/a").await["issued"], false);
}

#[tokio::test]
async fn leases_outlive_a_restart_in_order_and_out_of_it() {
    for signal in ["TERM", "KILL"] {
        let Some(mut bao) = Bao::durable(&example()).await else { return };
        let lease = lease(&bao).await;
        bao.server.end(signal);
        until("nothing is left", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
        bao.start_again().await;
        is_alive(&bao, &lease).await;
        assert_eq!((bao.engines().len(), bao.sockets().len()), (1, 1));
        assert!(!bao.log().contains("panicked"));
    }
}

#[tokio::test]
async fn a_seal_ends_the_process_and_unsealing_brings_another() {
    let Some(bao) = Bao::durable(&example()).await else { return };
    let lease = lease(&bao).await;
    bao.seal().await;
    until("nothing is left", async || bao.engines().is_empty() && bao.sockets().is_empty()).await;
    bao.unseal().await;
    bao.has_status(200).await;
    is_alive(&bao, &lease).await;
    assert_eq!((bao.engines().len(), bao.sockets().len()), (1, 1));
    assert!(!bao.log().contains("panicked"));
}

/// OpenBao 2.7.2 has standbys answer reads: each runs the engine, and its system view says that it is a *performance
/// standby*. A write there is refused by the storage, and then forwarded. A leased answer is not forwarded: the host cannot
/// keep its lease, has the engine of the standby revoke it, and tells the caller of an internal error. So whoever makes
/// something for a lease asks first where it is, and says what the storage of a standby says.
#[tokio::test]
async fn a_standby_reads_by_itself_and_leaves_to_the_active_node_what_writes_or_leases() {
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
    assert!(standby.log().contains(refused), "the engine of the standby was asked first");
    assert_eq!(active.read("kv1/store/b").await, json!({"x": 2}));
    until("the standby sees it", async || standby.call("GET", "kv1/store/b", Value::Null).await.0 == 200).await;

    let issued = |bao: &Bao, line: &str| bao.log().matches(line).count();
    assert_eq!(standby.call("GET", "kv1/hasty/a", Value::Null).await.0, 500);
    assert_eq!([standby, active].map(|bao| issued(bao, "issues in haste")), [1, 0], "in vain");
    assert!(standby.log().contains("failed to persist lease entry: cannot write to readonly storage"));

    let (status, answer) = standby.call("GET", "kv1/leases/b", Value::Null).await;
    assert_eq!((status, &answer["data"]), (200, &json!({"x": 2})));
    until("once", async || issued(active, "issues a lease") == 2).await;
    assert_eq!(issued(standby, "issues a lease"), 0);
}

#[tokio::test]
async fn a_standby_takes_over_what_is_kept_and_leased() {
    let Some(mut cluster) = Cluster::start(&example()).await else { return };
    let dead = cluster.active().await;
    let lease = lease(&cluster.nodes[dead]).await;
    cluster.nodes[dead].server.end("KILL");
    let next = cluster.active().await;
    assert_ne!(next, dead);
    is_alive(&cluster.nodes[next], &lease).await;
    until("nothing is left of the first", async || {
        cluster.nodes[dead].engines().is_empty() && cluster.nodes[dead].sockets().is_empty()
    })
    .await;
    for node in &cluster.nodes {
        assert!(!node.log().contains("panicked"));
    }
}
