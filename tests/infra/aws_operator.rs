//! Compares the policy of the operators' role with the calls of the real commands.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::{Value, json};
use simulators::secrets_manager::Access;

use super::aws_world::{ADMIN, CREDENTIALS, SECRET_VALUE, World, documents};
use super::iam::Policy;
use super::stack::{EVERYTHING, FUNCTION_ARN, stack, statements};
use super::{ROTATOR, output};

/// The access key of an operator.
const KEY: &str = "ASIAONCALL0000000000";

/// The stack with the options for credentials secrets and operators.
fn with_operators() -> Option<Value> {
    let wanted = ["Credentials", "Admin", "Operator"];
    let options = EVERYTHING.iter().filter(|option| wanted.iter().any(|name| option.starts_with(name)));
    stack(&options.copied().collect::<Vec<_>>())
}

/// Runs a command as an operator.
async fn run(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(ROTATOR);
    let platform = world.simulation.genesys_url();
    command.args(arguments).env_clear();
    command.env("ROTATOR_LOGIN_URL", &platform).env("ROTATOR_API_URL", &platform);
    command.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", world.simulation.secrets_manager_url());
    command.env("AWS_REGION", "us-east-1").env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", "on-call");
    output(command).await
}

/// The calls of the operator.
fn calls(world: &World) -> Vec<Access> {
    world.simulation.secrets_manager.accesses().into_iter().filter(|call| call.access_key == KEY).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_role_grants_exactly_the_calls_of_rotate_status_and_check() {
    let Some(stack) = with_operators() else { return };
    let world = World::start(&stack).await;
    let credentials = |id: &str| json!({"region": "mypurecloud.ie", "client_id": id, "client_secret": SECRET_VALUE});
    world.create(CREDENTIALS, &credentials("mine")).await;
    let mut admin = credentials("admin");
    admin["rotates"] = json!(["mine", "other"]);
    world.create(ADMIN, &admin).await;
    let kinds = ["genesys/plain", "genesys/elsewhere", "genesys/alternating"];
    for (name, document) in documents().into_iter().filter(|(name, _)| kinds.contains(name)) {
        world.create(name, &document).await;
        assert!(world.rotate(name, true).await, "{name}");
    }
    for arguments in [
        &["status"][..],
        &["status", "--wide", "--all", "--prefix", "genesys/"],
        &["check", "genesys/plain", "genesys/elsewhere", "genesys/alternating"],
        &["rotate", "genesys/plain", "--revoke-previous", "--yes"],
        &["rotate", "--all", "--prefix", "genesys/e", "--rotation-function", FUNCTION_ARN, "--yes"],
        &["rotate", "--dry-run", "genesys/plain"],
    ] {
        let done = run(&world, arguments).await;
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    // A rotation that stored a value and then failed.
    world.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    assert!(!world.rotate("genesys/plain", true).await);
    assert!(run(&world, &["status", "genesys/plain"]).await.status.success());
    let (policy, mut used) = (Policy::of_operators(&stack), BTreeSet::new());
    for call in calls(&world) {
        let allowing = policy.allowing(&call);
        assert_eq!(allowing.len(), 1, "{call:?}");
        used.insert((allowing[0].to_owned(), format!("secretsmanager:{}", call.action)));
    }
    assert_eq!(used, policy.granted());
}

#[test]
fn operators_cannot_attach_edit_or_reach_other_secrets() {
    let Some(stack) = with_operators() else { return };
    let policy = Policy::of_operators(&stack);
    let call = |action: &str, name: &str| Access {
        access_key: KEY.to_owned(),
        action: action.to_owned(),
        secret: format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf"),
        version_stage: None,
        rotation_function: Some(FUNCTION_ARN.to_owned()),
        requested_function: None,
        tags: Vec::new(),
    };
    let rotate = call("RotateSecret", "genesys/x");
    let elsewhere = FUNCTION_ARN.replace("us-east-1", "eu-west-1");
    let in_another_region = Access {
        secret: rotate.secret.replace("us-east-1", "eu-west-1"),
        rotation_function: Some(elsewhere),
        ..rotate.clone()
    };
    for allowed in [&rotate, &in_another_region] {
        assert_eq!(policy.allowing(allowed), ["RotateAttachedSecrets"], "{allowed:?}");
    }
    let account = rotate.secret.replace("000000000000", "111111111111");
    for denied in [
        Access { requested_function: Some(FUNCTION_ARN.to_owned()), ..rotate.clone() },
        Access { rotation_function: Some(format!("{FUNCTION_ARN}-2")), ..rotate.clone() },
        Access { rotation_function: None, ..rotate.clone() },
        Access { secret: account, ..rotate.clone() },
        call("RotateSecret", "payroll/x"),
        call("GetSecretValue", "payroll/x"),
        call("PutSecretValue", "genesys/x"),
        call("UpdateSecretVersionStage", "genesys/x"),
        call("CancelRotateSecret", "genesys/x"),
        call("DescribeSecret", CREDENTIALS),
    ] {
        assert_eq!(policy.allowing(&denied), [""; 0], "{denied:?}");
    }
}

/// `rotate`, `status` and `check` assume this role by default in another account.
#[test]
fn the_operators_role_has_a_fixed_name_and_only_named_principals() {
    let Some(stack) = with_operators() else { return };
    let role = &stack["Resources"]["OperatorRole"]["Properties"];
    assert_eq!(role["RoleName"], "genesys-rotator-operator");
    let trust = &role["AssumeRolePolicyDocument"]["Statement"];
    let principal = json!({"AWS": ["arn:aws:iam::000000000000:role/on-call"]});
    assert_eq!((trust.as_array().map(Vec::len), &trust[0]["Principal"]), (Some(1), &principal));
    assert!(statements(&stack, "OperatorRole").iter().all(|statement| statement["Effect"] == "Allow"));
}
