//! Interruption of a rotation of many secrets.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use simulators::faults::{Effect, Fault};

use super::{Scene, numbers};
use crate::bao::{signal, until};
use crate::{SECOND, Transcript};

const ALL: [&str; 10] =
    ["rotate", "--yes", "--local", "--all", "--prefix", "prod/", "--concurrency", "2", "--output", "json"];

/// A rotation of five secrets that has requested two tokens.
struct Run {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Run {
    async fn begin(scene: &Scene, effect: Effect) -> Self {
        for name in ["prod/a", "prod/b", "prod/c", "prod/d", "prod/e"] {
            scene.with_token(name, &[]).await;
        }
        scene.simulation.faults.add(Fault::always("POST /oauth/token", effect));
        scene.simulation.journal.clear();
        let mut command = scene.command(&ALL);
        command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let stderr = BufReader::new(child.stderr.take().expect("the stream is piped"));
        until("two tokens are requested", async || scene.calls("POST /oauth/token").len() >= 2).await;
        Self { child, stderr }
    }

    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    fn wait_for(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.stderr.read_line(&mut line).expect("the output is UTF-8") > 0, "stderr lacks {words:?}");
        }
    }

    fn end(mut self) -> Transcript {
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).expect("the output is UTF-8");
        let done = self.child.wait_with_output().expect("the process exits");
        let stdout = String::from_utf8(done.stdout).expect("the output is UTF-8");
        Transcript { stdout, stderr, exit: done.status.code() }
    }
}

/// After the signal the running rotations finish, and the others are listed with the command that rotates them.
async fn finishes_the_running_rotations(signal: &str) {
    let scene = Scene::new().await;
    let mut run = Run::begin(&scene, Effect::Delay(SECOND)).await;
    run.signal(signal);
    run.wait_for("stopping: ");
    run.wait_for("to rotate the rest, run the command again with --older-than 20");
    let transcript = run.end();
    assert_eq!((transcript.exit, transcript.summary()), (Some(1), numbers(&[("rotated", 2), ("not_begun", 3)])));
    for name in ["prod/c", "prod/d", "prod/e"] {
        assert_eq!(transcript.about(name)["skipped"]["reason"], "not_begun");
        assert_eq!(scene.simulation.secrets_manager.versions(name).len(), 1, "{name} is unchanged");
    }
    for name in ["prod/a", "prod/b"] {
        assert!(scene.is_alive(&scene.token_of(name)));
        assert_eq!(scene.simulation.secrets_manager.versions(name).len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_lets_the_running_rotations_finish() {
    finishes_the_running_rotations("INT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_the_running_rotations_finish() {
    finishes_the_running_rotations("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_exits_without_waiting_and_the_next_run_rotates_all() {
    let scene = Scene::new().await;
    let mut run = Run::begin(&scene, Effect::Hang).await;
    run.signal("INT");
    run.wait_for("stopping: ");
    run.signal("TERM");
    let transcript = run.end();
    assert_eq!((transcript.exit, transcript.summary()), (Some(1), numbers(&[("not_begun", 3), ("in_flight", 2)])));
    for name in ["prod/a", "prod/b"] {
        let line = format!("{name}: interrupted, in createSecret");
        assert!(transcript.stderr.contains(&line), "{}", transcript.stderr);
        assert!(scene.is_alive(&scene.token_of(name)), "readers keep the current token");
    }
    scene.simulation.faults.clear();
    let again = scene.run(&ALL).await;
    assert_eq!((again.exit, again.summary()), (Some(0), numbers(&[("rotated", 5)])), "{}", again.stderr);
}
