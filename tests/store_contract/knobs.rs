//! The contract on the simulator of Secrets Manager with each of its settings turned.

use std::rc::Rc;
use std::time::Duration;

use simulators::secrets_manager::{RotationTokenScope, SecretsManagerSettings};
use simulators::{Simulation, SimulationSettings};
use tokio::task::LocalSet;

use crate::aws::Aws;
use crate::contract::{judge, with_every_intent_row, with_every_row};

type Turn = fn(&mut SecretsManagerSettings);

const KNOBS: [(&str, Turn); 7] = [
    ("rotation_token_required", |settings| settings.rotation_token_required = RotationTokenScope::EveryVersion),
    ("rotation_token_elsewhere", |settings| settings.rotation_token_elsewhere = false),
    ("hourly_rate_days", |settings| settings.hourly_rate_days = None),
    ("synchronous_tests", |settings| settings.synchronous_tests = true),
    ("list_lag", |settings| settings.list_lag = Duration::from_secs(300)),
    ("largest_page", |settings| settings.largest_page = 1),
    ("scheduler", |settings| settings.scheduler = true),
];

async fn turned(turn: Turn) -> Rc<Aws<Simulation>> {
    let mut settings = SimulationSettings::default();
    // All rows share one server, and a throttled write is repeated after a second.
    settings.secrets_manager.writes_per_second = None;
    turn(&mut settings.secrets_manager);
    let simulation = Simulation::start(settings).await.expect("the simulators start");
    Rc::new(Aws::at(&simulation.secrets_manager_url(), simulation))
}

async fn all(fixture: Rc<Aws<Simulation>>) -> Vec<String> {
    const DEVIATIONS: [(&str, &str); 0] = [];
    let mut surprises = with_every_row!(judge fixture);
    surprises.extend(with_every_intent_row!(judge fixture));
    surprises
}

#[tokio::test]
async fn the_contract_holds_with_each_setting_turned() {
    for (name, turn) in KNOBS {
        let surprises = LocalSet::new().run_until(async { all(turned(turn).await).await }).await;
        assert!(surprises.is_empty(), "{name}: {surprises:#?}");
    }
}

/// Most rows look at the store itself, which reads an earlier state. Those that rotate pass.
#[tokio::test]
async fn rotations_of_the_contract_hold_with_stale_reads() {
    let fixture = turned(|settings| settings.stale_reads = 1).await;
    crate::contract::unknown_fields_survive_a_rotation(&*fixture).await;
    crate::contract::an_unknown_secret_is_not_found(&*fixture).await;
}
