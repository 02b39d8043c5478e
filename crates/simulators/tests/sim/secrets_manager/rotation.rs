//! RotateSecret: the four steps, retries, tokens, configuration tests, canceling.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::rotate_secret::builders::RotateSecretFluentBuilder;
use serde_json::{Value, json};
use simulators::invoke::FunctionError;
use simulators::secrets_manager::{RotationTokenScope, SecretsManagerSettings};
use tokio::sync::Semaphore;

use super::{Simulator, code, id, refused};

/// The ARN of a function. The simulator accepts any.
pub(crate) const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:rotator";

fn failure(message: impl ToString) -> FunctionError {
    FunctionError::new("TestFailure", message.to_string())
}

/// A rotation function's step, following the service's template.
async fn step(client: &Client, event: &Value) -> Result<Value, FunctionError> {
    let text = |name: &str| event[name].as_str().expect("a member of the event").to_owned();
    let (secret, token) = (text("SecretId"), text("ClientRequestToken"));
    let described = client.describe_secret().secret_id(&secret).send().await.map_err(|_| failure("describe"))?;
    let versions = described.version_ids_to_stages().cloned().unwrap_or_default();
    match text("Step").as_str() {
        "createSecret" => {
            let pending = client.get_secret_value().secret_id(&secret).version_id(&token).version_stage("AWSPENDING");
            if pending.send().await.is_ok() {
                return Ok(Value::Null);
            }
            let put = client.put_secret_value().secret_id(&secret).client_request_token(&token);
            let put = put.secret_string(format!("made for {token}")).version_stages("AWSPENDING");
            put.rotation_token(text("RotationToken")).send().await.map_err(|_| failure("put"))?;
        }
        "finishSecret" => {
            let is_current = |labels: &Vec<String>| labels.iter().any(|label| label == "AWSCURRENT");
            let current = versions.iter().find(|(_, labels)| is_current(labels)).map(|(id, _)| id.clone());
            let update = client.update_secret_version_stage().secret_id(&secret).version_stage("AWSCURRENT");
            let update = update.set_remove_from_version_id(current).move_to_version_id(&token);
            update.send().await.map_err(|_| failure("finish"))?;
        }
        _ => {}
    }
    Ok(Value::Null)
}

/// A simulator with a secret, and a function that first passes every event to `check`.
pub(crate) async fn rotating(check: impl Fn(&Value) -> Result<(), FunctionError> + Send + Sync + 'static) -> Simulator {
    let settings = SecretsManagerSettings {
        retries: 2,
        retry_delay: Duration::from_millis(1),
        ..SecretsManagerSettings::default()
    };
    let simulator = Simulator::with(settings).await.with_secret().await;
    let client = simulator.client.clone();
    simulator.service.set_function(move |event: Value| {
        let (client, checked) = (client.clone(), check(&event));
        async move {
            checked?;
            step(&client, &event).await
        }
    });
    simulator
}

fn rotate(simulator: &Simulator, version: u8) -> RotateSecretFluentBuilder {
    let rotate = simulator.client.rotate_secret().secret_id("s").rotation_lambda_arn(FUNCTION);
    rotate.client_request_token(id(version))
}

