//! Ctrl-C while secrets are being rotated.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use simulators::faults::{Effect, Fault};

use super::{SECOND, Scene, read};

/// Starts a rotation of both files, one after the other, and waits until it says a line.
fn start(scene: &Scene, files: &[&str], line: &str) -> (Child, impl BufRead + use<>) {
    let mut command = scene.command(&[&["rotate", "--concurrency", "1"], files].concat());
    command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    wait_for(&mut stderr, line);
    (child, stderr)
}

fn wait_for(stderr: &mut impl BufRead, line: &str) {
    let found = stderr.lines().any(|read| read.expect("it prints text").contains(line));
    assert!(found, "it never said {line:?}");
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_one_lets_the_running_secret_finish() {
    let scene = Scene::new().await;
    let ((first, first_typed), (second, second_typed)) = (scene.file("a.json"), scene.file("b.json"));
    scene.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Delay(2 * SECOND)));
    let (mut child, mut stderr) = start(&scene, &[&first_typed, &second_typed], "createSecret");
    interrupt(&child);
    wait_for(&mut stderr, "stopping: ");
    wait_for(&mut stderr, &format!("{second_typed}: not begun"));
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(read(&first)["access_token"].is_string(), "the running rotation was finished");
    assert!(read(&second).get("access_token").is_none(), "the other one was not begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_one_waits_for_nothing() {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("a.json");
    scene.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Hang));
    let (mut child, mut stderr) = start(&scene, &[&typed], "createSecret");
    interrupt(&child);
    wait_for(&mut stderr, "stopping: ");
    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(read(&path).get("access_token").is_none());
}
