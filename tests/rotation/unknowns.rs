//! Properties of the platform that no source decides: the rotation succeeds with each.

use super::*;
use simulators::genesys::{ExpiresIn, GenesysSettings};

#[tokio::test]
async fn a_rotation_succeeds_whatever_is_not_known_about_the_platform() {
    let worlds: [fn(&mut GenesysSettings); 8] = [
        |settings| settings.expires_in = ExpiresIn::Text,
        |settings| settings.token_type = "Bearer".to_owned(),
        |settings| settings.correlation_headers.clear(),
        |settings| settings.correlation_headers = vec!["Genesys-Correlation-Id".to_owned()],
        |settings| settings.requests_per_minute = None,
        |settings| settings.delete_token_status = 204,
        |settings| settings.idle_timeout = Some(900),
        |settings| settings.inactivating_revokes_tokens = true,
    ];
    for (number, change) in worlds.into_iter().enumerate() {
        let world = World::new().await;
        world.simulation.genesys.set(change);
        world.create(SECRET, &document()).await;
        for _ in 0..2 {
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{number}: {outcome:?}");
        }
        let token = world.current_token().expect("a token");
        assert!(world.simulation.genesys.live_tokens().contains(&token), "{number}");
        world.assert_clean();
    }
}

#[tokio::test]
async fn a_generated_token_with_and_without_its_lifetime_is_rotated() {
    for has_lifetime in [true, false] {
        let world = World::new().await;
        world.simulation.genesys.set(|settings| {
            (settings.unpublished_endpoints, settings.unpublished_expires_in) = (true, has_lifetime);
        });
        let mut generated = document();
        generated["token"] = json!("generated");
        generated["resource_owner"] = json!("service-account");
        world.create(SECRET, &generated).await;
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{has_lifetime}: {outcome:?}");
        let token = world.current_token().expect("a token");
        assert_eq!(world.simulation.genesys.live_tokens(), [token], "{has_lifetime}");
    }
}
