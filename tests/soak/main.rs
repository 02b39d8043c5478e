//! Secrets of every kind, rotated for a long time by the real programs, while calls meet random faults, processes are
//! killed, and readers use each secret. `make soak` runs it; `make test` runs a short one.

mod accounts;
mod chaos;
mod command;
mod drive;
mod engine;
mod function;
mod kinds;
mod ledger;
mod memory;
mod plot;
mod readers;
mod report;
mod secrets;
mod settings;
mod world;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use settings::Settings;
use world::World;

/// A day of Secrets Manager, which removes versions that are a day old, takes this long.
const DAY: Duration = Duration::from_secs(240);
const DAY_OF_SECRETS_MANAGER: Duration = Duration::from_secs(25 * 3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_short_soak_cuts_no_reader_off_and_leaves_nothing_behind() {
    run(Settings::short()).await;
}

/// `make soak`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: make soak"]
async fn a_long_soak_cuts_no_reader_off_and_leaves_nothing_behind() {
    let number = |name: &str| variable(name).map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let minutes = number("SOAK_MINUTES").unwrap_or(30).try_into().expect("minutes");
    let secrets = number("SOAK_SECRETS").unwrap_or(200).try_into().expect("a number of secrets");
    run(Settings::long(seed, minutes, secrets)).await;
}

async fn run(settings: Settings) {
    let Some(world) = World::start(settings).await else { return };
    report::print(&format!("soak: {} secrets, SEED={}\n", world.settings.secrets, world.settings.seed));
    for secret in &world.secrets {
        secret.create(&world).await;
    }
    drive::rotate_all(&world, "first").await;
    let mut background = readers(&world);
    let watch = command::watch(&world);
    background.spawn(memory::sample(world.clone(), watch.id().expect("it runs")));
    let phases = disturb(&world).await;
    sleep(world.settings.settle).await;
    drive::rotate_all(&world, "last").await;
    engine::revoke_leases(&world).await;
    // Each reader reads the last token.
    sleep(world.settings.reading * 2).await;
    background.shutdown().await;
    drop(watch);
    for secret in &world.secrets {
        world.ledger.note(secret.index, None);
    }
    memory::check(&world, phases.last_kill, phases.calm);
    let left = accounts::settle(&world).await;
    let failures = report::write(&world, &phases, &left);
    assert!(failures.is_empty(), "SEED={}:\n{}", world.settings.seed, failures.join("\n"));
}

/// When the phases of a soak began.
pub struct Phases {
    /// The first fault.
    pub faults: Instant,
    /// No process of the function or the engine was killed after this.
    pub last_kill: Instant,
    /// The last fault.
    pub calm: Instant,
}

/// Rotates all secrets under faults and kills, and waits for the rotations that run at the end.
async fn disturb(world: &Arc<World>) -> Phases {
    let faults = Instant::now();
    let last_kill = faults + world.settings.disturbed / 2;
    let end = faults + world.settings.disturbed;
    let disturbed = chaos::disturb(world);
    let mut kills = JoinSet::new();
    kills.spawn(chaos::kill_function(world.clone()));
    kills.spawn(chaos::kill_engine(world.clone()));
    let mut days = JoinSet::new();
    days.spawn(pass_days(world.clone()));
    let at_once = Arc::new(Semaphore::new(world.settings.at_once));
    let mut rotations = JoinSet::new();
    for index in 0..world.secrets.len() {
        rotations.spawn(drive::rotate_until(world.clone(), index, at_once.clone(), end));
    }
    sleep(world.settings.disturbed / 2).await;
    kills.shutdown().await;
    sleep(world.settings.disturbed / 2).await;
    drop(disturbed);
    let calm = Instant::now();
    while let Some(ended) = rotations.join_next().await {
        ended.expect("no rotation panics");
    }
    Phases { faults, last_kill, calm }
}

fn readers(world: &Arc<World>) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    for index in 0..world.secrets.len() {
        readers.spawn(readers::read(world.clone(), index));
    }
    readers
}

/// Lets days pass in Secrets Manager, so that it has room for more versions.
async fn pass_days(world: Arc<World>) {
    loop {
        sleep(DAY).await;
        world.simulation.secrets_manager.advance(DAY_OF_SECRETS_MANAGER);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own settings come from its environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