fn steps(simulator: &Simulator) -> Vec<String> {
    simulator.service.events().iter().filter_map(|event| event["Step"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_rotation_runs_the_four_steps_and_removes_the_pending_label() {
    let simulator = rotating(|_| Ok(())).await;
    let started = rotate(&simulator, 2).send().await.expect("it is started");
    assert_eq!(started.version_id(), Some(id(2).as_str()));
    simulator.service.settled().await;
    assert_eq!(steps(&simulator), ["createSecret", "setSecret", "testSecret", "finishSecret"]);
    assert_eq!(simulator.labels(), ["1: AWSPREVIOUS", "2: AWSCURRENT"]);
    assert_eq!(simulator.service.versions("s")[1].value.as_deref(), Some(format!("made for {}", id(2)).as_str()));
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.rotation_enabled(), Some(true));
    assert_eq!(described.rotation_lambda_arn(), Some(FUNCTION));
    assert!(described.last_rotated_date().is_some());
    assert!(simulator.service.rotation_outcomes()[0].succeeded);
}

#[tokio::test]
async fn all_events_have_the_full_arn_and_one_rotation_token() {
    let simulator = rotating(|_| Ok(())).await;
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    let events = simulator.service.events();
    let token = events[0]["RotationToken"].as_str().expect("a token");
    assert!((36..=256).contains(&token.len()));
    for (event, step) in events.iter().zip(["createSecret", "setSecret", "testSecret", "finishSecret"]) {
        let arn = described.arn().expect("an ARN");
        let expected = json!({ "Step": step, "SecretId": arn, "ClientRequestToken": id(2), "RotationToken": token });
        assert_eq!(*event, expected);
    }
}

#[tokio::test]
async fn the_staged_version_is_empty_until_the_function_writes_it() {
    let gate = Arc::new(Semaphore::new(0));
    let simulator = Simulator::start().await.with_secret().await;
    let (client, waiting) = (simulator.client.clone(), Arc::clone(&gate));
    simulator.service.set_function(move |event: Value| {
        let (client, waiting) = (client.clone(), Arc::clone(&waiting));
        async move {
            waiting.acquire().await.map_err(failure)?.forget();
            step(&client, &event).await
        }
    });
    rotate(&simulator, 2).send().await.expect("it is started");
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: AWSPENDING"]);
    let listed = simulator.client.list_secret_version_ids().secret_id("s").send().await.expect("a list");
    assert_eq!(listed.versions().len(), 1, "only versions with a value are listed");
    let get = simulator.client.get_secret_value().secret_id("s").version_id(id(2)).version_stage("AWSPENDING");
    let text = "Secrets Manager can't find the specified secret value for staging label: AWSPENDING";
    assert_eq!(refused(get.send().await), ("ResourceNotFoundException".into(), text.to_owned()));
    // A repeated token is the rotation in progress. Another token is refused.
    rotate(&simulator, 2).send().await.expect("the same request");
    let (code, message) = refused(rotate(&simulator, 3).send().await);
    assert_eq!(code, "InvalidRequestException");
    assert_eq!(message, "A previous rotation isn't complete. That rotation will be reattempted.");
    // A RotationToken that was not in the event is refused.
    let put = || simulator.client.put_secret_value().secret_id("s").client_request_token(id(2)).secret_string("x");
    let forged = put().rotation_token("0".repeat(36)).version_stages("AWSPENDING").send().await;
    assert_eq!(super::code(forged), "AccessDeniedException");
    gate.add_permits(4);
    simulator.service.settled().await;
    assert_eq!(simulator.labels(), ["1: AWSPREVIOUS", "2: AWSCURRENT"]);
    assert_eq!(simulator.service.events().len(), 4);
}

#[tokio::test]
async fn a_failed_rotation_is_retried_with_the_same_version() {
    let failed = std::sync::atomic::AtomicBool::new(false);
    let simulator = rotating(move |event| {
        let first = event["Step"] == "testSecret" && !failed.swap(true, std::sync::atomic::Ordering::SeqCst);
        if first { Err(failure("once")) } else { Ok(()) }
    })
    .await;
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    let again = ["createSecret", "setSecret", "testSecret", "createSecret", "setSecret", "testSecret", "finishSecret"];
    assert_eq!(steps(&simulator), again);
    let events = simulator.service.events();
    assert_eq!(events[2]["ClientRequestToken"], events[3]["ClientRequestToken"]);
    assert_ne!(events[2]["RotationToken"], events[3]["RotationToken"]);
    let outcome = &simulator.service.rotation_outcomes()[0];
    assert!(outcome.succeeded);
    assert_eq!(outcome.failures, [("testSecret".to_owned(), failure("once"))]);
}

#[tokio::test]
async fn a_failed_rotation_keeps_the_pending_label_and_rotate_secret_retries_it() {
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let fails = Arc::clone(&broken);
    let simulator = rotating(move |event| {
        let fails = event["Step"] == "testSecret" && fails.load(std::sync::atomic::Ordering::SeqCst);
        if fails { Err(failure("always")) } else { Ok(()) }
    })
    .await;
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: AWSPENDING"]);
    assert_eq!(simulator.service.rotation_outcomes()[0].failures.len(), 3);
    broken.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(code(rotate(&simulator, 3).send().await), "InvalidRequestException");
    simulator.service.settled().await;
    assert_eq!(simulator.labels(), ["1: AWSPREVIOUS", "2: AWSCURRENT"]);
}

#[tokio::test]
async fn a_rotation_without_a_promotion_is_incomplete() {
    let simulator = Simulator::with(SecretsManagerSettings { retries: 0, ..SecretsManagerSettings::default() })
        .await
        .with_secret()
        .await;
    simulator.service.set_function(|_: Value| async { Ok(Value::Null) });
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    let outcome = &simulator.service.rotation_outcomes()[0];
    assert!(!outcome.succeeded);
    assert_eq!(outcome.failures[0].1.error_type, "RotationIncomplete");
}

#[tokio::test]
async fn a_panic_fails_the_rotation() {
    let simulator = Simulator::with(SecretsManagerSettings { retries: 0, ..SecretsManagerSettings::default() })
        .await
        .with_secret()
        .await;
    simulator.service.set_function(|_: Value| async { panic!("on purpose") });
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    assert_eq!(simulator.service.rotation_outcomes()[0].failures[0].1.error_type, "Runtime.Panic");
}

#[tokio::test]
async fn a_step_fails_at_the_timeout() {
    let settings = SecretsManagerSettings {
        retries: 0,
        function_timeout: Duration::from_millis(10),
        ..SecretsManagerSettings::default()
    };
    let simulator = Simulator::with(settings).await.with_secret().await;
    simulator.service.set_function(|_: Value| std::future::pending());
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    let failures = &simulator.service.rotation_outcomes()[0].failures;
    assert!(failures[0].1.message.ends_with("Task timed out after 0.01 seconds"), "{failures:?}");
}

#[tokio::test]
async fn without_rotate_immediately_a_copy_is_tested_and_removed() {
    let simulator = rotating(|_| Ok(())).await;
    let staged = simulator.service.clone();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let views = Arc::clone(&seen);
    simulator.service.set_function(move |_: Value| {
        views.lock().expect("not poisoned").extend(staged.versions("s"));
        async { Ok(Value::Null) }
    });
    rotate(&simulator, 2).rotate_immediately(false).send().await.expect("it is configured");
    simulator.service.settled().await;
    assert_eq!(steps(&simulator), ["testSecret"]);
    let seen = seen.lock().expect("not poisoned").clone();
    assert_eq!(seen[1].labels, ["AWSPENDING"]);
    assert_eq!(seen[1].value.as_deref(), Some("one"));
    assert_eq!(simulator.labels(), ["1: AWSCURRENT"]);
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.rotation_enabled(), Some(true));
    assert_eq!(described.last_rotated_date(), None);
}

#[tokio::test]
async fn a_synchronous_test_that_fails_refuses_and_removes_the_configuration() {
    let simulator = rotating(|_| Err(failure("no"))).await;
    simulator.service.set(|settings| settings.synchronous_tests = true);
    let (code, message) = refused(rotate(&simulator, 2).rotate_immediately(false).send().await);
    assert_eq!(code, "InvalidRequestException");
    assert!(message.ends_with("TestFailure: no"), "{message}");
    assert_eq!(simulator.labels(), ["1: AWSCURRENT"]);
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.rotation_enabled(), None);
}

