//! The RotationToken: every world in which Secrets Manager may require it, or refuse it for other versions.

use super::modes::{ADMIN, ADMIN_ID, ADMIN_SECRET, Mode, SECOND_ID, SECOND_SECRET, admin};
use super::*;
use simulators::genesys::OAuthClient;
use simulators::secrets_manager::RotationTokenScope::{self, EveryVersion, Nothing, RotationVersion};

const REGENERATE: &str = "POST /api/v2/oauth/clients";
const NEEDS_OTHER_VERSIONS: [Mode; 3] = [Mode::InPlace, Mode::Alternating, Mode::AccessKeys];

/// A world with a secret, or one with a plain document.
async fn world(mode: Option<Mode>, required: RotationTokenScope, elsewhere: bool) -> World {
    let world = World::with(SecretsManagerSettings {
        retries: 0,
        rotation_token_required: required,
        rotation_token_elsewhere: elsewhere,
        ..SecretsManagerSettings::default()
    })
    .await;
    for (id, secret) in [(SECOND_ID, SECOND_SECRET), (ADMIN_ID, ADMIN_SECRET)] {
        world.simulation.genesys.add_client(OAuthClient::new(id, secret));
    }
    world.create(ADMIN, &admin()).await;
    world.create(SECRET, &mode.map_or_else(document, Mode::document)).await;
    world
}

#[tokio::test]
async fn every_mode_works_wherever_other_versions_can_be_written() {
    for (required, elsewhere) in
        [(Nothing, false), (RotationVersion, true), (RotationVersion, false), (EveryVersion, true)]
    {
        for mode in NEEDS_OTHER_VERSIONS.map(Some).into_iter().chain([None]) {
            let world = world(mode, required, elsewhere).await;
            for _ in 0..2 {
                let outcome = world.rotate().await;
                assert!(outcome.succeeded, "{mode:?} {required:?} {elsewhere}: {outcome:?}");
                assert!(world.stored_client_works() && world.stored_token_works(), "{mode:?} {required:?} {elsewhere}");
            }
            world.assert_clean();
        }
    }
}

#[tokio::test]
async fn where_no_other_version_can_be_written_nothing_is_regenerated_and_the_error_says_why() {
    for mode in NEEDS_OTHER_VERSIONS {
        let world = world(Some(mode), EveryVersion, false).await;
        let before = (world.current(), world.simulation.cxone.access_keys().len());
        let outcome = world.rotate().await;
        let error = &outcome.failures[0].1;
        assert_eq!(error.error_type, "StoreDenied", "{mode:?}");
        let message = "accepts no version beside the rotation's own, with or without the RotationToken";
        assert!(error.message.contains(message), "{mode:?}: {}", error.message);
        assert!(error.message.contains("rotate --local"), "{mode:?}: {}", error.message);
        assert_eq!((world.current(), world.simulation.cxone.access_keys().len()), before, "{mode:?}");
        let calls = world.simulation.journal.calls();
        assert!(!calls.iter().any(|call| call.operation.starts_with(REGENERATE)), "{mode:?}");
        assert!(world.stored_client_works(), "{mode:?}");
        assert!(world.simulation.genesys.live_tokens().is_empty(), "{mode:?}");
    }
}

#[tokio::test]
async fn each_code_of_a_refused_token_is_understood() {
    for code in ["AccessDeniedException", "InvalidParameterException", "InvalidRequestException", "ValidationException"]
    {
        let world = world(Some(Mode::InPlace), RotationVersion, false).await;
        world.simulation.secrets_manager.set(|settings| settings.rotation_token_refusal = code);
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{code}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_token_rotation_needs_no_other_version() {
    let world = world(None, EveryVersion, false).await;
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
}
