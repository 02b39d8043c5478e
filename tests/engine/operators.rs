//! Response wrapping, forced revocation, unmounting, audit and server logs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use simulators::faults::{Effect, Fault};

use crate::bao::Bao;
use crate::ends::{durable, token};
use crate::scene::{CLIENT, Scene};

const REVOKE: &str = "DELETE /api/v2/tokens/me";
const MOUNT: &str = "sys/mounts/genesys-cloud";

/// The JSON output of a command.
fn printed(bao: &Bao, arguments: &[&str]) -> Value {
    let output = bao.command(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// One server for three ways in which leases end.
// The command blocks this thread, while the simulator needs another one.
#[tokio::test(flavor = "multi_thread")]
async fn leases_end_by_unwrapping_and_revoking_by_force_and_with_their_mount() {
    let Some(scene) = Scene::start().await else { return };
    a_wrapped_token_can_be_unwrapped_once(&scene).await;
    a_lease_can_be_force_revoked_while_the_platform_is_down(&scene).await;
    disabling_the_mount_succeeds_once_its_leases_can_be_revoked(&scene).await;
}

async fn a_wrapped_token_can_be_unwrapped_once(scene: &Scene) {
    let wrapped = printed(&scene.bao, &["read", "-format=json", "-wrap-ttl=60s", "genesys-cloud/creds/ci"]);
    assert!(wrapped["data"].is_null(), "{wrapped}");
    let wrapping_token = wrapped["wrap_info"]["token"].as_str().expect("a wrapping token");
    let answer = printed(&scene.bao, &["unwrap", "-format=json", wrapping_token]);
    assert_eq!(scene.live(), [token(&answer)]);
    assert!(!scene.bao.command(&["unwrap", wrapping_token]).status.success(), "a second unwrap fails");
    assert_eq!(scene.revoke(&answer["lease_id"]).await.0, 204);
    assert!(scene.live().is_empty());
}

async fn a_lease_can_be_force_revoked_while_the_platform_is_down(scene: &Scene) {
    let lease = scene.read("creds/ci").await["lease_id"].clone();
    scene.simulation.faults.add(Fault::always(REVOKE, Effect::Drop));
    assert!(!scene.bao.command(&["lease", "revoke", "-sync", lease.as_str().expect("a lease")]).status.success());
    let forced = scene.bao.command(&["lease", "revoke", "-force", "-prefix", "genesys-cloud/creds/ci"]);
    assert!(forced.status.success(), "{}", String::from_utf8_lossy(&forced.stderr));
    assert_eq!(
        scene.bao.call("PUT", "sys/leases/lookup", json!({"lease_id": lease})).await.0,
        400,
        "the lease is deleted"
    );
    assert_eq!(scene.live().len(), 1, "the token stays valid until it expires");
    scene.simulation.genesys.revoke_all();
}

async fn disabling_the_mount_succeeds_once_its_leases_can_be_revoked(scene: &Scene) {
    scene.simulation.faults.clear();
    for _ in 0..3 {
        scene.read("creds/ci").await;
    }
    scene.simulation.faults.add(Fault::always(REVOKE, Effect::Drop));
    let (status, answer) = scene.bao.call("DELETE", MOUNT, Value::Null).await;
    assert!(status >= 400, "{answer}");
    assert_eq!(scene.live().len(), 3);
    scene.simulation.faults.clear();
    assert_eq!(scene.bao.call("DELETE", MOUNT, Value::Null).await.0, 204);
    assert!(scene.live().is_empty());
}

/// All files below a directory with their contents, without the plugins' binaries.
fn files(directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("plugins") {
            files(&path, found);
        } else if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path).expect("a file")));
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_the_audit_log_the_server_log_or_on_disk() {
    let Some(scene) = durable().await else { return };
    let leased = scene.read("creds/ci").await;
    let mut secrets = vec![CLIENT.1.to_owned(), token(&leased)];
    for path in ["token/ci", "static-creds/steady"] {
        secrets.push(token(&scene.read(path).await));
    }
    scene.write("rotate-role/steady", json!({})).await;
    secrets.push(token(&scene.read("static-creds/steady").await));
    scene.bao.post("sys/leases/renew", json!({"lease_id": leased["lease_id"]})).await;
    // Failures as well.
    let wrong = json!({"client_secret": "hush-hush-wrong-secret", "region": "nowhere"});
    assert_eq!(scene.call("PUT", "config/main", wrong).await.0, 400);
    let wrong = json!({"client_secret": "hush-hush-wrong-secret"});
    assert_eq!(scene.call("PUT", "config/main", wrong).await.0, 400);
    scene.simulation.faults.add(Fault::always(REVOKE, Effect::Drop));
    assert!(scene.revoke(&leased["lease_id"]).await.0 >= 400);
    scene.simulation.faults.clear();
    scene.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    assert_eq!(scene.call("GET", "creds/ci", Value::Null).await.0, 400);
    secrets.push("hush-hush-wrong-secret".to_owned());

    let mut found = Vec::new();
    files(scene.bao.server.home(), &mut found);
    for (name, content) in &found {
        let text = String::from_utf8_lossy(content);
        for secret in &secrets {
            assert!(!text.contains(secret), "{name} holds {secret}");
        }
    }
    let audited = fs::read_to_string(scene.bao.server.home().join("audit")).expect("an audit log");
    assert!(audited.contains("genesys-cloud/static-creds/steady"), "reads are audited");
    let log = scene.bao.log();
    assert!(log.contains("the config was written") && !log.contains("panicked"), "{log}");
}
