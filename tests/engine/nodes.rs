//! A cluster of three nodes: the active node mints tokens, the standbys answer reads.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};
use simulators::Simulation;
use simulators::faults::{Effect, Fault};

use crate::bao::{Bao, Cluster, until};
use crate::ends::{prepare, token};
use crate::scene::{CLIENT, plugin, simulate};

const EXCHANGE: &str = "POST /oauth/token";
const STATIC: &str = "genesys-cloud/static-creds/steady";

async fn start() -> Option<(Cluster, Simulation)> {
    let simulation = simulate().await;
    let mut plugin = plugin(&simulation);
    plugin.environment.push("ROTATOR_LOG=trace".to_owned());
    let cluster = Cluster::start(&plugin).await?;
    let active = &cluster.nodes[cluster.active().await];
    active.mount(&plugin, "genesys-cloud").await;
    prepare(active).await;
    for node in &cluster.nodes {
        until("the node answers reads of the role", async || node.call("GET", STATIC, Value::Null).await.0 == 200)
            .await;
    }
    Some((cluster, simulation))
}

async fn get(bao: &Bao, path: &str) -> Value {
    let (status, answer) = bao.call("GET", &format!("genesys-cloud/{path}"), Value::Null).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

async fn a_standby_mints_no_token_and_forwards_requests(cluster: &Cluster, simulation: &Simulation) {
    let (active, standby) = (&cluster.nodes[cluster.active().await], &cluster.nodes[cluster.standby().await]);
    let minted = simulation.genesys.minted();
    let leased = get(standby, "creds/ci").await;
    assert_eq!(simulation.genesys.minted(), minted + 1, "by the active node only");
    assert!(simulation.genesys.live_tokens().contains(&token(&leased)));
    let shared = get(standby, "token/ci").await;
    assert_eq!((token(&shared), simulation.genesys.minted()), (token(&get(active, "token/ci").await), minted + 2));
    assert_eq!(get(standby, "static-creds/steady").await["data"], get(active, "static-creds/steady").await["data"]);
    // A write through a standby is stored, and a rotation invalidates the caches of the other nodes.
    standby.post("genesys-cloud/roles/other", json!({"config": "main"})).await;
    assert_eq!(active.read("genesys-cloud/roles/other").await["config"], "main");
    let before = token(&get(standby, "static-creds/steady").await);
    standby.post("genesys-cloud/rotate-role/steady", json!({"revoke_previous": true})).await;
    assert!(!simulation.genesys.live_tokens().contains(&before), "the active node revokes");
    assert_eq!(get(standby, "status").await["data"]["issued"], get(active, "status").await["data"]["issued"]);
    let after = token(&get(active, "static-creds/steady").await);
    assert_ne!(before, after);
    for node in &cluster.nodes {
        until("the node returns the new token", async || token(&get(node, "static-creds/steady").await) == after).await;
    }
    standby.post("sys/leases/revoke", json!({"lease_id": leased["lease_id"], "sync": true})).await;
    assert!(!simulation.genesys.live_tokens().contains(&token(&leased)));
}

#[tokio::test]
async fn standbys_forward_requests_and_static_roles_survive_a_kill_of_the_active_node_during_a_rotation() {
    let Some((mut cluster, simulation)) = start().await else { return };
    a_standby_mints_no_token_and_forwards_requests(&cluster, &simulation).await;
    let dead = cluster.active().await;
    let leased = get(&cluster.nodes[dead], "creds/ci").await;
    let before = get(&cluster.nodes[dead], "static-creds/steady").await;
    let exchanges = simulation.journal.count(EXCHANGE);
    simulation.faults.add(Fault::once(EXCHANGE, Effect::Delay(Duration::from_secs(2))));
    let rotation = cluster.nodes[dead].try_call("PUT", "genesys-cloud/rotate-role/steady", json!({}));
    let under_way = until("the rotation is under way", async || simulation.journal.count(EXCHANGE) > exchanges);
    tokio::select! {
        answer = rotation => panic!("the rotation ended early: {answer:?}"),
        () = under_way => {}
    }
    cluster.nodes[dead].server.stop("KILL");

    let survivors = || cluster.nodes.iter().enumerate().filter(|(index, _)| *index != dead).map(|(_, node)| node);
    let next = join(cluster.active(), async {
        for node in survivors() {
            // A standby answers from its cache.
            if let Some((200, answer)) = node.try_call("GET", STATIC, Value::Null).await {
                assert_eq!(token(&answer), token(&before));
            }
        }
    });
    let (next, ()) = next.await;
    assert_ne!(next, dead);
    let active = &cluster.nodes[next];
    until("the mount answers", async || active.call("GET", STATIC, Value::Null).await.0 == 200).await;
    assert_eq!(
        token(&get(active, "static-creds/steady").await),
        token(&before),
        "the interrupted rotation promoted nothing"
    );
    active.post("genesys-cloud/rotate-role/steady", json!({})).await;
    let after = token(&get(active, "static-creds/steady").await);
    assert_ne!(after, token(&before));
    assert!(simulation.genesys.live_tokens().contains(&after));
    active.post("sys/leases/revoke", json!({"lease_id": leased["lease_id"], "sync": true})).await;
    assert!(!simulation.genesys.live_tokens().contains(&token(&leased)));
    for node in &cluster.nodes {
        let log = node.log();
        assert!(!log.contains("panicked"));
        for secret in [CLIENT.1, &token(&before), &after, &token(&leased)] {
            assert!(!log.contains(secret), "{secret}");
        }
    }
}

#[tokio::test]
async fn only_the_active_node_rotates_due_roles_and_the_next_active_node_takes_over() {
    let Some((mut cluster, simulation)) = start().await else { return };
    let first = cluster.active().await;
    // A role is due after three quarters of its token's life.
    simulation.genesys.set(|settings| settings.token_lifetime = 8);
    cluster.nodes[first].post("genesys-cloud/rotate-role/steady", json!({})).await;
    let rotated = |node: &Bao| node.log().matches("rotation.outcome=done").count();
    let before = rotated(&cluster.nodes[first]);
    until("the role is rotated", async || rotated(&cluster.nodes[first]) > before).await;
    cluster.nodes[first].server.stop("KILL");
    let next = cluster.active().await;
    until("the next active node rotates the role", async || rotated(&cluster.nodes[next]) > 0).await;
    let answer = get(&cluster.nodes[next], "static-creds/steady").await;
    assert!(simulation.genesys.live_tokens().contains(&token(&answer)));
    let other = 3 - first - next;
    assert_eq!(rotated(&cluster.nodes[other]), 0, "a standby rotates nothing");
}
