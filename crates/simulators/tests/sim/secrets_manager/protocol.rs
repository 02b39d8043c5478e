//! The protocol: answers, errors and signatures.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use simulators::secrets_manager::SecretsManagerSettings;

use super::{Simulator, code, refused};

pub(super) const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/secretsmanager/aws4_request, \
                         SignedHeaders=host;x-amz-date, Signature=0123456789abcdef";

pub(super) struct Answered {
    pub(super) status: u16,
    content_type: String,
    request_id: String,
    pub(super) body: Value,
}

pub(super) async fn post(simulator: &Simulator, action: &str, signature: Option<&str>, body: &str) -> Answered {
    let mut request = reqwest::Client::new()
        .post(&simulator.url)
        .header("x-amz-target", format!("secretsmanager.{action}"))
        .header("content-type", "application/x-amz-json-1.1")
        .body(body.to_owned());
    if let Some(signature) = signature {
        request = request.header("authorization", signature);
    }
    let answer = request.send().await.expect("an answer");
    let field =
        |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Answered {
        status: answer.status().as_u16(),
        content_type: field("content-type"),
        request_id: field("x-amzn-RequestId"),
        body: answer.json().await.expect("JSON"),
    }
}

#[tokio::test]
async fn answers_are_aws_json_with_a_request_id() {
    let simulator = Simulator::start().await.with_secret().await;
    let answer = post(&simulator, "GetSecretValue", Some(SIGNATURE), r#"{"SecretId":"s"}"#).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.content_type, "application/x-amz-json-1.1");
    assert_eq!(answer.request_id.len(), 36);
    assert!(answer.body["CreatedDate"].is_f64(), "{}", answer.body["CreatedDate"]);
}

#[tokio::test]
async fn errors_have_a_type_and_a_message() {
    let simulator = Simulator::start().await;
    let answer = post(&simulator, "DescribeSecret", Some(SIGNATURE), r#"{"SecretId":"absent"}"#).await;
    assert_eq!(answer.status, 400);
    let message = "Secrets Manager can't find the specified secret.";
    assert_eq!(answer.body, json!({ "__type": "ResourceNotFoundException", "Message": message }));
}

#[tokio::test]
async fn a_request_must_be_signed_for_this_service() {
    let simulator = Simulator::start().await.with_secret().await;
    let get = |signature| post(&simulator, "GetSecretValue", signature, r#"{"SecretId":"s"}"#);
    assert_eq!(get(None).await.body["__type"], "MissingAuthenticationTokenException");
    assert_eq!(get(Some("Bearer x")).await.body["__type"], "IncompleteSignatureException");
    let other = SIGNATURE.replace("secretsmanager", "s3");
    assert_eq!(get(Some(&other)).await.body["__type"], "InvalidSignatureException");
}

#[tokio::test]
async fn unknown_actions_and_invalid_bodies_have_their_own_errors() {
    let simulator = Simulator::start().await;
    let kind =
        async |action: &str, body: &str| post(&simulator, action, Some(SIGNATURE), body).await.body["__type"].clone();
    assert_eq!(kind("RotateEverything", "{}").await, "UnknownOperationException");
    assert_eq!(kind("DescribeSecret", "{").await, "SerializationException");
    assert_eq!(kind("DescribeSecret", "[]").await, "SerializationException");
    assert_eq!(kind("DescribeSecret", r#"{"SecretId":7}"#).await, "SerializationException");
    assert_eq!(kind("DescribeSecret", "{}").await, "ValidationException");
}

#[tokio::test]
async fn the_service_does_not_generate_a_missing_token() {
    let simulator = Simulator::start().await.with_secret().await;
    let text = "You must provide a ClientRequestToken value. We recommend a UUID-type value.";
    let put = post(&simulator, "PutSecretValue", Some(SIGNATURE), r#"{"SecretId":"s","SecretString":"x"}"#).await;
    assert_eq!(put.body, json!({ "__type": "InvalidRequestException", "Message": text }));
    let rotate = post(&simulator, "RotateSecret", Some(SIGNATURE), r#"{"SecretId":"s"}"#).await;
    assert_eq!(rotate.body, json!({ "__type": "InvalidParameterException", "Message": text }));
}

#[tokio::test]
async fn an_access_denied_error_names_caller_action_and_resource() {
    let denied = BTreeSet::from(["PutSecretValue".to_owned()]);
    let simulator = Simulator::with(SecretsManagerSettings { denied, ..SecretsManagerSettings::default() })
        .await
        .with_secret()
        .await;
    let put = simulator.client.put_secret_value().secret_id("s").secret_string("x").send().await;
    let (code, message) = refused(put);
    assert_eq!(code, "AccessDeniedException");
    assert!(message.starts_with("User: arn:aws:sts::000000000000:assumed-role/"), "{message}");
    let arn = ":secret:s-";
    assert!(
        message.contains("not authorized to perform: secretsmanager:PutSecretValue on resource: arn:"),
        "{message}"
    );
    assert!(message.contains(arn), "{message}");
    assert!(
        message.ends_with("because no identity-based policy allows the secretsmanager:PutSecretValue action"),
        "{message}"
    );
}

#[tokio::test]
async fn only_writes_over_the_rate_are_throttled() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.service.set(|settings| settings.writes_per_second = Some(0));
    let put = || simulator.client.put_secret_value().secret_id("s").secret_string("x").send();
    assert_eq!(refused(put().await), ("ThrottlingException".into(), "Rate exceeded".to_owned()));
    simulator.client.get_secret_value().secret_id("s").send().await.expect("reads go on");
    simulator.service.set(|settings| settings.writes_per_second = Some(1));
    put().await.expect("the first in its second");
    // Real time passes as well, so the second write could be in the next second.
    simulator.service.set(|settings| settings.writes_per_second = Some(0));
    assert_eq!(code(put().await), "ThrottlingException");
    simulator.service.advance(Duration::from_secs(1));
    simulator.service.set(|settings| settings.writes_per_second = Some(1));
    put().await.expect("the first in the next second");
}

#[tokio::test]
async fn signed_calls_are_recorded_also_when_denied() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.service.set(|settings| settings.denied = BTreeSet::from(["GetSecretValue".to_owned()]));
    simulator.service.forget_accesses();
    post(&simulator, "GetSecretValue", Some(SIGNATURE), r#"{"SecretId":"s","VersionStage":"AWSPREVIOUS"}"#).await;
    post(&simulator, "DescribeSecret", Some(SIGNATURE), r#"{"SecretId":"absent"}"#).await;
    post(&simulator, "DescribeSecret", None, r#"{"SecretId":"s"}"#).await;
    let seen: Vec<_> = simulator
        .service
        .accesses()
        .into_iter()
        .map(|call| (call.access_key, call.action, call.secret.contains("secret:s-"), call.version_stage))
        .collect();
    let entry = |action: &str, known, label: Option<&str>| {
        ("AKIDEXAMPLE".to_owned(), action.to_owned(), known, label.map(str::to_owned))
    };
    let expected = [entry("GetSecretValue", true, Some("AWSPREVIOUS")), entry("DescribeSecret", false, None)];
    assert_eq!(seen, expected);
}
