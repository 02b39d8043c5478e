//! Client secrets that die on the way: whoever replaces them, what is promoted works.

use super::bad_input::{failure, failure_of};
use super::modes::{ADMIN, Mode, SECOND_ID, SECOND_SECRET};
use super::*;
use genesys_rotator::sim::genesys::Client as OAuthClient;

const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";

#[tokio::test]
async fn a_secret_that_is_stored_elsewhere_is_left_alone() {
    let world = World::new().await;
    world.create("genesys/credentials", &document()).await;
    let document = json!({
        "region": "mypurecloud.ie", "credentials": "genesys/credentials", "rotate": "client_secret", "accept_gap": true,
    });
    let (step, error_type, message) = failure_of(&world, &document.to_string()).await;
    assert_eq!(world.simulation.journal.count(REGENERATE), 0, "it would be dead where it is stored: {message}");
    assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "DocumentInvalid"), "{message}");
    assert!(message.contains("instead of credentials"), "{message}");
}

#[tokio::test]
async fn an_administrator_whose_turn_comes_is_refused() {
    for (id, secret) in [(CLIENT_ID, CLIENT_SECRET), (SECOND_ID, SECOND_SECRET)] {
        let world = World::new().await;
        world.simulation.genesys.add_client(OAuthClient::new(SECOND_ID, SECOND_SECRET));
        let admin = json!({"region": "mypurecloud.ie", "client_id": id, "client_secret": secret});
        world.create(ADMIN, &admin).await;
        world.create(SECRET, &Mode::Alternating.document()).await;
        let (step, error_type, message) = failure(&world).await;
        assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "DocumentInvalid"), "{message}");
        assert!(message.contains(ADMIN) && message.contains("turn"), "{message}");
        assert_eq!(world.simulation.journal.count(REGENERATE), 0);
    }
}
