//! Secrets with credentials of NICE CXone.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use aws_sdk_secretsmanager::types::RotationRulesType;
use serde_json::{Value, json};

use super::bao::signal;
use super::{FUNCTION_ARN, STEPS, Scene, command, read, run_with, steps, write};

pub const CLIENT: (&str, &str) = ("back-end@nice", "hush-hush-cxone-application-0123456789");
pub const KEY: (&str, &str) = ("HUSHLESSACCESSKEYID====", "HUSHHUSHACCESSKEYSECRET0123456789====");

pub fn document(client: (&str, &str), key: (&str, &str)) -> Value {
    json!({
        "platform": "nice-cxone", "issuer": "https://cxone.niceincontact.com", "clientId": client.0,
        "clientSecret": client.1, "accessKeyId": key.0, "accessKeySecret": key.1,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_cxone_credentials_is_rotated() {
    let scene = Scene::new().await;
    let path = write(scene.directory.path(), "cxone.json", &document(CLIENT, KEY).to_string());
    let typed = format!("file:{}", path.display());
    let transcript = scene.run(&["rotate", &typed, "--output", "json"]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert_eq!(steps(&transcript.json()[0]).len(), STEPS.len());
    let stored = read(&path);
    let live = scene.simulation.cxone.live_tokens();
    assert_eq!((stored["access_token"].as_str(), live.len()), (live.first().map(String::as_str), 1));
    assert_eq!(stored["accessKeySecret"], KEY.1, "the credentials are unchanged");
    let again = scene.run(&["rotate", &typed]).await;
    assert!(again.stdout.contains("(in 59 min") || again.stdout.contains("(in 1 h)"), "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_notes_that_cxone_tokens_are_valid_for_an_hour() {
    let scene = Scene::new().await;
    let path = write(scene.directory.path(), "cxone.json", &document(CLIENT, KEY).to_string());
    let typed = format!("file:{}", path.display());
    let transcript = scene.run(&["check", &typed]).await;
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""));
    for words in ["valid for at most 1 hour", "at most every 4 hours", "RotateSecret", "static-roles/", "token/:role"] {
        assert!(transcript.stdout.contains(words), "{words}: {}", transcript.stdout);
    }
    assert!(transcript.stdout.contains("let the token expire"), "{}", transcript.stdout);
    let json = &scene.run(&["check", &typed, "--output", "json"]).await.json()[0];
    assert_eq!((&json["platform"], &json["client_id"]), (&json!("nice-cxone"), &json!(CLIENT.0)));
    assert!(json["note"].as_str().is_some_and(|note| note.contains("RotateSecret")), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_exceeds_the_token_lifetime_fails_with_alternatives() {
    let scene = Scene::new().await;
    let create = scene.aws.create_secret().name("cxone").secret_string(document(CLIENT, KEY).to_string());
    create.send().await.expect("the secret is created");
    let rules = RotationRulesType::builder().schedule_expression("rate(4 hours)").build();
    let rotate = scene.aws.rotate_secret().secret_id("cxone").rotation_lambda_arn(FUNCTION_ARN).rotation_rules(rules);
    rotate.send().await.expect("the rotation starts");
    scene.simulation.secrets_manager.settled().await;
    let transcript = scene.run(&["check", "cxone", "--output", "json"]).await;
    assert_eq!(transcript.json()[0]["error"]["type"], "TokenLifeTooShort");
    let hint = transcript.error().1;
    assert!(hint.contains("RotateSecret") && !hint.contains("token duration"), "{hint}");
    let transcript = scene.run(&["rotate", "cxone"]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    assert!(transcript.stderr.contains("warning: cxone: the token is valid for"), "{}", transcript.stderr);
    assert!(transcript.stderr.contains("RotateSecret"), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_access_key_is_named() {
    let scene = Scene::new().await;
    let path = write(scene.directory.path(), "cxone.json", &document(CLIENT, (KEY.0, "wrong")).to_string());
    let transcript = scene.run(&["check", &format!("file:{}", path.display())]).await;
    let (error, hint) = transcript.error();
    assert_eq!(transcript.exit, Some(1));
    assert!(error.contains("does not accept the access key") && hint.contains("access_key_secret"), "{error}: {hint}");
}

#[test]
fn sim_accepts_cxone_clients_and_access_keys() {
    let arguments = ["sim", "--cxone-client", "app:app-secret", "--cxone-key", "KEY====:SECRET===="];
    let mut child =
        command(&arguments, &[]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the command starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("the stream is piped")).read_line(&mut line).expect("a first line");
    let addresses: Value = serde_json::from_str(&line).expect("the first line is JSON");
    let url = addresses["genesys"].as_str().expect("an address");
    let directory = tempfile::TempDir::new().expect("a temporary directory can be created");
    let value = document(("app", "app-secret"), ("KEY====", "SECRET===="));
    let path = write(directory.path(), "cxone.json", &value.to_string());
    let typed = format!("file:{}", path.display());
    let checked = run_with(&["check", &typed], &[("ROTATOR_LOGIN_URL", url), ("ROTATOR_API_URL", url)]);
    signal(child.id(), "TERM");
    assert_eq!(child.wait().expect("the process exits").code(), Some(0));
    assert_eq!(checked.exit, Some(0), "{}", checked.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cxone_api_is_called_and_a_rejected_token_is_replaced() {
    const UNIT: &str = "/incontactapi/services/v27.0/business-unit";
    let scene = Scene::new().await;
    let path = write(scene.directory.path(), "cxone.json", &document(CLIENT, KEY).to_string());
    let typed = format!("file:{}", path.display());
    scene.run(&["rotate", &typed]).await;
    let transcript = scene.run(&["api", &typed, "GET", UNIT]).await;
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""));
    assert!(transcript.json()[0].is_object());
    let minted = scene.simulation.cxone.minted();
    scene.simulation.cxone.revoke_all();
    let transcript = scene.run(&["api", &typed, "GET", UNIT]).await;
    assert_eq!((transcript.exit, scene.simulation.cxone.minted()), (Some(0), minted + 1), "{}", transcript.stderr);
    assert!(transcript.stderr.starts_with("warning: "), "{}", transcript.stderr);
    let elsewhere = scene.run(&["api", &typed, "GET", "https://evil.example/incontactapi/"]).await;
    assert_eq!((elsewhere.exit, elsewhere.stdout.as_str()), (Some(2), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reads_the_owner_of_the_access_key_and_creates_none() {
    let scene = Scene::new().await;
    let mut document = document(CLIENT, KEY);
    document["rotate"] = json!("client_secret");
    let path = write(scene.directory.path(), "cxone.json", &document.to_string());
    let typed = format!("file:{}", path.display());
    let transcript = scene.run(&["check", &typed]).await;
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{}", transcript.stdout);
    assert!(transcript.stdout.contains("read the owner of the access key (user "), "{}", transcript.stdout);
    assert!(transcript.stdout.contains("My Access Key: create, delete"), "{}", transcript.stdout);
    let report = &scene.run(&["check", &typed, "--output", "json"]).await.json()[0];
    assert!(report["admin"]["user_id"].is_string() && report["admin"]["idle_client_id"].is_null(), "{report}");
    assert_eq!(scene.simulation.cxone.access_keys().len(), 1, "a check changes nothing");
    assert_eq!(read(&path), document);
}
