//! Client secrets that die on the way: whoever replaces them, what is promoted works.

use super::bad_input::failure_of;
use super::*;

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