#[tokio::test]
async fn the_test_of_a_configuration_is_asynchronous() {
    let simulator = rotating(|_| Err(failure("no"))).await;
    let accepted = rotate(&simulator, 2).rotate_immediately(false).send().await.expect("it is configured");
    assert_eq!(accepted.version_id(), Some(id(2).as_str()));
    simulator.service.settled().await;
    let outcomes = simulator.service.rotation_outcomes();
    assert_eq!(outcomes[0].failures, [("testSecret".to_owned(), failure("no"))]);
    assert_eq!(simulator.labels(), ["1: AWSCURRENT"]);
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.rotation_enabled(), Some(true));
}

/// The codes of puts by an assumed role during a rotation: to its version and to another one, each with and without the
/// RotationToken.
async fn puts_by_a_role(required: RotationTokenScope, elsewhere: bool) -> [bool; 4] {
    let simulator = Simulator::with(SecretsManagerSettings {
        rotation_token_required: required,
        rotation_token_elsewhere: elsewhere,
        ..SecretsManagerSettings::default()
    });
    let simulator = simulator.await.with_secret().await;
    let role = super::client_of(&simulator.url, "ASIAROLE");
    let results = Arc::new(std::sync::Mutex::new([false; 4]));
    let seen = Arc::clone(&results);
    simulator.service.set_function(move |event: Value| {
        let (role, seen) = (role.clone(), Arc::clone(&seen));
        async move {
            let token = event["RotationToken"].as_str().expect("a token").to_owned();
            let put = |version: u8, token: Option<String>| {
                let put = role.put_secret_value().secret_id("s").client_request_token(id(version)).secret_string("x");
                put.version_stages("MINE").set_rotation_token(token).send()
            };
            if event["Step"] == "createSecret" {
                let tries = [(3, None), (4, Some(token.clone())), (2, None), (2, Some(token))];
                for (index, (version, token)) in tries.into_iter().enumerate() {
                    let accepted = put(version, token).await.is_ok();
                    seen.lock().expect("not poisoned")[index] = accepted;
                }
            }
            Ok(Value::Null)
        }
    });
    simulator.service.set(|settings| settings.retries = 0);
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    *results.lock().expect("not poisoned")
}

