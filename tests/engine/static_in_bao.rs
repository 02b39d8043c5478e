//! Static roles in OpenBao.

use serde_json::{Value, json};

use crate::bao::{signal, until};
use crate::scene::{Scene, config, errors};

#[tokio::test]
async fn a_static_role_is_written_read_rotated_and_deleted() {
    let Some(scene) = Scene::empty().await else { return };
    scene.write("config/main", config()).await;
    let (status, answer) = scene.call("POST", "static-roles/ci", json!({"config": "main"})).await;
    assert_eq!(status, 400, "{answer}");
    assert!(errors(&answer).contains("rotation_period is missing"), "{answer}");
    let role = json!({"config": "main", "rotation_period": "6h", "probes": ["GET /api/v2/users?pageSize=1"]});
    scene.write("static-roles/ci", role).await;
    let first = scene.read("static-creds/ci").await;
    assert_eq!((&first["lease_id"], &first["lease_duration"]), (&json!(""), &json!(0)));
    assert_eq!(scene.live(), [first["data"]["access_token"].as_str().expect("a token")]);
    assert_eq!(scene.read("static-roles/ci").await["data"]["rotation_period"], 21_600);
    assert_eq!(scene.call("LIST", "static-roles/", Value::Null).await.1["data"]["keys"], json!(["ci"]));
    scene.write("rotate-role/ci", json!({})).await;
    let second = scene.read("static-creds/ci").await;
    assert_ne!(second["data"]["access_token"], first["data"]["access_token"]);
    assert_eq!(scene.live().len(), 2, "the former token stays valid until it expires");
    let (status, answer) = scene.call("DELETE", "config/main", Value::Null).await;
    assert!(status == 400 && errors(&answer).contains("in use by static-roles/ci"), "{status} {answer}");
    assert_eq!(scene.call("DELETE", "static-roles/ci", Value::Null).await.0, 204);
    assert_eq!(scene.live(), [first["data"]["access_token"].as_str().expect("a token")]);
    for (method, path, expected) in [
        ("GET", "static-creds/ci", 400),
        ("PUT", "rotate-role/ci", 400),
        ("GET", "static-roles/ci", 404),
        ("DELETE", "static-creds/ci", 405),
        ("GET", "static-creds/ci/more", 404),
    ] {
        assert_eq!(scene.call(method, path, json!({})).await.0, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn tokens_with_a_life_of_seconds_are_rotated_in_time_also_after_a_kill() {
    let Some(scene) = Scene::empty().await else { return };
    scene.write("config/main", config()).await;
    scene.simulation.genesys.set(|settings| settings.token_lifetime = 4);
    scene.write("static-roles/ci", json!({"config": "main", "rotation_period": "6h"})).await;
    for process in ["the first process", "the next one"] {
        let token =
            || async { scene.call("GET", "static-creds/ci", Value::Null).await.1["data"]["access_token"].clone() };
        // The first calls after a kill may fail until the host has started another process.
        until("there is a token", async || token().await.is_string()).await;
        let first = token().await;
        let is_fresh = async || {
            let token = token().await;
            token.is_string() && token != first
        };
        until(&format!("{process} has rotated the role"), is_fresh).await;
        for engine in scene.bao.engines() {
            signal(engine, "KILL");
        }
    }
}
