//! Values: CreateSecret, PutSecretValue, UpdateSecret, GetSecretValue, BatchGetSecretValue.

use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::ReplicaRegionType;
use simulators::secrets_manager::SecretsManagerSettings;

use super::{Simulator, code, id, refused};

#[tokio::test]
async fn a_new_secret_has_one_current_version() {
    let simulator = Simulator::start().await.with_secret().await;
    let value = simulator.client.get_secret_value().secret_id("s").send().await.expect("it exists");
    assert_eq!(value.secret_string(), Some("one"));
    assert_eq!(value.version_id(), Some(id(1).as_str()));
    assert_eq!(value.version_stages(), ["AWSCURRENT"]);
    let arn = value.arn().expect("an ARN");
    let suffix = arn.strip_prefix("arn:aws:secretsmanager:us-east-1:000000000000:secret:s-").expect("its form");
    assert!(suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_alphabetic()), "{suffix}");
}

#[tokio::test]
async fn a_secret_is_found_by_name_arn_and_partial_arn() {
    let simulator = Simulator::start().await.with_secret().await;
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    let arn = described.arn().expect("an ARN").to_owned();
    let partial = arn[..arn.len() - 7].to_owned();
    for name in [arn, partial] {
        let found = simulator.client.get_secret_value().secret_id(name).send().await.expect("it is found");
        assert_eq!(found.name(), Some("s"));
    }
    let absent = refused(simulator.client.get_secret_value().secret_id("t").send().await);
    assert_eq!(
        absent,
        ("ResourceNotFoundException".into(), "Secrets Manager can't find the specified secret.".to_owned())
    );
}

#[tokio::test]
async fn a_put_without_labels_moves_current_and_previous() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.put(2, "two", &[]).await;
    simulator.put(3, "three", &[]).await;
    assert_eq!(simulator.labels(), ["1: ", "2: AWSPREVIOUS", "3: AWSCURRENT"]);
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    let listed = described.version_ids_to_stages().expect("versions");
    assert!(!listed.contains_key(&id(1)), "a version without a label is listed");
}

#[tokio::test]
async fn a_repeated_put_is_ignored_and_another_value_is_a_conflict() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.put(2, "two", &["AWSPENDING"]).await;
    // The repeated request is ignored, labels included.
    simulator.put(2, "two", &["AWSCURRENT"]).await;
    assert_eq!(simulator.labels(), ["1: AWSCURRENT", "2: AWSPENDING"]);
    let other = simulator.client.put_secret_value().secret_id("s").client_request_token(id(2)).secret_string("zwei");
    let (code, message) = refused(other.send().await);
    assert_eq!(code, "ResourceExistsException");
    assert!(message.starts_with(&format!("You can't use ClientRequestToken {}", id(2))), "{message}");
    assert!(!message.contains("zwei"), "the value is in the message");
}

#[tokio::test]
async fn create_is_idempotent_for_the_same_token_and_value() {
    let simulator = Simulator::start().await.with_secret().await;
    let create = || simulator.client.create_secret().name("s");
    create().client_request_token(id(1)).secret_string("one").send().await.expect("the same request");
    let (code, message) = refused(create().client_request_token(id(2)).secret_string("one").send().await);
    assert_eq!(code, "ResourceExistsException");
    assert_eq!(message, "The operation failed because the secret s already exists.");
}

#[tokio::test]
async fn values_are_limited_to_65536_bytes() {
    let simulator = Simulator::start().await.with_secret().await;
    // Two bytes per character: the limit is in bytes.
    simulator.put(2, &"ü".repeat(32_768), &[]).await;
    let longer = simulator.client.put_secret_value().secret_id("s").secret_string("ü".repeat(32_769));
    let (code, message) = refused(longer.send().await);
    assert_eq!(code, "ValidationException");
    assert!(message.len() < 200, "the value is in the message");
}

#[tokio::test]
async fn a_binary_value_is_returned_unchanged() {
    let simulator = Simulator::start().await.with_secret().await;
    let bytes = Blob::new([0_u8, 1, 255]);
    simulator.client.put_secret_value().secret_id("s").secret_binary(bytes.clone()).send().await.expect("it is put");
    let value = simulator.client.get_secret_value().secret_id("s").send().await.expect("it exists");
    assert_eq!(value.secret_binary(), Some(&bytes));
    let both = simulator.client.put_secret_value().secret_id("s").secret_string("x").secret_binary(bytes);
    assert_eq!(code(both.send().await), "InvalidParameterException");
}

#[tokio::test]
async fn tokens_have_32_to_64_characters() {
    let simulator = Simulator::start().await.with_secret().await;
    for token in ["x".repeat(31), "x".repeat(65)] {
        let put = simulator.client.put_secret_value().secret_id("s").client_request_token(token).secret_string("two");
        assert_eq!(code(put.send().await), "ValidationException");
    }
    for (version, token) in [("y".repeat(32), "32"), ("y".repeat(64), "64")] {
        let put = simulator.client.put_secret_value().secret_id("s").client_request_token(version).secret_string(token);
        put.send().await.expect("it is accepted");
    }
}

#[tokio::test]
async fn names_have_letters_digits_and_some_punctuation() {
    let simulator = Simulator::start().await;
    let create = |name: &str| simulator.client.create_secret().name(name).secret_string("x").send();
    create("team/prod_+=.@-1").await.expect("a name");
    let (code, message) = refused(create("with spaces").await);
    assert_eq!(code, "ValidationException");
    assert!(message.starts_with("Invalid name. Must be a valid name"), "{message}");
}

