//! Ctrl-C during a rotation.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use simulators::faults::{Effect, Fault};

use super::bao::signal;
use super::{SECOND, Scene, read, write};

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

/// Waits until the platform has issued a token.
async fn wait_for_token(scene: &Scene) {
    while scene.simulation.genesys.live_tokens().is_empty() {
        tokio::time::sleep(SECOND / 100).await;
    }
}

/// Interrupts a rotation that has an access token and waits for a generated one, and waits for a line on stderr.
async fn interrupt_with_a_token(scene: &Scene, expected: &str) {
    let (path, typed) = scene.file("a.json");
    let mut document = read(&path);
    document["token"] = "generated".into();
    document["resource_owner"] = "5f3c8a52-0f00-4e71-9d0c-6f2b3c9d1e10".into();
    write(scene.directory.path(), "a.json", &document.to_string());
    scene.simulation.faults.add(Fault::always("POST /api/v2/oauth/token/generate", Effect::Hang));
    let (mut child, mut stderr) = start(scene, &[&typed], "createSecret");
    wait_for_token(scene).await;
    signal(child.id(), "INT");
    wait_for(&mut stderr, "stopping: ");
    signal(child.id(), "INT");
    wait_for(&mut stderr, expected);
    assert_eq!(child.wait().expect("the process exits").code(), Some(1));
    assert!(read(&path).get("access_token").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_ctrl_c_revokes_the_token_that_is_not_stored() {
    let scene = Scene::new().await;
    interrupt_with_a_token(&scene, "revoking the tokens that are not stored").await;
    assert!(scene.simulation.genesys.live_tokens().is_empty(), "the token is revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_ctrl_c_warns_of_a_token_that_cannot_be_revoked() {
    let scene = Scene::new().await;
    scene.simulation.faults.add(Fault::always("DELETE /api/v2/tokens/me", Effect::Hang));
    interrupt_with_a_token(&scene, "a token or access key that is not stored could not be revoked").await;
    assert_eq!(scene.simulation.genesys.live_tokens().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_during_a_check_revokes_the_tested_token() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("a.json");
    scene.simulation.faults.add(Fault::always("GET /api/v2/users/me", Effect::Hang));
    let mut command = scene.command(&["check", &typed]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    wait_for_token(&scene).await;
    signal(child.id(), "TERM");
    let mut stderr = BufReader::new(child.stderr.take().expect("the stream is piped"));
    wait_for(&mut stderr, "the check was interrupted");
    assert_eq!(child.wait().expect("the process exits").code(), Some(1));
    assert!(scene.simulation.genesys.live_tokens().is_empty(), "the token is revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_check_names_the_token_that_it_could_not_revoke() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("a.json");
    scene.simulation.faults.add(Fault::always("GET /api/v2/users/me", Effect::Hang));
    scene.simulation.faults.add(Fault::always("DELETE /api/v2/tokens/me", Effect::Hang));
    let mut command = scene.command(&["check", &typed]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    wait_for_token(&scene).await;
    signal(child.id(), "TERM");
    let mut stderr = BufReader::new(child.stderr.take().expect("the stream is piped"));
    wait_for(&mut stderr, "a token of this check was not revoked and stays valid until it expires");
    assert_eq!(child.wait().expect("the process exits").code(), Some(1));
    assert!(!scene.simulation.genesys.live_tokens().is_empty());
}

/// Interrupts a command after the platform has issued a token, and before the answer arrives.
async fn interrupt_a_token_request(command: &[&str], signals: &[&str]) {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("a.json");
    if command[0] == "api" {
        let mut document = read(&path);
        document["access_token"] = "dead".into();
        write(scene.directory.path(), "a.json", &document.to_string());
    }
    scene.simulation.faults.add(Fault::always("POST /oauth/token", Effect::DelayAnswer(5 * SECOND / 2)));
    let arguments: Vec<&str> = command.iter().map(|word| if *word == "SECRET" { &typed } else { *word }).collect();
    let mut process = scene.command(&arguments);
    let mut child = process.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    wait_for_token(&scene).await;
    for name in signals {
        signal(child.id(), name);
        tokio::time::sleep(SECOND / 10).await;
    }
    let exit = tokio::task::spawn_blocking(move || child.wait().expect("the process exits")).await;
    // The command may complete when the answer arrives, before it stops.
    let code = exit.expect("the task completes").code();
    assert!(matches!(code, Some(0 | 1)), "{command:?}: {code:?}");
    // A rotation may have staged the token when it stops: the next rotation continues with it.
    let staged = fs::read_to_string(path.with_extension("json.rotation")).unwrap_or_default();
    let stored = fs::read_to_string(&path).expect("the document") + &staged;
    let is_stored = |token: &String| stored.contains(token.as_str());
    assert!(scene.simulation.genesys.live_tokens().iter().all(is_stored), "{command:?} left a token");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_token_request_leaves_no_token() {
    for name in ["INT", "TERM"] {
        interrupt_a_token_request(&["check", "SECRET"], &[name]).await;
        interrupt_a_token_request(&["api", "SECRET", "GET", "/api/v2/tokens/me"], &[name]).await;
    }
    interrupt_a_token_request(&["rotate", "SECRET"], &["INT", "TERM"]).await;
}
