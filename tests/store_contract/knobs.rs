//! The contract on the simulator of Secrets Manager with its settings turned.

use std::rc::Rc;
use std::time::Duration;

use simulators::secrets_manager::{RotationTokenScope, SecretsManagerSettings};
use simulators::{Simulation, SimulationSettings};
use tokio::task::LocalSet;

use crate::aws::Aws;
use crate::contract::{judge, with_every_intent_row, with_every_row};

async fn simulated(settings: SecretsManagerSettings) -> Rc<Aws<Simulation>> {
    let settings = SimulationSettings { secrets_manager: settings, ..SimulationSettings::default() };
    let simulation = Simulation::start(settings).await.expect("the simulators start");
    Rc::new(Aws::at(&simulation.secrets_manager_url(), simulation))
}

/// Every setting that the operations of the store can notice, except stale reads.
fn turned() -> SecretsManagerSettings {
    SecretsManagerSettings {
        // All rows share one server, and a throttled write is repeated after a second.
        writes_per_second: None,
        largest_page: 1,
        rotation_token_required: RotationTokenScope::EveryVersion,
        rotation_token_elsewhere: false,
        hourly_rate_days: None,
        synchronous_tests: true,
        list_lag: Duration::from_secs(300),
        scheduler: true,
        ..SecretsManagerSettings::default()
    }
}

async fn all(fixture: Rc<Aws<Simulation>>) -> Vec<String> {
    const DEVIATIONS: [(&str, &str); 0] = [];
    let mut surprises = with_every_row!(judge fixture);
    surprises.extend(with_every_intent_row!(judge fixture));
    surprises
}

#[tokio::test]
async fn the_contract_holds_with_the_settings_turned() {
    let surprises = LocalSet::new().run_until(async { all(simulated(turned()).await).await }).await;
    assert!(surprises.is_empty(), "{surprises:#?}");
}

/// Most rows look at the store itself, which reads an earlier state. Those that rotate pass.
#[tokio::test]
async fn rotations_of_the_contract_hold_with_stale_reads() {
    let fixture = simulated(SecretsManagerSettings { stale_reads: 1, ..SecretsManagerSettings::default() }).await;
    crate::contract::unknown_fields_survive_a_rotation(&*fixture).await;
    crate::contract::an_unknown_secret_is_not_found(&*fixture).await;
}
