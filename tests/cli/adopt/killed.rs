//! The command is killed at any call, and run again.

use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use simulators::faults::{Effect, Fault};

use crate::bao::signal;
use crate::{CLIENT_ID, SECOND, Scene, Transcript, read};

const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";
const EXPECT: &str = "no test panicked";

/// Runs the command, which the fault kills. Returns its exit code, `None` if it was killed. No stream may hold a secret.
async fn run_and_die(scene: &Scene, secret: &str, admin: &str) -> Option<i32> {
    let child: Arc<Mutex<Option<Child>>> = Arc::default();
    let victim = child.clone();
    scene.simulation.faults.on_kill(move || {
        victim.lock().expect(EXPECT).as_mut().expect("it runs").kill().expect("it can be killed");
    });
    let before = scene.secret_of(CLIENT_ID);
    let log = scene.directory.path().join("streams");
    let file = File::create(&log).expect("a file");
    let mut command = scene.command(&["adopt", secret, "--client", CLIENT_ID, "--admin", admin, "--yes"]);
    command.stdout(file.try_clone().expect("a descriptor")).stderr(file);
    let exit = tokio::task::spawn_blocking(move || {
        *child.lock().expect(EXPECT) = Some(command.spawn().expect("the binary runs"));
        loop {
            if let Some(status) = child.lock().expect(EXPECT).as_mut().expect("it runs").try_wait().expect("polled") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let exit = exit.await.expect("the task completes");
    let text = fs::read_to_string(log).expect("UTF-8");
    let live = scene.simulation.genesys.live_tokens();
    for hidden in live.iter().chain([&before, &scene.secret_of(CLIENT_ID), &scene.secret_of(super::ADMIN_ID)]) {
        assert!(!text.contains(hidden), "a secret was printed: {text}");
    }
    exit
}

impl Scene {
    /// Ends the lease that a killed run holds, as time does.
    async fn expire_lease_of(&self, name: &str) {
        let versions = self.simulation.secrets_manager.versions(name);
        let holder = versions.into_iter().find(|version| version.labels.iter().any(|label| label == "ROTATOR_LEASE"));
        let rest = holder.as_ref().and_then(|holder| holder.id.strip_prefix("lease-")?.split_once('-'));
        if let Some((_, rest)) = rest {
            let put = self.aws.put_secret_value().secret_id(name).client_request_token(format!("lease-1-{rest}"));
            put.secret_string("{}").version_stages("ROTATOR_LEASE").send().await.expect("the lease is moved");
        }
    }
}

async fn every_kill_heals_in_secrets_manager(effect: &Effect) {
    let scene = Scene::new().await;
    let admin = scene.owner();
    for call in 0..60 {
        let name = format!("new-{call}");
        scene.simulation.faults.clear();
        scene.simulation.faults.add(Fault::once("*", effect.clone()).after(call));
        // The next secret has another document of the same client, whose secret the new adoption regenerates.
        let killed = run_and_die(&scene, &name, &admin).await;
        scene.simulation.faults.clear();
        if killed.is_some() {
            assert!(killed == Some(0) && call > 20, "{call}: {killed:?}");
            return;
        }
        scene.expire_lease_of(&name).await;
        let done = scene.adopt(&name, &admin, &[]).await;
        assert_eq!(done.exit, Some(0), "{call}: {}", done.stderr);
        scene.assert_adopted(&scene.current(&name), &format!("after call {call}"));
        let versions = scene.simulation.secrets_manager.versions(&name);
        let has = |label: &str| versions.iter().any(|version| version.labels.iter().any(|held| held == label));
        assert!(!has("AWSPENDING") && !has("ROTATOR_AHEAD"), "{call}: {versions:?}");
    }
    panic!("the command makes too many calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_before_any_call_heals() {
    every_kill_heals_in_secrets_manager(&Effect::KillBefore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_after_any_call_heals() {
    every_kill_heals_in_secrets_manager(&Effect::KillAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_call_heals_in_a_file() {
    let scene = Scene::new().await;
    let admin = scene.owner();
    for (effect, call) in [Effect::KillBefore, Effect::KillAfter]
        .into_iter()
        .flat_map(|effect| (0..9).map(move |call| (effect.clone(), call)))
    {
        let (path, typed) = scene.new_file(&format!("new-{call}-{effect:?}.json"));
        scene.simulation.faults.clear();
        scene.simulation.faults.add(Fault::once("*", effect).after(call));
        let _ = run_and_die(&scene, &typed, &admin).await;
        scene.simulation.faults.clear();
        super::expire_lease(&path);
        let done = scene.adopt(&typed, &admin, &[]).await;
        assert_eq!(done.exit, Some(0), "{call}: {}", done.stderr);
        scene.assert_adopted(&read(&path), &format!("after call {call}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_command_and_the_next_run_continues() {
    let scene = Scene::new().await;
    let (admin, (path, typed)) = (scene.owner(), scene.new_file("new.json"));
    scene.simulation.faults.add(Fault::once(REGENERATE, Effect::DelayAnswer(SECOND)));
    let mut command = scene.command(&["adopt", &typed, "--client", CLIENT_ID, "--admin", &admin, "--yes"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary runs");
    while scene.simulation.journal.count(REGENERATE) == 0 {
        tokio::time::sleep(SECOND / 100).await;
    }
    signal(child.id(), "TERM");
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("the task completes");
    let ended = scene.without_log(Transcript::of(ended.expect("the process ends")));
    assert_eq!(ended.exit, Some(1), "{}", ended.stderr);
    let (error, hint) = ended.error();
    assert!(error.contains("was interrupted") && hint.contains("run the command again"), "{}", ended.stderr);
    // A token that the answered request led to may be staged: the next run promotes it.
    let staged = fs::read_to_string(format!("{}.rotation", path.display())).unwrap_or_default();
    let live = scene.simulation.genesys.live_tokens();
    assert!(live.iter().all(|token| staged.contains(token)), "the administrator's token is revoked: {}", ended.stderr);
    super::expire_lease(&path);
    let done = scene.adopt(&typed, &admin, &[]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    scene.assert_adopted(&read(&path), "after the signal");
}
