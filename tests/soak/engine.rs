//! Rotations and leases of the secrets engine.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::ledger::RotationEnd;
use crate::secrets::{Secret, look};
use crate::world::World;

/// The server answers 5xx, or with the error of a lost connection, for so long while it starts the engine again.
const RESTART: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);
const REJECTED: u16 = 401;

/// Rotates the static role, or the credentials of its config, and uses a lease.
pub async fn rotate(world: &Arc<World>, secret: &Secret, rng: &mut Rng) -> RotationEnd {
    if rng.bool() {
        lease(world, secret, rng).await;
    }
    let name = &secret.name;
    if secret.kind.makes_secret() && rng.bool() {
        return write(world, &format!("genesys-cloud/rotate-root/{name}")).await;
    }
    rotate_role(world, secret).await
}

/// The engine may rotate the role by itself at the same time.
async fn rotate_role(world: &Arc<World>, secret: &Secret) -> RotationEnd {
    let looking = tokio::spawn(look(world.clone(), secret.index));
    let end = write(world, &format!("genesys-cloud/rotate-role/{}", secret.name)).await;
    looking.abort();
    end
}

/// One rotation of everything that the secret has.
pub async fn rotate_all(world: &Arc<World>, secret: &Secret) -> RotationEnd {
    let name = &secret.name;
    if secret.kind.makes_secret() {
        let rotated = write(world, &format!("genesys-cloud/rotate-root/{name}")).await;
        if rotated != RotationEnd::Promoted {
            return rotated;
        }
    }
    rotate_role(world, secret).await
}

async fn write(world: &World, path: &str) -> RotationEnd {
    match world.bao.try_call("POST", path, json!({})).await {
        Some((200..=299, _)) => RotationEnd::Promoted,
        Some((status, answer)) => {
            let errors: String = answer["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            RotationEnd::Failed(format!("{status} {}", name_in(&errors)))
        }
        None => RotationEnd::Failed("no answer".to_owned()),
    }
}

/// The name of the error in a message of the engine, or its first words.
fn name_in(message: &str) -> String {
    let is_name = |word: &&str| word.chars().skip(1).any(char::is_uppercase) && word.chars().all(char::is_alphabetic);
    let words: Vec<_> = message.split([' ', ':', '(', ')', '\n']).collect();
    let name = words.iter().copied().find(is_name);
    let start = || message.split_whitespace().take(12).collect::<Vec<_>>().join(" ");
    name.map_or_else(start, str::to_owned)
}

/// Reads a leased token and uses it. Then the lease is revoked, or left to expire.
async fn lease(world: &World, secret: &Secret, rng: &mut Rng) {
    let path = format!("genesys-cloud/creds/{}", secret.name);
    let Some((200, answer)) = world.bao.try_call("GET", &path, Value::Null).await else { return };
    let token = answer["data"]["access_token"].as_str().unwrap_or_default().to_owned();
    if world.call(secret, &token).await == Some(REJECTED) {
        world.ledger.fail(format!("{}: the platform rejects a leased token", secret.what()));
    }
    if rng.bool() {
        return;
    }
    let revoke = json!({"lease_id": answer["lease_id"], "sync": true});
    let revoked = world.bao.try_call("PUT", "sys/leases/revoke", revoke).await;
    // CXone has no revocation.
    let is_confirmed = matches!(revoked, Some((200..=299, _))) && !secret.kind.is_cxone();
    if is_confirmed && world.call(secret, &token).await.is_some_and(|status| status != REJECTED) {
        world.ledger.fail(format!("{}: the token of a revoked lease is accepted", secret.what()));
    }
}

/// Revokes all leases.
pub async fn revoke_leases(world: &World) {
    let (began, mut answered) = (Instant::now(), None);
    while began.elapsed() < RESTART {
        let path = "sys/leases/revoke-prefix/genesys-cloud/creds";
        answered = world.bao.try_call("PUT", path, json!({"sync": true})).await;
        if matches!(answered, Some((200..=299, _))) {
            return;
        }
        sleep(POLL).await;
    }
    world.ledger.fail(format!("the leases are not revoked: {answered:?}"));
}
