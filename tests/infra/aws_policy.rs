//! Compares the role's policy with the calls of the real function in every kind of rotation.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulators::genesys::OAuthClient;
use simulators::secrets_manager::Access;

use super::aws_world::{ADMIN, CREDENTIALS, FUNCTION_KEY, SECRET_VALUE, World, documents};
use super::iam::Policy;
use super::stack::{EVERYTHING, FUNCTION_ARN, stack, statements};

/// Runs every kind of rotation, including rotations that fail and discard a staged version.
async fn rotations_of_every_kind(stack: &Value) -> World {
    let world = World::start(stack).await;
    world.simulation.genesys.add_client(OAuthClient::new("alone", SECRET_VALUE));
    let credentials = |id: &str| json!({"region": "mypurecloud.ie", "client_id": id, "client_secret": SECRET_VALUE});
    world.create(CREDENTIALS, &credentials("mine")).await;
    let mut admin = credentials("admin");
    admin["rotates"] = json!(["mine", "other"]);
    world.create(ADMIN, &admin).await;
    world.create("genesys/edited", &credentials("mine")).await;
    assert!(world.rotate("genesys/edited", false).await, "the set-up test");
    world.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    assert!(!world.rotate("genesys/edited", true).await, "the rotation leaves a pending version");
    world.simulation.genesys.set(|settings| settings.reject_new_tokens = false);
    let edited = json!({"region": "mypurecloud.ie", "client_id": "mine", "client_secret": SECRET_VALUE, "new": 1});
    world
        .operator
        .put_secret_value()
        .secret_id("genesys/edited")
        .secret_string(edited.to_string())
        .send()
        .await
        .expect("edited");
    assert!(!world.rotate("genesys/edited", true).await, "the pending version is discarded");
    assert!(world.rotate("genesys/edited", true).await);
    for (name, document) in documents() {
        world.create(name, &document).await;
        for _ in 0..2 {
            assert!(
                world.rotate(name, true).await,
                "{name}: {:?}",
                world.simulation.secrets_manager.rotation_outcomes()
            );
        }
    }
    world
}

/// The stack with the options for credentials secrets.
fn with_credentials() -> Option<Value> {
    let options = EVERYTHING.iter().filter(|option| option.starts_with("Credentials") || option.starts_with("Admin"));
    stack(&options.copied().collect::<Vec<_>>())
}

#[tokio::test]
async fn the_policy_grants_exactly_the_calls_of_all_rotations() {
    let Some(stack) = with_credentials() else { return };
    let world = rotations_of_every_kind(&stack).await;
    let policy = Policy::of(&stack);
    let mut used = BTreeSet::new();
    for call in world.calls() {
        let allowing = policy.allowing(&call);
        assert_eq!(allowing.len(), 1, "{call:?}");
        used.insert((allowing[0].to_owned(), format!("secretsmanager:{}", call.action)));
    }
    assert_eq!(used, policy.granted());
    assert_eq!(used.len(), 7);
}

#[tokio::test]
async fn a_document_cannot_read_a_foreign_secret() {
    let Some(stack) = with_credentials() else { return };
    let world = World::start(&stack).await;
    let stranger = json!({"region": "mypurecloud.ie", "client_id": "mine", "client_secret": SECRET_VALUE});
    for place in ["genesys/stranger", "payroll/database"] {
        world.create(place, &stranger).await;
        let name = format!("genesys/{}", place.replace('/', "-"));
        world.create(&name, &json!({"region": "mypurecloud.ie", "credentials": place})).await;
        world.simulation.secrets_manager.forget_accesses();
        world.rotate(&name, true).await;
        let policy = Policy::of(&stack);
        let refused: Vec<_> = world.calls().into_iter().filter(|call| policy.allowing(call).is_empty()).collect();
        assert!(!refused.is_empty(), "{place}");
        assert!(
            refused.iter().all(|call| call.action == "GetSecretValue" && call.secret.contains(place)),
            "{refused:?}"
        );
    }
}

#[test]
fn other_secrets_and_actions_are_denied() {
    let (Some(plain), Some(everything)) = (with_credentials(), stack(&EVERYTHING)) else { return };
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf");
    let call = |action: &str, name: &str| Access {
        access_key: FUNCTION_KEY.to_owned(),
        action: action.to_owned(),
        secret: arn(name),
        version_stage: Some("AWSCURRENT".to_owned()),
        rotation_function: Some(FUNCTION_ARN.to_owned()),
        requested_function: None,
        tags: Vec::new(),
    };
    let other_function =
        Access { rotation_function: Some(format!("{FUNCTION_ARN}-2")), ..call("PutSecretValue", "genesys/x") };
    let not_attached = Access { rotation_function: None, ..call("GetSecretValue", "genesys/x") };
    let former = Access { version_stage: Some("AWSPREVIOUS".to_owned()), ..call("GetSecretValue", CREDENTIALS) };
    let tagged =
        Access { tags: vec![("genesys-rotator".to_owned(), "ours".to_owned())], ..call("PutSecretValue", "genesys/x") };
    let (policy, with_tag) = (Policy::of(&plain), Policy::of(&everything));
    assert_eq!(policy.allowing(&call("PutSecretValue", "genesys/x")), ["RotateAttachedSecrets"]);
    assert_eq!(policy.allowing(&call("GetSecretValue", CREDENTIALS)), ["ReadCredentials"]);
    assert_eq!(with_tag.allowing(&tagged), ["RotateAttachedSecrets"]);
    for closed in [
        call("PutSecretValue", "genesi/x"),
        call("DeleteSecret", "genesys/x"),
        call("RotateSecret", "genesys/x"),
        call("PutSecretValue", CREDENTIALS),
        call("DescribeSecret", ADMIN),
        other_function,
        not_attached,
        former,
    ] {
        assert_eq!(policy.allowing(&closed), [""; 0], "{closed:?}");
    }
    assert_eq!(with_tag.allowing(&call("PutSecretValue", "genesys/x")), [""; 0], "the tag is missing");
}

