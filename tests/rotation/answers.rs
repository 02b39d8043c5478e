//! Answers of the platform to calls that create a token or a secret: lost ones, and ones that cannot be stored.

use super::modes::{LONG_LIVED, Mode, web_page, world};
use super::*;
use reqwest::StatusCode;
use simulators::faults::{Effect, Fault, FaultAnswer};

#[tokio::test]
async fn a_long_lived_token_whose_answer_was_lost_is_not_requested_again() {
    let empty = || Effect::Answer(FaultAnswer::new(StatusCode::OK, "application/json", "{}"));
    for (mode, operation) in [(Mode::Generated, LONG_LIVED[0]), (Mode::ApiToken, LONG_LIVED[1])] {
        for effect in [Effect::LoseAnswer, Effect::Drop, web_page(StatusCode::BAD_GATEWAY), empty()] {
            let world = world(mode, 0).await;
            world.simulation.faults.add(Fault::once(operation, effect));
            world.simulation.journal.clear();
            let former = world.current_token();
            let outcome = world.rotate().await;
            let said = format!("{outcome:?}");
            assert!(!outcome.succeeded && said.contains("PlatformUnavailable"), "{said}");
            assert!(said.contains("may have issued a token"), "{said}");
            assert_eq!((world.simulation.journal.count(operation), world.current_token()), (1, former));
        }
        let world = world(mode, 0).await;
        let refused = FaultAnswer::new(StatusCode::TOO_MANY_REQUESTS, "application/json", "{}");
        world.simulation.faults.add(Fault::once(operation, Effect::Answer(refused)));
        assert!(world.rotate().await.succeeded, "a refused request issued no token, and is sent again");
    }
}

#[tokio::test]
async fn a_new_secret_with_surrounding_whitespace_is_replaced_before_it_is_stored() {
    let body = |secret: &str| json!({"id": null, "secret": secret}).to_string();
    for (mode, operation) in [
        (Mode::InPlace, "POST /api/v2/oauth/clients/{id}/secret"),
        (Mode::Alternating, "POST /api/v2/oauth/clients/{id}/secret"),
    ] {
        for secret in [" hush", "hush\n", "\u{a0}hush", "\thush "] {
            let world = world(mode, 0).await;
            let answer = FaultAnswer::new(StatusCode::OK, "application/json", body(secret));
            world.simulation.faults.add(Fault::once(operation, Effect::Answer(answer)));
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{mode:?} {secret:?}: {outcome:?}");
            assert!(world.stored_client_works() && world.stored_token_works(), "{mode:?} {secret:?}");
        }
    }
}
