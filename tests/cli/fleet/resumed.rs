//! Runs that stop early, and the runs that resume them.

use std::fs;

use genesys_rotator::rotation::{Clock, SystemClock};
use reqwest::StatusCode;
use simulators::faults::{Effect, Fault, FaultAnswer};

use super::{Scene, numbers};
use crate::CLIENT_SECRET;

const ALL: [&str; 10] =
    ["rotate", "--yes", "--local", "--all", "--prefix", "genesys/", "--concurrency", "1", "--output", "json"];

async fn scene_with(secrets: usize) -> Scene {
    let scene = Scene::new().await;
    for number in 0..secrets {
        scene.with_token(&format!("genesys/{number}"), &[]).await;
    }
    scene
}

/// Lets every rotation but the first ones fail.
fn break_writes(scene: &Scene, after: u32) {
    let body = r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#;
    let refusal = FaultAnswer::new(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", body);
    scene.simulation.faults.add(Fault::always("PutSecretValue", Effect::Answer(refusal)).after(after));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_further_rotation_starts_after_the_maximum_of_failures() {
    let scene = scene_with(6).await;
    break_writes(&scene, 1);
    let stopped = scene.run(&[&ALL[..], &["--max-failures", "2"]].concat()).await;
    let expected = numbers(&[("rotated", 1), ("failed", 2), ("not_begun", 3)]);
    assert_eq!((stopped.exit, stopped.summary()), (Some(1), expected), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("--max-failures is reached"), "{}", stopped.stderr);
    let unreachable = scene.directory.path().join("fleet.toml");
    let entry = "secrets = [\"file:/nonexistent/\"]\n[[aws]]\nprefix = \"genesys/\"\n";
    fs::write(&unreachable, entry).expect("the inventory is written");
    let from = ["rotate", "--yes", "--local", "--from", unreachable.to_str().expect("UTF-8"), "--output", "json"];
    let stopped = scene.run(&[&from[..], &["--max-failures", "1"]].concat()).await;
    let expected = numbers(&[("failed", 1), ("not_begun", 6)]);
    assert_eq!((stopped.exit, stopped.summary()), (Some(1), expected), "a place that cannot be listed is a failure");
    for value in ["0", "x"] {
        assert_eq!(scene.run(&[&ALL[..], &["--max-failures", value]].concat()).await.exit, Some(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_run_rotates_what_the_interrupted_one_did_not() {
    let scene = scene_with(5).await;
    let path = scene.directory.path().join("run.jsonl");
    let with_state = [&ALL[..], &["--state", path.to_str().expect("UTF-8")]].concat();
    let resume = [&with_state[..], &["--resume"]].concat();
    let nothing = scene.run(&resume).await;
    assert_eq!(nothing.exit, Some(2), "{}", nothing.stderr);
    assert!(nothing.error().0.contains("no interrupted run") && !path.exists(), "{}", nothing.stderr);

    break_writes(&scene, 2);
    let stopped = scene.run(&[&with_state[..], &["--max-failures", "1"]].concat()).await;
    assert_eq!(stopped.summary(), numbers(&[("rotated", 2), ("failed", 1), ("not_begun", 2)]), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("--resume"), "{}", stopped.stderr);
    let text = fs::read_to_string(&path).expect("the state is written");
    assert!(text.lines().count() == 3 && !text.contains(CLIENT_SECRET), "{text}");

    // One secret was rotated by another actor since, and the last line was cut off.
    scene.simulation.faults.clear();
    let other = scene.run(&["rotate", "--local", "genesys/0"]).await;
    assert_eq!(other.exit, Some(0), "{}", other.stderr);
    fs::write(&path, format!("{text}{{\"secret\":\"genesys/4\"")).expect("the state is written");
    let kept = scene.token_of("genesys/1");
    let dry = scene.run(&[&resume[..], &["--dry-run"]].concat()).await;
    assert_eq!(dry.json().iter().filter(|line| line["would"] == "rotate").count(), 4, "{}", dry.stdout);
    let resumed = scene.run(&resume).await;
    let expected = numbers(&[("rotated", 4), ("skipped", 1)]);
    assert_eq!((resumed.exit, resumed.summary()), (Some(0), expected), "{}", resumed.stderr);
    assert_eq!(resumed.about("genesys/1")["skipped"]["reason"], "done");
    assert_eq!(scene.token_of("genesys/1"), kept);

    let again = scene.run(&resume).await;
    assert_eq!(again.exit, Some(2), "a complete run is not resumed: {}", again.stderr);
    let fresh = scene.run(&with_state).await;
    assert_eq!((fresh.exit, fresh.summary()), (Some(0), numbers(&[("rotated", 5)])), "{}", fresh.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_run_revokes_the_previous_tokens_of_what_was_rotated() {
    let scene = scene_with(2).await;
    let path = scene.directory.path().join("run.jsonl");
    let leaked = scene.token_of("genesys/0");
    let with_state = [&ALL[..], &["--revoke-previous", "--state", path.to_str().expect("UTF-8")]].concat();
    let failing = FaultAnswer::new(StatusCode::INTERNAL_SERVER_ERROR, "application/json", "{}");
    scene.simulation.faults.add(Fault::always("DELETE /api/v2/tokens/me", Effect::Answer(failing)));
    let failed = scene.run(&[&with_state[..], &["--timeout", "3s", "--max-failures", "1"]].concat()).await;
    assert_eq!(failed.exit, Some(1), "{}", failed.stderr);
    assert!(scene.is_alive(&leaked));
    scene.simulation.faults.clear();
    // What the interrupted run replaced is known only as far as versions have labels.
    for _ in 0..2 {
        let resumed = scene.run(&[&with_state[..], &["--resume"]].concat()).await;
        assert_eq!(resumed.exit, Some(1), "{}", resumed.stderr);
        assert!(
            resumed.stderr.contains("genesys/0: ") && resumed.stderr.contains("revoke --client ID"),
            "{}",
            resumed.stderr
        );
        assert!(!scene.is_alive(&leaked));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_promotion_and_revocation_is_not_forgotten() {
    let scene = scene_with(1).await;
    let path = scene.directory.path().join("run.jsonl");
    let leaked = scene.token_of("genesys/0");
    let with_state = [&ALL[..], &["--revoke-previous", "--state", path.to_str().expect("UTF-8")]].concat();
    scene.simulation.faults.add(Fault::always("DELETE /api/v2/tokens/me", Effect::Delay(crate::SECOND * 60)));
    let mut command = scene.command(&with_state);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("the binary runs");
    crate::bao::until("the promotion", async || scene.token_of("genesys/0") != leaked).await;
    crate::bao::until("its record", async || fs::read_to_string(&path).is_ok_and(|text| text.lines().count() == 2))
        .await;
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    scene.simulation.faults.clear();
    let promoted = scene.token_of("genesys/0");
    let resumed = scene.run(&[&with_state[..], &["--resume"]].concat()).await;
    assert_eq!(resumed.exit, Some(1), "{}", resumed.stderr);
    assert_eq!(scene.token_of("genesys/0"), promoted, "a further rotation would hide the leaked token");
    assert!(!scene.is_alive(&leaked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_whose_token_has_expired_since_is_rotated_again() {
    let scene = Scene::with_token_lifetime(Some(2)).await;
    scene.with_token("genesys/0", &[]).await;
    scene.holding("genesys/1", r#"{"access_token":"x","region":"eu-west-1"}"#, &[]).await;
    let path = scene.directory.path().join("run.jsonl");
    let with_state = [&ALL[..], &["--state", path.to_str().expect("UTF-8")]].concat();
    let first = scene.run(&with_state).await;
    assert_eq!((first.exit, first.summary()), (Some(1), numbers(&[("rotated", 1), ("failed", 1)])), "{}", first.stderr);
    let expired = async || {
        let end: jiff::Timestamp =
            scene.current("genesys/0")["expires_at"].as_str().expect("a time").parse().expect("a time");
        end < SystemClock.now()
    };
    crate::bao::until("the token expires", expired).await;
    let resumed = scene.run(&[&with_state[..], &["--resume"]].concat()).await;
    assert_eq!(resumed.summary(), numbers(&[("rotated", 1), ("failed", 1)]), "{}", resumed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_survives_what_a_full_disk_leaves() {
    let scene = scene_with(1).await;
    let path = scene.directory.path().join("run.jsonl");
    let with_state = [&ALL[..], &["--state", path.to_str().expect("UTF-8")]].concat();
    for left in ["", "{\"format\":"] {
        fs::write(&path, left).expect("the file is written");
        let rotated = scene.run(&with_state).await;
        assert_eq!(rotated.exit, Some(0), "{left:?}: {}", rotated.stderr);
    }
    let unfinished = "{\"format\":\"genesys-rotator run 1\"}\n{\"secret\":\"x\",\"version_id\":\"v\"}\n";
    fs::write(&path, unfinished).expect("the file is written");
    let replaced = scene.run(&with_state).await;
    assert!(replaced.stderr.contains("replaces the record of an interrupted one"), "{}", replaced.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_state_is_not_overwritten() {
    let scene = scene_with(1).await;
    let path = scene.directory.path().join("fleet.toml");
    fs::write(&path, "secrets = []\n").expect("the file is written");
    let refused = scene.run(&[&ALL[..], &["--state", path.to_str().expect("UTF-8")]].concat()).await;
    assert_eq!(refused.exit, Some(2), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&path).expect("the file exists"), "secrets = []\n");
    let folder = scene.directory.path().to_str().expect("UTF-8");
    assert_eq!(scene.run(&[&ALL[..], &["--state", folder]].concat()).await.exit, Some(2));
    assert_eq!(scene.run(&[&ALL[..], &["--resume"]].concat()).await.exit, Some(2), "--resume needs --state");
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_within_the_jitter_end_with_the_signal() {
    let scene = scene_with(3).await;
    let mut command = scene.command(&[&ALL[..], &["--jitter", "1h"]].concat());
    command.env_remove("ROTATOR_LOG").stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().expect("the binary runs");
    crate::bao::until("the secrets are listed", async || !scene.calls("ListSecrets").is_empty()).await;
    // The signal must not arrive before the program listens for it.
    let listens = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("the process runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("the mask").trim().to_owned();
        u64::from_str_radix(&caught, 16).expect("a number") & (1 << 14) != 0
    };
    crate::bao::until("the program listens for SIGTERM", async || listens()).await;
    crate::bao::signal(child.id(), "TERM");
    let done = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("the task completes");
    let transcript = crate::Transcript::of(done.expect("the process exits"));
    assert_eq!(transcript.exit, Some(1), "{}", transcript.stderr);
    assert_eq!(transcript.summary(), numbers(&[("not_begun", 3)]));
}
