//! `status --watch`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;
use simulators::faults::{Effect, Fault};

use super::bao::{signal, until};
use super::{Scene, run};

/// A running watch and its stdout.
struct Watch {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Watch {
    fn begin(scene: &Scene, arguments: &[&str]) -> Self {
        let mut command = scene.command(&[&["status", "--watch", "1"], arguments].concat());
        command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let stdout = BufReader::new(child.stdout.take().expect("the stream is piped"));
        Self { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the output is UTF-8");
        line
    }

    fn json(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).expect(&line)
    }

    /// Sends a signal. Returns the exit code, the rest of stdout, and stderr.
    fn stop(mut self, name: &str) -> (Option<i32>, String, String) {
        signal(self.child.id(), name);
        let (mut rest, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut rest).expect("the output is UTF-8");
        self.child
            .stderr
            .take()
            .expect("the stream is piped")
            .read_to_string(&mut stderr)
            .expect("the output is UTF-8");
        (self.child.wait().expect("the process exits").code(), rest, stderr)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_printed_and_ctrl_c_is_success() {
    let scene = Scene::new().await;
    let (_, a) = scene.file("a.json");
    let (_, b) = scene.file("b.json");
    let mut watch = Watch::begin(&scene, &[&a, &b, "--output", "json"]);
    let first = [watch.json(), watch.json()];
    assert_eq!([&first[0]["secret"], &first[1]["secret"]], [a.as_str(), b.as_str()]);
    assert!(first[0]["at"].is_string() && first[0]["token"] == "missing");
    assert_eq!(scene.run(&["rotate", &b]).await.exit, Some(0));
    let mut changed = watch.json();
    // The watch may have read the secret during its rotation.
    while changed["versions"].as_array().is_some_and(|versions| versions.len() < 2) || changed["token"] != "stored" {
        changed = watch.json();
    }
    assert_eq!(changed["secret"], b.as_str());
    assert_eq!(watch.stop("INT"), (Some(0), String::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watch_continues_after_store_errors() {
    let scene = Scene::new().await;
    scene.with_token("prod/a", &[("team", "contact")]).await;
    scene.with_token("prod/b", &[]).await;
    let mut watch = Watch::begin(&scene, &["--all", "--tag", "team=contact", "--output", "json"]);
    assert_eq!(watch.json()["secret"], "prod/a");
    scene.simulation.secrets_manager.set(|settings| settings.denied = ["DescribeSecret".to_owned()].into());
    assert_eq!(watch.json()["error"]["type"], "StoreDenied");
    scene.simulation.secrets_manager.set(|settings| settings.denied = ["ListSecrets".to_owned()].into());
    let mut stderr = BufReader::new(watch.child.stderr.take().expect("the stream is piped"));
    let wait_for = |stderr: &mut dyn BufRead, words: &str| {
        let found = stderr.lines().any(|line| line.expect("the output is UTF-8").contains(words));
        assert!(found, "stderr lacks {words}");
    };
    wait_for(&mut stderr, "error: the current role is denied secretsmanager:ListSecrets on *");
    scene.simulation.secrets_manager.set(|settings| settings.denied.clear());
    assert_eq!(watch.json()["error"], Value::Null, "the store works again");
    watch.child.stderr = Some(stderr.into_inner());
    assert_eq!(watch.stop("TERM").0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_watch_of_a_store_that_hangs() {
    let scene = Scene::new().await;
    scene.with_token("prod/a", &[]).await;
    let mut watch = Watch::begin(&scene, &["prod/a"]);
    let line = watch.line();
    assert!(line.starts_with("20") && line.contains("Z  prod/a") && line.contains("AWSCURRENT"), "{line}");
    scene.simulation.faults.add(Fault::always("*", Effect::Hang));
    scene.simulation.journal.clear();
    until("the store is called", async || !scene.simulation.journal.calls().is_empty()).await;
    assert_eq!(watch.stop("INT").0, Some(0));
}

#[test]
fn an_interval_is_a_number_of_seconds() {
    for interval in ["0", "-1", "soon"] {
        let transcript = run(&["status", "--watch", interval]);
        assert_eq!(transcript.exit, Some(2), "{interval}");
    }
    assert!(run(&["status", "--watch", "file:a"]).stderr.contains("put --watch after the secrets"));
}
