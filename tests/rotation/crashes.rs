//! The function is killed at any call; the rotation, retried with the same token, must end well.

use super::*;
use simulators::faults::{Effect, Fault};

async fn a_kill_at_any_call_heals(effect: Effect) {
    let settings = SecretsManagerSettings {
        retries: 2,
        retry_delay: Duration::from_millis(10),
        ..SecretsManagerSettings::default()
    };
    let world = World::with(settings).await;
    world.create(SECRET, &document()).await;
    for (operation, before) in faults::CALLS {
        let former = world.current_token();
        world.simulation.faults.clear();
        world.simulation.faults.add(Fault::once(operation, effect.clone()).after(before));
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{operation} after {before}: {outcome:?}");
        assert_eq!(outcome.failures.len(), 1, "{operation} after {before}: {outcome:?}");
        let token = world.current_token();
        assert!(token.is_some() && token != former, "{operation} after {before}");
        assert!(world.holder("AWSPENDING").is_none(), "{operation} after {before}");
    }
}

#[tokio::test]
async fn a_kill_before_any_call_heals() {
    a_kill_at_any_call_heals(Effect::KillBefore).await;
}

#[tokio::test]
async fn a_kill_after_any_call_heals() {
    a_kill_at_any_call_heals(Effect::KillAfter).await;
}
