//! Rotates each secret again and again.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::chaos::around;
use crate::ledger::{Cut, Rotation, RotationEnd};
use crate::secrets::{Driver, Secret, look};
use crate::world::World;
use crate::{command, engine, function};

/// A command is killed within this multiple of the time that the last rotation of the secret took.
const LATEST_KILL: f64 = 1.3;
/// The share of rotations that meet another one of the same secret.
const OVERLAPS: f64 = 0.12;

/// Rotates one secret at random times until `end`.
pub async fn rotate_until(world: Arc<World>, index: usize, at_once: Arc<Semaphore>, end: Instant) {
    let secret = &world.secrets[index];
    let mut rng = Rng::with_seed(world.settings.seed ^ (0xd000_0000 + index as u64));
    // The first rotations are spread over the time between two.
    sleep(world.settings.pace.mul_f64(rng.f64())).await;
    while Instant::now() < end {
        let permit = at_once.acquire().await.expect("it is not closed");
        if rng.f64() < OVERLAPS && matches!(secret.driver, Driver::Local | Driver::File | Driver::Kv) {
            overlap(&world, secret, &mut rng).await;
        } else {
            rotate_once(&world, secret, &mut rng).await;
        }
        drop(permit);
        sleep(around(&mut rng, world.settings.pace)).await;
    }
}

/// Two commands that rotate the same secret.
async fn overlap(world: &Arc<World>, secret: &Secret, rng: &mut Rng) {
    let (mut one, mut other) = (rng.fork(), rng.fork());
    let looking = tokio::spawn(look(world.clone(), secret.index));
    let later = async {
        sleep(Duration::from_millis(other.u64(..300))).await;
        rotate_once(world, secret, &mut other).await;
    };
    tokio::join!(rotate_once(world, secret, &mut one), later);
    looking.abort();
}

async fn rotate_once(world: &Arc<World>, secret: &Secret, rng: &mut Rng) {
    let (_busy, began) = (world.begin(secret), Instant::now());
    let end = match secret.driver {
        Driver::Function => function::rotate(world, secret).await,
        Driver::Engine => engine::rotate(world, secret, rng).await,
        Driver::Local | Driver::File | Driver::Kv => {
            let end = command::rotate(world, secret, kill_after(world, secret, rng)).await;
            if end == RotationEnd::Killed {
                let cut = Cut { secret: secret.index, began, ended: Instant::now() };
                world.ledger.with(|entries| entries.cuts.push(cut));
            }
            end
        }
    };
    note(world, secret, began, end).await;
}

fn kill_after(world: &World, secret: &Secret, rng: &mut Rng) -> Option<Duration> {
    let may_kill = world.settings.cuts_leases || !secret.kind.makes_secret();
    let last = world.ledger.with(|entries| {
        let is_own = |one: &&Rotation| one.secret == secret.index && one.end == RotationEnd::Promoted;
        entries.rotations.iter().rfind(is_own).map(|one| one.ended - one.began)
    })?;
    (rng.f64() < world.settings.kills && may_kill).then(|| last.mul_f64(LATEST_KILL * rng.f64()))
}

async fn note(world: &World, secret: &Secret, began: Instant, end: RotationEnd) {
    let rotation = Rotation { secret: secret.index, began, ended: Instant::now(), end };
    world.ledger.with(|entries| entries.rotations.push(rotation));
    secret.note_promoted(world).await;
}

/// One undisturbed rotation of each secret, which must succeed.
pub async fn rotate_all(world: &Arc<World>, what: &'static str) {
    let at_once = Arc::new(Semaphore::new(world.settings.at_once));
    let tasks = world.secrets.iter().map(|secret| {
        let (world, secret, at_once) = (world.clone(), secret.clone(), at_once.clone());
        tokio::spawn(async move {
            let _permit = at_once.acquire().await.expect("it is not closed");
            let began = Instant::now();
            let end = match secret.driver {
                Driver::Function => function::rotate(&world, &secret).await,
                Driver::Engine => engine::rotate_all(&world, &secret).await,
                _ => command::rotate(&world, &secret, None).await,
            };
            if end != RotationEnd::Promoted {
                world.ledger.fail(format!("{}: the {what} rotation: {end:?}", secret.what()));
            }
            note(&world, &secret, began, end).await;
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no rotation panics");
    }
}
