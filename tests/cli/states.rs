//! The states in which a cancelled or failed rotation leaves a secret of Secrets Manager, and the way out of each.

use reqwest::StatusCode;
use simulators::faults::{Effect, Fault, FaultAnswer};

use super::Scene;

const NAME: &str = "prod/genesys";
const ANYWAY: [&str; 6] = ["rotate", "--local", "--even-if-disabled", NAME, "--output", "json"];

impl Scene {
    /// The labels of the version that an incomplete rotation left.
    fn left_over(&self) -> Option<String> {
        let versions = self.simulation.secrets_manager.versions(NAME).into_iter();
        let mut pending = versions.filter(|version| version.labels == ["AWSPENDING"]);
        pending.next().map(|version| version.id)
    }

    /// A rotation that the function begins and cannot complete.
    async fn fails(&self) {
        let start = self.aws.rotate_secret().secret_id(NAME).send();
        start.await.expect("the rotation starts");
        self.simulation.secrets_manager.settled().await;
        self.simulation.faults.clear();
        self.simulation.genesys.set(|knobs| knobs.reject_new_tokens = false);
        assert!(self.left_over().is_some(), "the rotation is incomplete");
    }

    fn current_version(&self) -> String {
        let versions = self.simulation.secrets_manager.versions(NAME).into_iter();
        let mut current = versions.filter(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
        current.next().expect("a current version").id
    }

    async fn cancel(&self) {
        self.aws.cancel_rotate_secret().secret_id(NAME).send().await.expect("the rotation is cancelled");
    }

    /// Rotates although rotation is disabled, and asserts that nothing is left over.
    async fn rotate_anyway(&self) {
        let before = self.token_of(NAME);
        let refused = self.run(&["rotate", "--local", NAME, "--output", "json"]).await;
        assert_eq!(refused.json()[0]["error"]["type"], "RotationDisabled", "{}", refused.stderr);
        assert!(refused.error().1.contains("--even-if-disabled"), "{}", refused.stderr);
        let transcript = self.run(&ANYWAY).await;
        assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
        let after = self.token_of(NAME);
        assert!(after != before && self.is_alive(&after));
        assert_eq!(self.left_over(), None);
        let enabled = self.aws.describe_secret().secret_id(NAME).send().await.expect("a description");
        assert_ne!(enabled.rotation_enabled(), Some(true), "the schedule stays disabled");
    }
}

fn unavailable() -> Effect {
    Effect::Answer(FaultAnswer::new(StatusCode::BAD_REQUEST, "application/json", r#"{"error":"invalid_client"}"#))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_rotation_without_a_leftover_is_rotated_locally() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    scene.cancel().await;
    scene.rotate_anyway().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_rotation_with_an_empty_pending_version_is_taken_up() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    scene.simulation.faults.add(Fault::always("POST /oauth/token", unavailable()));
    scene.fails().await;
    scene.cancel().await;
    let left = scene.left_over();
    scene.rotate_anyway().await;
    let versions = scene.simulation.secrets_manager.versions(NAME).into_iter();
    let current = versions.filter(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
    assert_eq!(current.map(|version| Some(version.id)).collect::<Vec<_>>(), [left]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_rotation_with_a_valid_pending_version_is_taken_up() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    scene.simulation.faults.add(Fault::always("UpdateSecretVersionStage", Effect::Answer(denied())));
    scene.fails().await;
    scene.cancel().await;
    let issued = scene.simulation.journal.count("POST /oauth/token");
    scene.rotate_anyway().await;
    assert_eq!(scene.simulation.journal.count("POST /oauth/token"), issued, "the staged token is promoted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_rotation_with_a_dead_pending_version_is_discarded() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    scene.simulation.faults.add(Fault::always("UpdateSecretVersionStage", Effect::Answer(denied())));
    scene.fails().await;
    scene.cancel().await;
    scene.simulation.genesys.revoke_all();
    scene.rotate_anyway().await;
}

fn denied() -> FaultAnswer {
    let body = r#"{"__type":"AccessDeniedException","message":"not authorized to perform: secretsmanager:UpdateSecretVersionStage"}"#;
    FaultAnswer::new(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", body)
}

#[test]
fn even_if_disabled_requires_local() {
    assert_eq!(super::run(&["rotate", "--even-if-disabled", NAME]).exit, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_label_on_the_current_version_hinders_no_rotation() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let version = scene.current_version();
    for local in [true, false] {
        let label = scene.aws.update_secret_version_stage().secret_id(NAME).version_stage("AWSPENDING");
        label.move_to_version_id(scene.current_version()).send().await.expect("the label is attached");
        let transcript = scene.run(if local { &["rotate", "--local", NAME] } else { &["rotate", NAME][..] }).await;
        assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    }
    assert_ne!(scene.current_version(), version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_secret_is_rotated_again_after_it_is_restored() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    scene.aws.delete_secret().secret_id(NAME).recovery_window_in_days(7).send().await.expect("it is deleted");
    for arguments in [&["rotate", NAME][..], &["rotate", "--local", NAME], &["check", NAME], &["status", NAME]] {
        let transcript = scene.run(arguments).await;
        assert_eq!(transcript.exit, Some(1), "{arguments:?}");
        assert!(transcript.error().1.contains("restore-secret"), "{arguments:?}: {}", transcript.stderr);
    }
    scene.aws.restore_secret().secret_id(NAME).send().await.expect("it is restored");
    assert_eq!(scene.run(&["rotate", "--local", NAME]).await.exit, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_rotation_can_be_enabled_again_with_a_leftover() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    scene.simulation.faults.add(Fault::always("POST /oauth/token", unavailable()));
    scene.fails().await;
    scene.cancel().await;
    let stuck = scene.run(&["rotate", NAME, "--output", "json"]).await;
    assert_eq!(stuck.json()[0]["error"]["type"], "RotationDisabled", "{}", stuck.stderr);
    assert_eq!(scene.run(&ANYWAY).await.exit, Some(0));
    let enable = scene.aws.rotate_secret().secret_id(NAME).rotation_lambda_arn(super::FUNCTION_ARN);
    enable.send().await.expect("rotation is enabled");
    scene.simulation.secrets_manager.settled().await;
    assert_eq!(scene.run(&["rotate", NAME]).await.exit, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_rotation_whose_leftover_is_abandoned_can_be_rotated_and_enabled() {
    for is_enabled in [false, true] {
        let scene = Scene::new().await;
        scene.rotating(NAME).await;
        scene.simulation.faults.add(Fault::always("POST /oauth/token", unavailable()));
        scene.fails().await;
        scene.cancel().await;
        let enable = || scene.aws.rotate_secret().secret_id(NAME).rotation_lambda_arn(super::FUNCTION_ARN).send();
        let refused = enable().await.expect_err("a version is pending").into_service_error();
        assert!(refused.to_string().contains("InvalidRequest"), "{refused:?}");
        let label = scene.aws.update_secret_version_stage().secret_id(NAME).version_stage("AWSPENDING");
        let left = scene.left_over().expect("a version is pending");
        label.remove_from_version_id(left).send().await.expect("the label is removed");
        if is_enabled {
            enable().await.expect("rotation is enabled");
            scene.simulation.secrets_manager.settled().await;
            assert_eq!(scene.run(&["rotate", NAME]).await.exit, Some(0));
        } else {
            scene.rotate_anyway().await;
        }
        assert!(scene.left_over().is_none() && scene.is_alive(&scene.token_of(NAME)));
    }
}
