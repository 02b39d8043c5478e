//! Being told to stop in the middle of many.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use simulators::faults::{Effect, Fault};

use super::{Scene, numbers};
use crate::{SECOND, Transcript};

const ALL: [&str; 9] = ["rotate", "--local", "--all", "--prefix", "prod/", "--concurrency", "2", "--output", "json"];

/// A rotation of five secrets that has come as far as asking for two tokens.
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
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        while scene.calls("POST /oauth/token").len() < 2 {
            tokio::time::sleep(SECOND / 100).await;
        }
        Self { child, stderr }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    fn wait_for(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.stderr.read_line(&mut line).expect("it prints text") > 0, "it never said {words:?}");
        }
    }

    fn end(mut self) -> Transcript {
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).expect("it prints text");
        let done = self.child.wait_with_output().expect("it ends");
        let stdout = String::from_utf8(done.stdout).expect("it prints text");
        Transcript { stdout, stderr, exit: done.status.code() }
    }
}

/// Either signal lets those under way finish, names the others, and says how to do them.
async fn stops_after_those_under_way(signal: &str) {
    let scene = Scene::new().await;
    let mut run = Run::begin(&scene, Effect::Delay(2 * SECOND)).await;
    run.signal(signal);
    run.wait_for("stopping: ");
    run.wait_for("to do the rest, run it again with --older-than 20");
    let transcript = run.end();
    assert_eq!((transcript.exit, transcript.summary()), (Some(1), numbers(&[("rotated", 2), ("not_begun", 3)])));
    for name in ["prod/c", "prod/d", "prod/e"] {
        assert_eq!(transcript.about(name)["skipped"]["reason"], "not_begun");
        assert_eq!(scene.simulation.secrets_manager.versions(name).len(), 1, "{name} was not touched");
    }
    for name in ["prod/a", "prod/b"] {
        assert!(scene.is_alive(&scene.token_of(name)));
        assert_eq!(scene.simulation.secrets_manager.versions(name).len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_lets_those_under_way_finish() {
    stops_after_those_under_way("INT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_does_the_same() {
    stops_after_those_under_way("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once_and_the_next_run_does_it_all() {
    let scene = Scene::new().await;
    let mut run = Run::begin(&scene, Effect::Hang).await;
    run.signal("INT");
    run.wait_for("stopping: ");
    run.signal("TERM");
    let transcript = run.end();
    assert_eq!((transcript.exit, transcript.summary()), (Some(1), numbers(&[("not_begun", 3), ("in_flight", 2)])));
    for name in ["prod/a", "prod/b"] {
        let told = format!("{name}: left under way, in createSecret");
        assert!(transcript.stderr.contains(&told), "{}", transcript.stderr);
        assert!(scene.is_alive(&scene.token_of(name)), "its readers keep what they have");
    }
    scene.simulation.faults.clear();
    let again = scene.run(&ALL).await;
    assert_eq!((again.exit, again.summary()), (Some(0), numbers(&[("rotated", 5)])), "{}", again.stderr);
}
