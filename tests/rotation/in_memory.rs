//! Every kind of token and of client-secret rotation, with the in-memory store.

use genesys_rotator::platform::{Endpoints, Platforms};
use genesys_rotator::rotation::{Deadline, Rotator, SecretId, SecretStore, SystemClock, VersionId, VersionSelector};
use genesys_rotator::secret::{ExposeSecret, SecretString};
use genesys_rotator::store::memory::MemoryStore;
use simulators::genesys::OAuthClient;

use super::modes::{ADMIN, ADMIN_ID, ADMIN_SECRET, Mode, SECOND_ID, SECOND_SECRET};
use super::*;

async fn read(store: &MemoryStore, secret: &SecretId) -> Value {
    let value = store.read(secret, VersionSelector::Current).await.expect("it can be read").expect("a value");
    serde_json::from_str(value.text.expose_secret()).expect("it is JSON")
}

#[tokio::test]
async fn every_token_kind_and_mode_rotates_in_memory() {
    let world = World::new().await;
    world.simulation.genesys.set(|settings| settings.unpublished_endpoints = true);
    let url = world.simulation.genesys_url();
    let endpoints = Endpoints::from_lookup(|name| name.starts_with("ROTATOR_").then(|| url.clone()));
    let issuer = Platforms::new(endpoints.expect("loopback may be named"));
    let store = MemoryStore::new();
    let admin = json!({"region": "mypurecloud.ie", "client_id": ADMIN_ID, "client_secret": ADMIN_SECRET});
    store.create(SecretId::new(ADMIN), SecretString::from(admin.to_string()));
    let rotator = Rotator::new(store, issuer, SystemClock);
    for mode in [Mode::Generated, Mode::ApiToken, Mode::Alternating, Mode::InPlace, Mode::AccessKeys] {
        for (id, secret) in [(CLIENT_ID, CLIENT_SECRET), (SECOND_ID, SECOND_SECRET), (ADMIN_ID, ADMIN_SECRET)] {
            world.simulation.genesys.add_client(OAuthClient::new(id, secret));
        }
        let secret = SecretId::new(format!("{mode:?}"));
        rotator.store.create(secret.clone(), SecretString::from(mode.document().to_string()));
        for _ in 0..3 {
            let plenty = Deadline::after(Duration::from_secs(60));
            let former = read(&rotator.store, &secret).await;
            let report = rotator.rotate(&secret, VersionId::random(), plenty, |_| {}).await;
            assert!(report.promoted(), "{mode:?}: {report:?}");
            let current = read(&rotator.store, &secret).await;
            let live = [world.simulation.genesys.live_tokens(), world.simulation.cxone.live_tokens()].concat();
            assert!(live.iter().any(|token| current["access_token"] == **token), "{mode:?}");
            assert_ne!(current["access_token"], former["access_token"]);
            let renews = current["rotate"] == "client_secret";
            let is_new = |field: &str| current[field] != former[field];
            assert_eq!(is_new("client_secret") || is_new("access_key_secret"), renews, "{mode:?}");
        }
    }
}
