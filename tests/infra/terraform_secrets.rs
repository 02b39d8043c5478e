//! The module's maps of secrets and accounts, and the module in Terraform itself.

use std::process::Command;

use serde_json::{Value, json};

use super::aws_world::{CREDENTIALS, SECRET_VALUE, World};
use super::stack::{list, of_type, repository, secret_stack, stack};
use super::terraform::{made, module};
use super::terraform_form::{alarm, rotation, secret};

#[test]
fn a_secret_of_the_module_matches_a_secret_with_its_own_stack() {
    let options =
        ["Name=genesys/eu/prod", "AttachRotation=yes", "RotationWindow=3h", "HoursWithoutSuccess=8", "KmsKeyArn=k"];
    let options: Vec<_> = options.into_iter().chain(["RequiredTag=ours", "Alias=live"]).collect();
    let Some(stack) = secret_stack(&options) else { return };
    let fields = json!({"attach_rotation": true, "window": "3h", "hours_without_success": 8, "kms_key_arn": "k"});
    let secrets = format!("secrets={}", json!({ "eu/prod": fields }));
    let Some(module) = module(&[secrets, "required_tag=ours".to_owned(), "alias=live".to_owned()]) else { return };
    let here = |kind: &str| of_type(&stack, kind)[0].1.clone();
    let there = |name: &str| &module["resources"][format!("{name}[eu/prod]")];
    let secret = "aws_secretsmanager_secret.this";
    assert_eq!(secret::of_template(&here("AWS::SecretsManager::Secret")), secret::of_module(there(secret)));
    let rotation = "aws_secretsmanager_secret_rotation.this";
    assert_eq!(
        rotation::of_template(&here("AWS::SecretsManager::RotationSchedule")),
        rotation::of_module(there(rotation))
    );
    let alarm = "aws_cloudwatch_metric_alarm.secret";
    assert_eq!(alarm::of_template(&here("AWS::CloudWatch::Alarm")), alarm::of_module(there(alarm)));
}

/// A version with another label than AWSCURRENT is current only if the secret has no other version.
#[test]
fn a_document_is_only_an_initial_value() {
    let document = json!({ "region": "mypurecloud.ie", "credentials": "other/credentials" }).to_string();
    let secrets = json!({ "token": { "document": document, "attach_rotation": true } });
    let Some(module) = module(&[format!("secrets={secrets}")]) else { return };
    let version = &module["resources"]["aws_secretsmanager_secret_version.document[token]"];
    assert_eq!(version["version_stages"], json!(["INITIAL_DOCUMENT"]));
    assert_eq!(version["secret_string"], document);
    let text = std::fs::read_to_string(repository("infra/terraform/secrets.tf")).expect("the file");
    assert!(text.contains("ignore_changes = [secret_string, version_stages]"));
    let attached = text.split("resource ").find(|part| part.starts_with("\"aws_secretsmanager_secret_rotation\""));
    assert!(
        attached.expect("a resource").contains("aws_secretsmanager_secret_version.document]"),
        "it follows the value"
    );
}

#[test]
fn each_other_account_may_call_the_function_and_its_alias_only_for_itself() {
    let secret = |account: &str| format!("arn:aws:secretsmanager:us-east-1:{account}:secret:genesys/x-AbCdEf");
    let (one, two) = ("111111111111", "222222222222");
    let accounts = json!({ one: [secret(one)], two: [secret(two)] });
    let Some(module) = module(&[format!("other_accounts={accounts}"), "alias=live".to_owned()]) else { return };
    let mut calls: Vec<_> = made(&module, "aws_lambda_permission")
        .into_iter()
        .map(|permission| (permission["source_account"].to_string(), permission["qualifier"].to_string()))
        .collect();
    calls.sort();
    let expected = ["000000000000", one, two]
        .into_iter()
        .flat_map(|account| [r#""live""#, "null"].map(|qualifier| (format!("{account:?}"), qualifier.to_owned())));
    assert_eq!(calls, expected.collect::<Vec<_>>());
    let policy = list(&module["resources"]["aws_iam_role_policy.function"]["policy"]["Statement"]);
    let statement = policy.into_iter().find(|one| one["sid"] == "RotateSecretsOfOtherAccounts").expect("a statement");
    assert_eq!(statement["resources"], json!([secret(one), secret(two)]));
}

/// `TERRAFORM` names the program. Without a network, `TF_CLI_ARGS_init=-plugin-dir=…` names a directory with the AWS provider.
#[test]
#[expect(clippy::disallowed_methods, reason = "the caller names the program")]
fn terraform_accepts_the_module() {
    let Some(terraform) = std::env::var_os("TERRAFORM") else { return };
    let place = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(place.path().join("tests")).expect("a directory");
    for folder in ["", "tests"] {
        for entry in std::fs::read_dir(repository("infra/terraform").join(folder)).expect("a directory").flatten() {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), place.path().join(folder).join(entry.file_name())).expect("a copy");
            }
        }
    }
    for arguments in
        [&["fmt", "-check", "-diff", "-recursive"][..], &["init", "-backend=false"], &["validate"], &["test"]]
    {
        let mut command = Command::new(&terraform);
        super::stdout(&command.args(arguments).current_dir(place.path()).output().expect("it runs"));
    }
}

/// The calls of Terraform's provider for `aws_secretsmanager_secret_version.document`, beside the real function.
#[tokio::test]
async fn a_document_that_terraform_stores_again_replaces_no_rotated_value() {
    let Some(stack) = stack(&["CredentialsSecretArns=other/credentials"]) else { return };
    let world = World::start(&stack).await;
    let credentials = json!({"region": "mypurecloud.ie", "client_id": "mine", "client_secret": SECRET_VALUE});
    world.create(CREDENTIALS, &credentials).await;
    let name = "genesys/sales";
    world.operator.create_secret().name(name).send().await.expect("an empty secret");
    let store = async |region: &str| {
        let document = json!({"region": region, "credentials": CREDENTIALS}).to_string();
        let put = world.operator.put_secret_value().secret_id(name).secret_string(document);
        put.version_stages("INITIAL_DOCUMENT").send().await.expect("it is stored");
    };
    let current = || {
        let versions = world.simulation.secrets_manager.versions(name).into_iter();
        let mut current = versions.filter(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
        current.next().expect("a current version")
    };
    store("mypurecloud.ie").await;
    assert_eq!(current().labels, ["AWSCURRENT", "INITIAL_DOCUMENT"]);
    assert!(world.rotate(name, true).await && world.rotate(name, true).await);
    let rotated = current();
    assert_eq!(rotated.labels, ["AWSCURRENT"]);
    store("mypurecloud.de").await;
    assert!(current() == rotated, "readers keep the rotated value");
    // During a rotation: its version is pending.
    world.simulation.genesys.set(|settings| settings.token_owner = Some("other".to_owned()));
    assert!(!world.rotate(name, true).await);
    store("mypurecloud.jp").await;
    world.simulation.genesys.set(|settings| settings.token_owner = None);
    // Secrets Manager answers that a rotation is not complete, and retries it.
    assert!(!world.rotate(name, true).await);
    assert!(world.simulation.secrets_manager.rotation_outcomes().last().is_some_and(|outcome| outcome.succeeded));
    let document: Value = serde_json::from_str(&current().value.expect("a value")).expect("JSON");
    assert_eq!(document["region"], "mypurecloud.ie");
    assert!(document["access_token"].is_string() && current() != rotated);
}
