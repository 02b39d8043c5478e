//! Ctrl-C during a rotation.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use simulators::faults::{Effect, Fault};

use super::bao::signal;
use super::{SECOND, Scene, read};

/// Starts a rotation of the files, one after the other, and waits for a line on stderr.
fn start(scene: &Scene, files: &[&str], line: &str) -> (Child, impl BufRead + use<>) {
    let mut command = scene.command(&[&["rotate", "--concurrency", "1"], files].concat());
    command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("the stream is piped"));
    wait_for(&mut stderr, line);
    (child, stderr)
}

fn wait_for(stderr: &mut impl BufRead, line: &str) {
    let found = stderr.lines().any(|read| read.expect("the output is UTF-8").contains(line));
    assert!(found, "stderr lacks {line:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_ctrl_c_lets_the_running_rotation_finish() {
    let scene = Scene::new().await;
    let ((first, first_typed), (second, second_typed)) = (scene.file("a.json"), scene.file("b.json"));
    scene.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Delay(SECOND)));
    let (mut child, mut stderr) = start(&scene, &[&first_typed, &second_typed], "createSecret");
    signal(child.id(), "INT");
    wait_for(&mut stderr, "stopping: ");
    wait_for(&mut stderr, &format!("{second_typed}: not started"));
    assert_eq!(child.wait().expect("the process exits").code(), Some(1));
    assert!(read(&first)["access_token"].is_string(), "the running rotation finished");
    assert!(read(&second).get("access_token").is_none(), "the other rotation did not start");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_ctrl_c_exits_without_waiting() {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("a.json");
    scene.simulation.faults.add(Fault::always("POST /oauth/token", Effect::Hang));
    let (mut child, mut stderr) = start(&scene, &[&typed], "createSecret");
    signal(child.id(), "INT");
    wait_for(&mut stderr, "stopping: ");
    signal(child.id(), "INT");
    assert_eq!(child.wait().expect("the process exits").code(), Some(1));
    assert!(read(&path).get("access_token").is_none());
}
