//! `status --watch`: what is printed again, and what ends it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use simulators::faults::{Effect, Fault};

use super::{Scene, run};

/// A watch that goes on, and what it prints.
struct Watch {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Watch {
    fn begin(scene: &Scene, arguments: &[&str]) -> Self {
        let mut command = scene.command(&[&["status", "--watch", "1"], arguments].concat());
        command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it prints text");
        line
    }

    fn json(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).expect(&line)
    }

    /// Stops it; gives the exit code, the rest of stdout and stderr.
    fn stop(mut self, signal: &str) -> (Option<i32>, String, String) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        let (mut rest, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut rest).expect("it prints text");
        self.child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("it prints text");
        (self.child.wait().expect("it ends").code(), rest, stderr)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_printed_for_each_change_and_ctrl_c_is_a_good_end() {
    let scene = Scene::new().await;
    let (_, a) = scene.file("a.json");
    let (_, b) = scene.file("b.json");
    let mut watch = Watch::begin(&scene, &[&a, &b, "--output", "json"]);
    let first = [watch.json(), watch.json()];
    assert_eq!([&first[0]["secret"], &first[1]["secret"]], [a.as_str(), b.as_str()]);
    assert!(first[0]["at"].is_string() && first[0]["token"] == "missing");
    assert_eq!(scene.run(&["rotate", &b]).await.exit, Some(0));
    let mut changed = watch.json();
    // It may have been caught in the middle of its rotation.
    while changed["versions"].as_array().is_some_and(|versions| versions.len() < 2) || changed["token"] != "stored" {
        changed = watch.json();
    }
    assert_eq!(changed["secret"], b.as_str());
    assert_eq!(watch.stop("-INT"), (Some(0), String::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_a_while_is_shown_and_survived() {
    let scene = Scene::new().await;
    scene.with_token("prod/a", &[("team", "contact")]).await;
    scene.with_token("prod/b", &[]).await;
    let mut watch = Watch::begin(&scene, &["--all", "--tag", "team=contact", "--output", "json"]);
    assert_eq!(watch.json()["secret"], "prod/a");
    scene.simulation.secrets_manager.set(|settings| settings.denied = ["DescribeSecret".to_owned()].into());
    assert_eq!(watch.json()["error"]["type"], "StoreDenied");
    scene.simulation.secrets_manager.set(|settings| settings.denied = ["ListSecrets".to_owned()].into());
    let mut stderr = BufReader::new(watch.child.stderr.take().expect("it is piped"));
    let told = |stderr: &mut dyn BufRead, words: &str| {
        let found = stderr.lines().any(|line| line.expect("it prints text").contains(words));
        assert!(found, "it never said {words}");
    };
    told(&mut stderr, "error: secretsmanager:ListSecrets on * is denied");
    scene.simulation.secrets_manager.set(|settings| settings.denied.clear());
    assert_eq!(watch.json()["error"], Value::Null, "it works again");
    watch.child.stderr = Some(stderr.into_inner());
    assert_eq!(watch.stop("-TERM").0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_store_does_not_keep_it_from_ending() {
    let scene = Scene::new().await;
    scene.with_token("prod/a", &[]).await;
    let mut watch = Watch::begin(&scene, &["prod/a"]);
    let line = watch.line();
    assert!(line.starts_with("20") && line.contains("Z  prod/a") && line.contains("AWSCURRENT"), "{line}");
    scene.simulation.faults.add(Fault::always("*", Effect::Hang));
    scene.simulation.journal.clear();
    while scene.simulation.journal.calls().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(watch.stop("-INT").0, Some(0));
}

#[test]
fn an_interval_is_a_number_of_seconds() {
    for interval in ["0", "-1", "soon"] {
        let transcript = run(&["status", "--watch", interval]);
        assert_eq!(transcript.exit, Some(2), "{interval}");
    }
    assert!(run(&["status", "--watch", "file:a"]).stderr.contains("put --watch after the secrets"));
}