#[tokio::test]
async fn version_and_label_must_match() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.put(2, "two", &["AWSPENDING"]).await;
    let get = || simulator.client.get_secret_value().secret_id("s");
    let both = get().version_id(id(2)).version_stage("AWSPENDING").send().await.expect("they match");
    assert_eq!(both.secret_string(), Some("two"));
    let mismatch = refused(get().version_id(id(2)).version_stage("AWSCURRENT").send().await);
    let text = "You provided a VersionStage that is not associated to the provided VersionId.";
    assert_eq!(mismatch, ("InvalidRequestException".into(), text.to_owned()));
    let (kind, message) = refused(get().version_id(id(9)).send().await);
    assert_eq!(kind, "ResourceNotFoundException");
    assert_eq!(message, format!("Secrets Manager can't find the specified secret value for VersionId: {}", id(9)));
    let (_, message) = refused(get().version_stage("AWSPREVIOUS").send().await);
    assert_eq!(message, "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS");
}

#[tokio::test]
async fn a_secret_without_a_value_has_no_versions() {
    let simulator = Simulator::start().await;
    let created = simulator.client.create_secret().name("s").send().await.expect("new");
    assert_eq!(created.version_id(), None);
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.version_ids_to_stages(), None);
    assert_eq!(code(simulator.client.get_secret_value().secret_id("s").send().await), "ResourceNotFoundException");
    simulator.put(1, "one", &["MINE"]).await;
    assert_eq!(simulator.labels(), ["1: AWSCURRENT MINE"]);
}

#[tokio::test]
async fn updating_the_description_creates_no_version() {
    let simulator = Simulator::start().await.with_secret().await;
    let update = || simulator.client.update_secret().secret_id("s");
    let updated = update().description("what it is").send().await.expect("updated");
    assert_eq!(updated.version_id(), None);
    let updated = update().secret_string("two").client_request_token(id(2)).send().await.expect("updated");
    assert_eq!(updated.version_id(), Some(id(2).as_str()));
    assert_eq!(simulator.labels(), ["1: AWSPREVIOUS", "2: AWSCURRENT"]);
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.description(), Some("what it is"));
}

#[tokio::test]
async fn an_update_with_a_used_token_is_refused_even_with_the_same_value() {
    let simulator = Simulator::start().await.with_secret().await;
    for value in ["one", "two"] {
        let update = simulator.client.update_secret().secret_id("s").client_request_token(id(1)).secret_string(value);
        assert_eq!(code(update.send().await), "ResourceExistsException", "{value}");
    }
}

#[tokio::test]
async fn members_without_an_effect_are_refused() {
    let simulator = Simulator::start().await.with_secret().await;
    let create = || simulator.client.create_secret().name("t").secret_string("x");
    let region = ReplicaRegionType::builder().region("eu-west-1").build();
    assert_eq!(code(create().add_replica_regions(region).send().await), "InvalidParameterException");
    assert_eq!(code(create().r#type("partner").send().await), "InvalidParameterException");
    let update = simulator.client.update_secret().secret_id("s").r#type("partner").send().await;
    assert_eq!(code(update), "InvalidParameterException");
    let rotate = simulator.client.rotate_secret().secret_id("s").external_secret_rotation_role_arn("x".repeat(20));
    assert_eq!(code(rotate.send().await), "InvalidParameterException");
    create().force_overwrite_replica_secret(true).send().await.expect("there is nothing to overwrite");
}

#[tokio::test]
async fn stale_reads_return_the_state_before_the_last_write() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.service.set(|settings| settings.stale_reads = 2);
    simulator.put(2, "two", &[]).await;
    let get = || simulator.client.get_secret_value().secret_id("s").send();
    assert_eq!(get().await.expect("it exists").secret_string(), Some("one"));
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert!(!described.version_ids_to_stages().expect("versions").contains_key(&id(2)));
    assert_eq!(get().await.expect("it exists").secret_string(), Some("two"));
}

#[tokio::test]
async fn a_secret_has_at_most_100_versions_per_day() {
    let simulator =
        Simulator::with(SecretsManagerSettings { writes_per_second: None, ..SecretsManagerSettings::default() })
            .await
            .with_secret()
            .await;
    for number in 2..=100 {
        let put = simulator.client.put_secret_value().secret_id("s").secret_string(format!("value {number}"));
        put.send().await.expect("it is put");
    }
    let one_more = || simulator.client.put_secret_value().secret_id("s").secret_string("one more").send();
    assert_eq!(code(one_more().await), "LimitExceededException");
    simulator.service.advance(std::time::Duration::from_secs(25 * 3600));
    one_more().await.expect("the oldest one was removed");
    assert_eq!(simulator.service.versions("s").len(), 100);
}

#[tokio::test]
async fn a_batch_returns_values_and_errors() {
    let simulator = Simulator::start().await.with_secret().await;
    let batch = simulator.client.batch_get_secret_value();
    let answer = batch.secret_id_list("s").secret_id_list("absent").send().await.expect("an answer");
    assert_eq!(answer.secret_values()[0].secret_string(), Some("one"));
    assert_eq!(answer.errors()[0].error_code(), Some("ResourceNotFoundException"));
    assert_eq!(answer.errors()[0].secret_id(), Some("absent"));
}