#[tokio::test]
async fn the_schedule_rotates_its_secret() {
    let Some(stack) = stack(&["FirstSecret=cxone", "RotateEveryMinutes=30"]) else { return };
    let target = &stack["Resources"]["RotationTimer"]["Properties"]["Target"];
    assert_eq!(target["Arn"], "arn:aws:scheduler:::aws-sdk:secretsmanager:rotateSecret");
    let world = World::start(&stack).await;
    let cxone = documents().into_iter().find(|(name, _)| *name == "genesys/cxone").expect("a document").1;
    world.create("genesys/cxone", &cxone).await;
    assert!(world.rotate("genesys/cxone", true).await);
    // With any scheduler id, the version id has a length that Secrets Manager accepts.
    for id in ["d32c5kddcf5bb8c3", "0123", "11111111-2222-3333-4444-555555555555"] {
        let input = target["Input"].as_str().expect("text").replace("<aws.scheduler.execution-id>", id);
        let input: Value = serde_json::from_str(&input).expect("JSON");
        assert_eq!(input["SecretId"], "arn:aws:secretsmanager:us-east-1:000000000000:secret:genesys/cxone-AbCdEf");
        let token = input["ClientRequestToken"].as_str().expect("a token");
        let rotate = world.operator.rotate_secret().secret_id("genesys/cxone").client_request_token(token);
        rotate.send().await.expect("it is accepted");
        world.simulation.secrets_manager.settled().await;
        let outcome = world.simulation.secrets_manager.rotation_outcomes().pop().expect("a rotation");
        assert!(outcome.succeeded && outcome.version_id == token, "{outcome:?}");
    }
    let allowed: Vec<_> = statements(&stack, "RotationTimerRole")
        .iter()
        .map(|statement| (statement["Action"].to_string(), statement["Resource"].to_string()))
        .collect();
    let secret = r#""arn:aws:secretsmanager:us-east-1:000000000000:secret:genesys/cxone-AbCdEf""#;
    let expected =
        [(r#""secretsmanager:RotateSecret""#, secret), (r#""lambda:InvokeFunction""#, &format!("[{FUNCTION_ARN:?}]"))];
    assert_eq!(allowed, expected.map(|(action, resource)| (action.to_owned(), resource.to_owned())));
}

/// Secrets Manager compares the whole ARN that a secret is attached to.
#[tokio::test]
async fn with_an_alias_secrets_may_be_attached_to_the_function_and_to_the_alias() {
    let (Some(plain), Some(stack)) = (stack(&[]), stack(&["Alias=live"])) else { return };
    let world = World::start(&stack).await;
    world.create("genesys/plain", &documents()[0].1).await;
    assert!(world.rotate("genesys/plain", true).await);
    let qualified = format!("{FUNCTION_ARN}:live");
    let attach = world.operator.rotate_secret().secret_id("genesys/plain").rotation_lambda_arn(&qualified);
    let attach = attach.client_request_token(uuid::Uuid::new_v4().to_string());
    attach.send().await.expect("it is attached");
    world.simulation.secrets_manager.settled().await;
    assert!(world.simulation.secrets_manager.rotation_outcomes().iter().all(|outcome| outcome.succeeded));
    let (policy, without) = (Policy::of(&stack), Policy::of(&plain));
    let mut functions = BTreeSet::new();
    for call in world.calls() {
        assert_eq!(policy.allowing(&call), ["RotateAttachedSecrets"], "{call:?}");
        let is_qualified = call.rotation_function.as_ref() == Some(&qualified);
        assert_eq!(without.allowing(&call).is_empty(), is_qualified, "{call:?}");
        functions.insert(call.rotation_function);
    }
    assert_eq!(functions.len(), 2);
    let other = Access { rotation_function: Some(format!("{FUNCTION_ARN}:other")), ..world.calls().remove(0) };
    assert_eq!(policy.allowing(&other), [""; 0]);
}

/// The simulator rejects writes of the function's role without the RotationToken of the event.
#[tokio::test]
async fn secrets_of_another_account_need_the_same_calls() {
    let Some(stack) = stack(&EVERYTHING) else { return };
    let world = World::start(&stack).await;
    world.simulation.genesys.add_client(OAuthClient::new("alone", SECRET_VALUE));
    for (name, document) in documents() {
        if ["genesys/plain", "genesys/in-place"].contains(&name) {
            world.create(name, &document).await;
            assert!(world.rotate(name, true).await, "{name}");
        }
    }
    let policy = Policy::of(&stack);
    for call in world.calls() {
        let secret = "arn:aws:secretsmanager:us-east-1:111111111111:secret:genesys/token-AbCdEf".to_owned();
        let there = Access { secret, rotation_function: None, ..call };
        assert_eq!(policy.allowing(&there), ["RotateSecretsOfOtherAccounts"], "{there:?}");
    }
}
