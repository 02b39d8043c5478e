//! Secrets in Secrets Manager that the real function rotates and the command line follows.

use serde_json::Value;
use simulators::faults::{Effect, Fault, FaultAnswer};
use simulators::secrets_manager::SecretsManagerSettings;

use super::{CLIENT_SECRET, STEPS, Scene, document, steps};

const NAME: &str = "prod/genesys";

fn deny(settings: &mut SecretsManagerSettings, action: &str) {
    settings.denied.insert(action.to_owned());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_by_the_function_is_followed_until_it_ends() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let before = scene.current(NAME);
    let transcript = scene.run(&["rotate", NAME, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["promoted"], &report["error"]), (Some(0), &true.into(), &Value::Null));
    assert_eq!(steps(report), STEPS.map(|step| (step, "done")));
    let after = scene.current(NAME);
    assert_ne!(before["access_token"], after["access_token"]);
    assert_eq!((&report["expires_at"], &after["ours"]), (&after["expires_at"], &1.into()));
    let last = scene.simulation.secrets_manager.rotation_outcomes().pop().expect("a rotation has ended");
    assert_eq!(report["version_id"], last.version_id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn local_rotates_a_secret_in_this_process() {
    let scene = Scene::new().await;
    scene.stored(NAME).await;
    let refused = scene.run(&["rotate", NAME, "--output", "json"]).await;
    assert_eq!((refused.exit, &refused.json()[0]["error"]["type"]), (Some(1), &"RotationDisabled".into()));
    assert!(refused.error().1.contains("--local"), "{}", refused.stderr);
    let transcript = scene.run(&["rotate", "--local", NAME]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert!(scene.current(NAME)["access_token"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_credentials_are_reported_as_the_reason() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let put = scene.aws.put_secret_value().secret_id(NAME).secret_string(document("another-secret").to_string());
    put.send().await.expect("the secret is changed");
    let transcript = scene.run(&["rotate", NAME, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["promoted"]), (Some(1), &false.into()));
    assert_eq!(report["error"]["type"], "CredentialsRejected");
    assert_eq!(steps(report), [("createSecret", "failed")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_reported_as_the_reason() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let before = scene.current(NAME);
    scene.simulation.genesys.set(|knobs| knobs.reject_new_tokens = true);
    let transcript = scene.run(&["rotate", NAME, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["error"]["type"]), (Some(1), &"TokenRejected".into()));
    assert_eq!(steps(report).last(), Some(&("testSecret", "failed")));
    assert_eq!(scene.current(NAME), before, "nothing was promoted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hint_for_a_stuck_function_names_its_log() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    scene.simulation.secrets_manager.set(|settings| deny(settings, "PutSecretValue"));
    let transcript = scene.run(&["rotate", NAME, "--timeout", "2s", "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["error"]["type"]), (Some(1), &"DeadlineExceeded".into()));
    let (error, hint) = transcript.error();
    assert!(error.ends_with("the rotation of prod/genesys is stuck in createSecret"), "{error}");
    assert!(hint.contains("`aws logs tail /aws/lambda/rotate-genesys --since 15m`"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_without_read_permission_shows_the_metadata() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let status = scene.run(&["status", NAME, "--output", "json"]).await;
    assert_eq!(status.json()[0]["token"], "stored");
    scene.simulation.secrets_manager.set(|settings| deny(settings, "GetSecretValue"));
    let transcript = scene.run(&["status", "--output", "json"]).await;
    let status = &transcript.json()[0];
    assert_eq!((transcript.exit, &status["token"]), (Some(0), &"not_permitted".into()), "{}", transcript.stderr);
    assert_eq!((&status["secret"], &status["schedule"]), (&NAME.into(), &"rate(4 hours)".into()));
    let table = scene.run(&["status", "--wide"]).await;
    assert!(table.stdout.contains("access denied") && table.stdout.contains("UTC (in "), "{}", table.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_before_the_next_rotation_gets_a_warning_and_fails_the_check() {
    let scene = Scene::with_token_lifetime(Some(3_600)).await;
    scene.rotating(NAME).await;
    let transcript = scene.run(&["rotate", NAME]).await;
    assert_eq!(transcript.exit, Some(0));
    assert!(
        transcript.stderr.contains("warning: prod/genesys: the token is valid for 59 min"),
        "{}",
        transcript.stderr
    );
    let transcript = scene.run(&["check", NAME, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["error"]["type"]), (Some(1), &"TokenLifeTooShort".into()));
    let hint = transcript.error().1;
    assert!(hint.contains("token duration") && hint.contains("rotate more often"), "{hint}");
    assert!(!transcript.stdout.contains(CLIENT_SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_secret_that_fails_does_not_stop_the_others() {
    let scene = Scene::new().await;
    scene.rotating("one").await;
    scene.rotating("two").await;
    let transcript = scene.run(&["rotate", "one", "no-such-secret", "aws:two", "--output", "json"]).await;
    let reports = transcript.json();
    let promoted: Vec<_> = reports.iter().filter(|report| report["promoted"] == true).collect();
    assert_eq!((transcript.exit, reports.len(), promoted.len()), (Some(1), 3, 2));
    let failed = reports.iter().find(|report| report["promoted"] == false).expect("one failed");
    assert_eq!((&failed["secret"], &failed["error"]["type"]), (&"no-such-secret".into(), &"SecretNotFound".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_an_earlier_rotation_is_followed() {
    let scene = Scene::new().await;
    scene.rotating(NAME).await;
    let before = scene.current(NAME);
    scene.simulation.genesys.set(|knobs| knobs.ip_not_authorized = true);
    let rotate = scene.aws.rotate_secret().secret_id(NAME).client_request_token(uuid::Uuid::new_v4().to_string());
    rotate.send().await.expect("the rotation starts");
    scene.simulation.secrets_manager.settled().await;
    scene.simulation.genesys.set(|knobs| knobs.ip_not_authorized = false);
    let transcript = scene.run(&["rotate", NAME, "--output", "json"]).await;
    assert_eq!((transcript.exit, &transcript.json()[0]["promoted"]), (Some(0), &true.into()));
    assert_ne!(scene.current(NAME), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_starts_after_the_test_of_its_configuration() {
    let scene = Scene::new().await;
    scene.stored(NAME).await;
    let rules =
        aws_sdk_secretsmanager::types::RotationRulesType::builder().schedule_expression("rate(4 hours)").build();
    let set_up = scene.aws.rotate_secret().secret_id(NAME).rotation_lambda_arn(crate::FUNCTION_ARN);
    set_up.rotation_rules(rules).rotate_immediately(false).send().await.expect("it is accepted");
    // The test ends while the first call is refused, or is still running.
    for _ in 0..2 {
        let transcript = scene.run(&["rotate", NAME, "--output", "json"]).await;
        let report = &transcript.json()[0];
        assert_eq!((transcript.exit, &report["promoted"]), (Some(0), &true.into()), "{report}");
        let pending = r#"{"__type":"InvalidRequestException","Message":"A previous rotation isn't complete."}"#;
        let refusal = FaultAnswer::new(reqwest::StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", pending);
        scene.simulation.faults.add(Fault::once("RotateSecret", Effect::Answer(refusal)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_aws_region_is_reported() {
    let scene = Scene::new().await;
    let transcript = scene.run_without(&["AWS_REGION", "AWS_DEFAULT_REGION"], &["check", NAME]).await;
    let (error, hint) = transcript.error();
    assert!(error.contains("no AWS region is set") && hint.contains("AWS_REGION"), "{error}: {hint}");
}
