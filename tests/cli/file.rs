//! Secrets in files: rotate, check and status.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use super::{CLIENT_ID, CLIENT_SECRET, STEPS, Scene, document, read, run, write};

#[test]
fn every_command_fails_for_a_missing_file() {
    for command in ["rotate", "check", "status"] {
        let transcript = run(&[command, "file:/no/such/file", "--output", "json"]);
        assert_eq!(transcript.exit, Some(1), "{command}");
        assert_eq!(transcript.json()[0]["error"]["type"], "SecretNotFound", "{command}");
        assert!(transcript.error().0.starts_with("file:/no/such/file: "), "{}", transcript.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_rotated_and_each_step_is_printed() {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("token.json");
    let transcript = scene.run(&["rotate", &typed]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    for step in STEPS {
        assert!(transcript.stdout.contains(&format!("ok   {step}")), "{}", transcript.stdout);
        assert!(transcript.stderr.contains(&format!("{typed}  {step}\n")), "{}", transcript.stderr);
    }
    assert!(transcript.stdout.contains("promoted version") && transcript.stdout.contains("(in 23 h 59 min)"));
    let document = read(&path);
    let live = scene.simulation.genesys.live_tokens();
    assert_eq!((document["access_token"].as_str(), &document["ours"]), (live.first().map(String::as_str), &1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_secret_is_one_line_of_json() {
    let scene = Scene::new().await;
    let ((path, first), (_, second)) = (scene.file("a.json"), scene.file("b.json"));
    let transcript = scene.run(&["rotate", &first, "file:/no/such/file", &second, "--output", "json"]).await;
    assert_eq!(transcript.exit, Some(1), "one of the three failed");
    let mut reports = transcript.json();
    reports.sort_by_key(|report| report["secret"] != first.as_str());
    assert_eq!(reports.len(), 3);
    let report = reports.remove(0);
    let names: Vec<_> = report.as_object().expect("a JSON object").keys().map(String::as_str).collect();
    assert_eq!(names, ["secret", "version_id", "promoted", "expires_at", "steps", "error"]);
    assert_eq!((&report["promoted"], &report["error"]), (&true.into(), &Value::Null));
    assert_eq!(report["expires_at"], read(&path)["expires_at"]);
    assert_eq!(reports.iter().filter(|report| report["promoted"] == true).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_not_promoted() {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("token.json");
    scene.simulation.genesys.set(|knobs| knobs.reject_new_tokens = true);
    let transcript = scene.run(&["rotate", &typed, "--output", "json"]).await;
    let report = &transcript.json()[0];
    assert_eq!((transcript.exit, &report["promoted"], &report["expires_at"]), (Some(1), &false.into(), &Value::Null));
    assert_eq!(report["error"]["type"], "TokenRejected");
    assert_eq!(super::steps(report).last(), Some(&("testSecret", "failed")));
    assert!(transcript.error().0.starts_with(&format!("{typed}: testSecret failed: ")), "{}", transcript.stderr);
    assert_eq!(read(&path).get("access_token"), None, "readers keep the current document");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_names_the_timeout_option() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("token.json");
    scene.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Hang));
    let transcript = scene.run(&["rotate", &typed, "--timeout", "1s", "--output", "json"]).await;
    assert_eq!((transcript.exit, &transcript.json()[0]["error"]["type"]), (Some(1), &"DeadlineExceeded".into()));
    assert!(transcript.error().1.contains("--timeout"), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_prints_its_stages_and_stores_nothing() {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("token.json");
    let transcript = scene.run(&["check", &typed]).await;
    assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""));
    assert!(transcript.stdout.ends_with("ready to rotate; nothing was stored\n"), "{}", transcript.stdout);
    assert_eq!(read(&path).get("access_token"), None);
    assert_eq!(scene.simulation.genesys.live_tokens().len(), 0, "the token was revoked again");
    let refusal = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/json", r#"{"error":"invalid_client"}"#);
    scene.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Answer(refusal)));
    let transcript = scene.run(&["check", &typed]).await;
    assert_eq!(transcript.exit, Some(1));
    assert!(transcript.stdout.contains("FAIL exchange the client credentials"), "{}", transcript.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_shows_the_token_after_its_rotation() {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("token.json");
    let before = scene.run(&["status", &typed]).await;
    assert_eq!(before.exit, Some(0));
    assert!(before.stdout.contains("no token yet"), "{}", before.stdout);
    scene.run(&["rotate", &typed]).await;
    let after = scene.run(&["status", &typed, "--output", "json"]).await;
    let status = &after.json()[0];
    assert_eq!((after.exit, &status["token"], &status["error"]), (Some(0), &"stored".into(), &Value::Null));
    assert_eq!(status["expires_at"], read(&path)["expires_at"]);
    let versions = status["versions"].as_array().expect("the versions are a list");
    let labels: Vec<_> = versions.iter().map(|version| &version["labels"][0]).collect();
    assert_eq!(labels, ["AWSCURRENT", "AWSPREVIOUS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn relative_names_of_other_documents_are_relative_to_the_document() {
    let scene = Scene::new().await;
    let folder = scene.directory.path().join("secrets");
    fs::create_dir(&folder).expect("a directory");
    let keys = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "rotates": [CLIENT_ID, "idle"]});
    write(&folder, "private.json", &keys.to_string());
    let path = write(&folder, "token.json", r#"{"region":"eu-west-1","credentials":"private.json"}"#);
    let clients = json!([{"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}, {"client_id": "idle"}]);
    let mut admin = document(CLIENT_SECRET);
    admin["rotate"] = "client_secret".into();
    admin["clients"] = clients;
    admin["admin_credentials"] = "./admin/../private.json".into();
    fs::create_dir(folder.join("admin")).expect("a directory");
    let admin = write(&folder, "admin.json", &admin.to_string());
    let link = scene.directory.path().join("link.json");
    symlink(&path, &link).expect("a link");
    let typed = |path: &Path| format!("file:{}", path.display());
    let relative = "file:secrets/token.json".to_owned();
    for (place, typed) in [("/", typed(&path)), ("/", typed(&link)), (".", relative)] {
        for arguments in [
            &["rotate", &typed][..],
            &["rotate", &typed, "--revoke-previous", "--yes"],
            &["check", &typed],
            &["status", &typed],
            &["api", &typed, "GET", "/api/v2/tokens/me"],
        ] {
            let mut command = scene.command(arguments);
            command.current_dir(scene.directory.path().join(place));
            let transcript = scene.run_command(command).await;
            assert_eq!(transcript.exit, Some(0), "{arguments:?} in {place}: {}", transcript.stderr);
        }
        // The temporary token is issued with the credentials in the other document.
        scene.simulation.genesys.revoke_all();
        let mut command = scene.command(&["api", &typed, "GET", "/api/v2/tokens/me"]);
        command.current_dir(scene.directory.path().join(place));
        assert_eq!(scene.run_command(command).await.exit, Some(0));
    }
    let mut command = scene.command(&["check", &typed(&admin), "--output", "json"]);
    command.current_dir("/");
    let transcript = scene.run_command(command).await;
    assert!(!transcript.stdout.contains("SecretNotFound"), "{}", transcript.stdout);
}
