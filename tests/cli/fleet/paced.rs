//! The limits of others, which all workers keep together.

use std::time::Duration;

use simulators::faults::{Effect, Fault};

use super::{Scene, numbers};

#[tokio::test(flavor = "multi_thread")]
async fn writes_stay_below_the_quota_of_the_account() {
    let scene = Scene::new().await;
    for number in 0..30 {
        scene.with_token(&format!("prod/{number}"), &[]).await;
    }
    scene.simulation.journal.clear();
    let arguments = ["rotate", "--local", "--all", "--prefix", "prod/", "--concurrency", "30", "--output", "json"];
    let transcript = scene.run(&arguments).await;
    assert_eq!(transcript.summary(), numbers(&[("rotated", 30)]), "{}", transcript.stderr);
    for (operation, times) in [("PutSecretValue", 30), ("UpdateSecretVersionStage", 60)] {
        let calls = scene.calls(operation);
        assert!(calls.iter().all(|call| call.status.is_some_and(|status| status.is_success())), "{operation}");
        assert_eq!(calls.len(), times, "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_is_left_alone_by_all_workers() {
    let scene = Scene::new().await;
    for number in 0..12 {
        scene.with_token(&format!("prod/{number}"), &[]).await;
    }
    // The tokens above have been counted too.
    scene.simulation.genesys.advance(Duration::from_secs(61));
    scene.simulation.genesys.set(|knobs| knobs.token_requests_per_minute = Some(6));
    scene.simulation.journal.clear();
    let minutes = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if scene.calls("POST /oauth/token").iter().any(|call| call.status.is_some_and(|status| status != 200)) {
                return scene.simulation.genesys.advance(Duration::from_secs(61));
            }
        }
    };
    let arguments = ["rotate", "--local", "--all", "--prefix", "prod/", "--concurrency", "12", "--output", "json"];
    let (transcript, ()) = tokio::join!(scene.run(&arguments), minutes);
    assert_eq!(transcript.summary(), numbers(&[("rotated", 12)]), "{}", transcript.stderr);
    let refused = scene.calls("POST /oauth/token").len() - 12;
    assert!((1..=8).contains(&refused), "{refused} requests were refused: no more than were under way at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_secrets_are_under_way_than_asked_for() {
    let scene = Scene::new().await;
    for number in 0..9 {
        scene.with_token(&format!("prod/{number}"), &[]).await;
    }
    scene.simulation.faults.add(Fault::always("*", Effect::Delay(Duration::from_millis(20))));
    scene.simulation.journal.clear();
    let arguments = ["rotate", "--local", "--all", "--prefix", "prod/", "--concurrency", "3"];
    assert_eq!(scene.run(&arguments).await.exit, Some(0));
    let calls = scene.calls("POST /oauth/token");
    let side_by_side =
        |moment| calls.iter().filter(|call| call.began <= moment && call.ended.is_none_or(|end| end > moment)).count();
    let most = calls.iter().map(|call| side_by_side(call.began)).max();
    assert!(most.is_some_and(|most| (1..=3).contains(&most)), "{most:?}");
}
