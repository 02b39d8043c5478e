//! Foreign text on a terminal: names, labels, version ids and messages of servers.

use std::fs;

use reqwest::StatusCode;
use serde_json::json;
use simulators::faults::{Effect, Fault, FaultAnswer};

use super::{CLIENT_SECRET, Scene, Transcript, document, write};

/// Sets a window title, erases the screen, starts a C1 sequence, and reverses the reading direction.
const HOSTILE: &str = "a\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{202e}z";

impl Transcript {
    fn assert_printable(&self) {
        let is_hostile = |letter: &char| {
            (letter.is_control() && *letter != '\n')
                || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        for text in [&self.stdout, &self.stderr] {
            assert_eq!(text.chars().find(is_hostile), None, "{text:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_file_name_is_printed_with_escapes() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file(HOSTILE);
    for arguments in
        [&["rotate", &typed][..], &["rotate", &typed, "--dry-run"], &["check", &typed], &["status", &typed]]
    {
        for format in ["text", "json"] {
            let mut command = scene.command(arguments);
            command.args(["--output", format]).env("ROTATOR_LOG", "info");
            let transcript = super::output(command).await;
            assert_eq!(transcript.exit, Some(0), "{arguments:?}: {}", transcript.stderr);
            transcript.assert_printable();
            assert!(transcript.stdout.contains(r"\u{202e}") || format == "json", "{}", transcript.stdout);
        }
    }
    let json = scene.run(&["status", &typed, "--output", "json"]).await;
    assert_eq!(json.json()[0]["secret"], typed.as_str(), "JSON keeps the name");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_labels_and_version_ids_are_printed_with_escapes() {
    let scene = Scene::new().await;
    scene.stored("prod/genesys").await;
    let version = scene.simulation.secrets_manager.versions("prod/genesys").remove(0).id;
    let label = scene.aws.update_secret_version_stage().secret_id("prod/genesys").version_stage(HOSTILE);
    label.move_to_version_id(version).send().await.expect("the label is attached");
    let (path, typed) = scene.file("token.json");
    let index =
        json!({"pending": {"version": HOSTILE, "value": document(CLIENT_SECRET).to_string(), "base_sha256": null}});
    write(scene.directory.path(), "token.json.rotation", &index.to_string());
    for format in ["text", "json"] {
        let transcript = scene.run(&["status", "--wide", "prod/genesys", &typed, "--output", format]).await;
        assert!(transcript.stdout.contains("title"), "{}", transcript.stdout);
        transcript.assert_printable();
    }
    fs::remove_file(path).expect("the document is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_messages_of_servers_are_printed_with_escapes() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("token.json");
    let body = json!({"error": "invalid_client", "description": HOSTILE, "error_description": HOSTILE}).to_string();
    let refusal =
        FaultAnswer::new(StatusCode::BAD_REQUEST, "application/json", body).with_header("ININ-Correlation-Id", "1-2-3");
    scene.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Answer(refusal)));
    for arguments in [["rotate", &typed], ["check", &typed]] {
        let mut command = scene.command(&arguments);
        command.env("ROTATOR_LOG", "info");
        let transcript = super::output(command).await;
        assert_eq!(transcript.exit, Some(1));
        transcript.assert_printable();
    }
}
