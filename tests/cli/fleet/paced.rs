//! Rate limits of AWS and of the platform, which all workers share.

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
    let arguments =
        ["rotate", "--yes", "--local", "--all", "--prefix", "prod/", "--concurrency", "30", "--output", "json"];
    let transcript = scene.run(&arguments).await;
    assert_eq!(transcript.summary(), numbers(&[("rotated", 30)]), "{}", transcript.stderr);
    for (operation, times) in [("PutSecretValue", 30), ("UpdateSecretVersionStage", 60)] {
        let calls = scene.calls(operation);
        assert!(calls.iter().all(|call| call.status.is_some_and(|status| status.is_success())), "{operation}");
        assert_eq!(calls.len(), times, "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_workers_wait_after_a_rate_limited_token_request() {
    let scene = Scene::new().await;
    for number in 0..12 {
        scene.with_token(&format!("prod/{number}"), &[]).await;
    }
    // The tokens above count towards the limit.
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
    let arguments =
        ["rotate", "--yes", "--local", "--all", "--prefix", "prod/", "--concurrency", "12", "--output", "json"];
    let (transcript, ()) = tokio::join!(scene.run(&arguments), minutes);
    assert_eq!(transcript.summary(), numbers(&[("rotated", 12)]), "{}", transcript.stderr);
    let refused = scene.calls("POST /oauth/token").len() - 12;
    assert!((1..=8).contains(&refused), "{refused} requests were rejected: at most those in flight");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrency_limits_the_running_rotations() {
    let scene = Scene::new().await;
    for number in 0..9 {
        scene.with_token(&format!("prod/{number}"), &[]).await;
    }
    scene.simulation.faults.add(Fault::always("*", Effect::Delay(Duration::from_millis(20))));
    scene.simulation.journal.clear();
    let arguments = ["rotate", "--yes", "--local", "--all", "--prefix", "prod/", "--concurrency", "3"];
    assert_eq!(scene.run(&arguments).await.exit, Some(0));
    let calls = scene.calls("POST /oauth/token");
    let concurrent =
        |moment| calls.iter().filter(|call| call.began <= moment && call.ended.is_none_or(|end| end > moment)).count();
    let most = calls.iter().map(|call| concurrent(call.began)).max();
    assert!(most.is_some_and(|most| (1..=3).contains(&most)), "{most:?}");
}