#[tokio::test]
async fn an_assumed_role_must_send_the_rotation_token_where_the_settings_require_it() {
    use RotationTokenScope::{EveryVersion, Nothing, RotationVersion};
    for (required, elsewhere, accepted) in [
        (Nothing, true, [true, true, true, true]),
        (RotationVersion, true, [true, true, false, true]),
        (RotationVersion, false, [true, false, false, true]),
        (EveryVersion, true, [false, true, false, true]),
        (EveryVersion, false, [false, false, false, true]),
    ] {
        assert_eq!(puts_by_a_role(required, elsewhere).await, accepted, "{required:?} {elsewhere}");
    }
}

#[tokio::test]
async fn rotation_requires_a_function() {
    let simulator = Simulator::start().await.with_secret().await;
    let bare = || simulator.client.rotate_secret().secret_id("s");
    let text = "No Lambda rotation function ARN is associated with this secret.";
    assert_eq!(refused(bare().send().await), ("InvalidRequestException".into(), text.to_owned()));
    let (code, message) = refused(bare().rotation_lambda_arn(FUNCTION).send().await);
    assert_eq!(code, "AccessDeniedException");
    assert!(message.starts_with("Secrets Manager cannot invoke the specified Lambda function."), "{message}");
}

#[tokio::test]
async fn canceling_disables_rotation_and_keeps_the_pending_label() {
    let simulator = rotating(|event| if event["Step"] == "setSecret" { Err(failure("no")) } else { Ok(()) }).await;
    let cancel = || simulator.client.cancel_rotate_secret().secret_id("s").send();
    assert_eq!(code(cancel().await), "InvalidRequestException");
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    let cancelled = cancel().await.expect("it is cancelled");
    assert_eq!(cancelled.version_id(), Some(id(2).as_str()));
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: AWSPENDING"]);
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.rotation_enabled(), Some(false));
    assert_eq!(described.next_rotation_date(), None);
}

#[tokio::test]
async fn a_cancelled_rotation_has_no_last_date() {
    let simulator = rotating(|_| Ok(())).await;
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    let last = || async {
        let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
        described.last_rotated_date().copied()
    };
    assert!(last().await.is_some());
    simulator.client.cancel_rotate_secret().secret_id("s").send().await.expect("it is cancelled");
    assert_eq!(last().await, None);
}

#[tokio::test]
async fn canceling_during_a_step_prevents_the_next_one() {
    let simulator = Simulator::start().await.with_secret().await;
    let client = simulator.client.clone();
    simulator.service.set_function(move |_: Value| {
        let cancel = client.cancel_rotate_secret().secret_id("s").send();
        async move { cancel.await.map(|_| Value::Null).map_err(failure) }
    });
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    assert_eq!(steps(&simulator), ["createSecret"]);
    assert_eq!(simulator.service.rotation_outcomes()[0].failures[0].1.error_type, "RotationCancelled");
}

#[tokio::test]
async fn a_secret_without_rotation_has_no_rotation_fields() {
    let simulator = Simulator::start().await.with_secret().await;
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.rotation_enabled(), None);
    assert_eq!(described.rotation_rules(), None);
    assert_eq!(described.next_rotation_date(), None);
}

#[tokio::test]
async fn a_secret_without_any_value_can_be_rotated_into_one() {
    let settings = SecretsManagerSettings { retries: 0, ..SecretsManagerSettings::default() };
    let simulator = Simulator::with(settings).await;
    simulator.client.create_secret().name("s").send().await.expect("new");
    let client = simulator.client.clone();
    simulator.service.set_function(move |event: Value| {
        let client = client.clone();
        async move { step(&client, &event).await }
    });
    rotate(&simulator, 2).send().await.expect("it is started");
    simulator.service.settled().await;
    assert_eq!(simulator.labels(), ["2: AWSCURRENT"]);
}
