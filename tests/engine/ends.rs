//! Reloads, seals, restarts and kills: issued tokens stay valid, and leases can still be revoked.

use std::cell::Cell;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::bao::{Bao, signal, until};
use crate::scene::{Scene, config, plugin, simulate};

/// The tokens that readers hold.
struct HeldTokens {
    lease: Value,
    leased: String,
    shared: Value,
    fixed: Value,
}

/// A scene with persistent storage.
pub async fn durable() -> Option<Scene> {
    let simulation = simulate().await;
    let mut plugin = plugin(&simulation);
    plugin.environment.push("ROTATOR_LOG=trace".to_owned());
    let bao = Bao::durable(&plugin).await?;
    bao.mount(&plugin, "genesys-cloud").await;
    let scene = Scene { bao, simulation, plugin };
    prepare(&scene.bao).await;
    Some(scene)
}

/// Writes a config and a role of each kind.
pub async fn prepare(bao: &Bao) {
    bao.post("genesys-cloud/config/main", config()).await;
    bao.post("genesys-cloud/roles/ci", json!({"config": "main", "ttl": "10m"})).await;
    bao.post("genesys-cloud/static-roles/steady", json!({"config": "main", "rotation_period": "1h"})).await;
}

pub fn token(answer: &Value) -> String {
    answer["data"]["access_token"].as_str().expect("a token").to_owned()
}

async fn hold(scene: &Scene) -> HeldTokens {
    let leased = scene.read("creds/ci").await;
    HeldTokens {
        lease: leased["lease_id"].clone(),
        leased: token(&leased),
        shared: scene.read("token/ci").await["data"]["access_token"].clone(),
        fixed: scene.read("static-creds/steady").await["data"]["access_token"].clone(),
    }
}

async fn is_unchanged(scene: &Scene, held: &HeldTokens, what: &str) {
    let answers = async || scene.call("GET", "static-creds/steady", Value::Null).await.0 == 200;
    until(&format!("the mount answers after {what}"), answers).await;
    assert_eq!(scene.read("static-creds/steady").await["data"]["access_token"], held.fixed, "{what}");
    assert_eq!(scene.read("token/ci").await["data"]["access_token"], held.shared, "{what}");
    let renewed = scene.bao.post("sys/leases/renew", json!({"lease_id": held.lease, "increment": 60})).await;
    assert_eq!((&renewed["lease_id"], &renewed["lease_duration"]), (&held.lease, &json!(60)), "{what}");
    assert!(scene.live().contains(&held.leased), "{what}");
}

#[tokio::test]
async fn issued_tokens_survive_reload_seal_and_restart() {
    let Some(mut scene) = durable().await else { return };
    let held = hold(&scene).await;
    let minted = scene.simulation.genesys.minted();
    scene.bao.reload(&scene.plugin).await;
    is_unchanged(&scene, &held, "a reload").await;
    scene.bao.seal().await;
    until("all plugin processes and sockets are gone", async || {
        scene.bao.engines().is_empty() && scene.bao.sockets().is_empty()
    })
    .await;
    scene.bao.unseal().await;
    scene.bao.wait_for_health(200).await;
    is_unchanged(&scene, &held, "a seal").await;
    for signal in ["TERM", "KILL"] {
        scene.bao.server.stop(signal);
        until("all plugin processes and sockets are gone", async || {
            scene.bao.engines().is_empty() && scene.bao.sockets().is_empty()
        })
        .await;
        scene.bao.restart().await;
        is_unchanged(&scene, &held, signal).await;
    }
    assert_eq!(scene.simulation.genesys.minted(), minted, "no further token was minted");
    assert_eq!(scene.revoke(&held.lease).await.0, 204);
    assert!(!scene.live().contains(&held.leased));
    assert!(!scene.bao.log().contains("panicked"), "{}", scene.bao.log());
}

#[tokio::test]
async fn a_plugin_killed_under_load_is_restarted_and_no_lease_is_lost() {
    let Some(scene) = Scene::start().await else { return };
    scene.write("static-roles/steady", json!({"config": "main", "rotation_period": "1h"})).await;
    let (issued, is_over) = (Cell::new(0), Cell::new(false));
    let reader = async || {
        let mut leases = Vec::new();
        while !is_over.get() {
            if let (200, answer) = scene.call("GET", "creds/ci", Value::Null).await {
                issued.set(issued.get() + 1);
                leases.push((answer["lease_id"].clone(), token(&answer)));
            }
            if let (200, answer) = scene.call("GET", "static-creds/steady", Value::Null).await {
                assert!(scene.live().contains(&token(&answer)));
            }
        }
        leases
    };
    let killer = async {
        for _ in 0..3 {
            let before = issued.get();
            until("leases are issued", async || issued.get() > before + 5).await;
            let engine = scene.bao.engines()[0];
            signal(engine, "KILL");
            until("the process is gone", async || !scene.bao.engines().contains(&engine)).await;
        }
        let before = issued.get();
        until("leases are issued again", async || issued.get() > before + 5).await;
        is_over.set(true);
    };
    let (leases, ()) = join(join_all((0..4).map(|_| reader())), killer).await;
    let leases = leases.concat();
    let live = scene.live();
    assert!(leases.iter().all(|(_, token)| live.contains(token)), "issued tokens are valid");
    let all = json!({"sync": true});
    assert_eq!(scene.bao.call("PUT", "sys/leases/revoke-prefix/genesys-cloud/creds", all).await.0, 204);
    let live = scene.live();
    assert!(leases.iter().all(|(_, token)| !live.contains(token)), "tokens are revoked with their leases");
    // The static role's token, and at most one undelivered token for each reader and kill.
    assert!(live.len() <= 1 + 4 * 3, "{}", live.len());
    assert_eq!((scene.bao.engines().len(), scene.bao.sockets().len()), (1, 1));
    assert!(!scene.bao.log().contains("panicked"));
}
