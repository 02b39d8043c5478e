//! `exec`: commands that run with a secret's token.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use serde_json::json;

use super::bao::signal;
use super::token::{rotated, shown};
use super::{CLIENT_SECRET, Scene, Transcript, document, write};

async fn exec(scene: &Scene, typed: &str, command: &[&str]) -> Transcript {
    shown(scene, scene.command(&[&["exec", typed, "--"], command].concat())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_in_the_environment_and_not_in_the_arguments() {
    let scene = Scene::new().await;
    let (typed, value) = rotated(&scene).await;
    let script = "env; echo --; tr '\\0' '\\n' </proc/self/cmdline; tr '\\0' '\\n' </proc/$$/cmdline";
    let ran = exec(&scene, &typed, &["/bin/sh", "-c", script]).await;
    assert_eq!(ran.exit, Some(0), "{}", ran.stderr);
    let (environment, arguments) = ran.stdout.split_once("\n--\n").expect("environment and arguments");
    let url = scene.simulation.genesys_url();
    for line in [
        format!("GENESYSCLOUD_ACCESS_TOKEN={value}"),
        "GENESYSCLOUD_REGION=eu-west-1".to_owned(),
        format!("GENESYSCLOUD_API_URL={url}"),
        // The environment of this process is inherited: Terraform's state may be on AWS.
        "AWS_ACCESS_KEY_ID=AKIDEXAMPLE".to_owned(),
    ] {
        assert!(environment.lines().any(|found| found == line), "{line}: {environment}");
    }
    assert!(!arguments.contains(&value), "{arguments}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stderr_shows_the_remaining_lifetime_and_that_the_token_is_not_refreshed() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    let ran = exec(&scene, &typed, &["/bin/true"]).await;
    let (life, rest) = ran.stderr.split_once(", until ").expect(&ran.stderr);
    assert_eq!(life, format!("the token of {typed} is valid for 23 h 59 min"));
    assert!(rest.ends_with(" UTC, and is not refreshed while the command runs\n"), "{rest}");
    let ran = shown(&scene, scene.command(&["exec", "-q", &typed, "--", "/bin/true"])).await;
    assert_eq!((ran.exit, ran.stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_exit_status_are_those_of_the_command() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    for code in [0, 1, 3, 42] {
        let ran = exec(&scene, &typed, &["/bin/sh", "-c", &format!("echo out; exit {code}")]).await;
        assert_eq!((ran.exit, ran.stdout.as_str()), (Some(code), "out\n"));
    }
    let mut command = scene.command(&["exec", &typed, "--", "/bin/cat"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the command starts");
    child.stdin.take().expect("a pipe").write_all(b"through").expect("stdin accepts text");
    let done = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("the task completes");
    assert_eq!(done.expect("the process exits").stdout, b"through");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_passed_in_the_variable_that_the_command_reads() {
    let scene = Scene::new().await;
    let (typed, value) = rotated(&scene).await;
    let show = [
        "exec",
        "--env-name",
        "API_TOKEN",
        &typed,
        "--",
        "/bin/sh",
        "-c",
        "echo $API_TOKEN-$GENESYSCLOUD_ACCESS_TOKEN",
    ];
    let transcript = shown(&scene, scene.command(&show)).await;
    assert_eq!(transcript.stdout, format!("{value}-\n"));
    for name in ["", "1A", "A=B", "A B"] {
        assert_eq!(scene.run(&["exec", "--env-name", name, &typed, "--", "true"]).await.exit, Some(2), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_replaces_the_process_and_receives_its_signals() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    let mut command = scene.command(&["exec", &typed, "--", "/bin/sh", "-c", "echo $$; exec sleep 600"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the command starts");
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let first = tokio::task::spawn_blocking(|| stdout.lines().next()).await.expect("the task completes");
    assert_eq!(first.expect("a line").expect("text"), child.id().to_string());
    signal(child.id(), "TERM");
    let ended = tokio::task::spawn_blocking(move || child.wait())
        .await
        .expect("the task completes")
        .expect("the process exits");
    assert_eq!(ended.signal(), Some(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_inherits_no_extra_signal_dispositions_or_file_descriptors() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    for command in [&["/bin/grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"][..], &["/bin/ls", "/proc/self/fd"]] {
        let mut direct = Command::new(command[0]);
        let direct = direct.args(&command[1..]).stdin(Stdio::null()).output().expect("the command starts");
        let direct = String::from_utf8(direct.stdout).expect("text");
        let serving = [&["exec", "--serve", &typed, "--"], command].concat();
        for ran in [exec(&scene, &typed, command).await.stdout, scene.run(&serving).await.stdout] {
            assert!(!ran.is_empty() && of_programs(&ran) == of_programs(&direct), "{ran}{direct}");
        }
    }
}

/// The lines, with signal sets reduced to signals 1 to 31: the C library reserves some of the others.
fn of_programs(text: &str) -> Vec<String> {
    let set = |text: &str| u64::from_str_radix(text, 16).expect("a set") & 0x7fff_ffff;
    let line =
        |line: &str| line.split_once('\t').map_or(line.to_owned(), |(name, signals)| format!("{name}{}", set(signals)));
    text.lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_executed_exits_as_in_a_shell() {
    let scene = Scene::new().await;
    let (typed, _) = rotated(&scene).await;
    let script = write(scene.directory.path(), "script", "#!/bin/sh\n").display().to_string();
    for (command, exit, words) in [
        ("no-such-command", 127, "the command no-such-command was not found"),
        ("/no/such/command", 127, "the command /no/such/command was not found"),
        (script.as_str(), 126, "cannot be executed: Permission denied"),
    ] {
        let mut command = scene.command(&["exec", "-q", &typed, "--", command]);
        command.env("PATH", "/usr/bin:/bin");
        let refused = shown(&scene, command).await;
        assert_eq!((refused.exit, refused.stdout.as_str()), (Some(exit), ""));
        assert!(refused.error().0.contains(words), "{}", refused.stderr);
    }
    for arguments in
        [&["exec", &typed][..], &["exec", &typed, "--"], &["exec", &typed, "true"], &["exec", &typed, "--", ""]]
    {
        assert_eq!(scene.run(arguments).await.exit, Some(2), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_runs_with_an_expired_or_missing_token() {
    let scene = Scene::new().await;
    let mut dead = document(CLIENT_SECRET);
    dead["access_token"] = json!("hush");
    dead["expires_at"] = json!("2026-01-02T03:04:05Z");
    for (document, words) in [(dead, "the token expired at"), (document(CLIENT_SECRET), "holds no token yet")] {
        let path = write(scene.directory.path(), "dead.json", &document.to_string());
        let refused = exec(&scene, &format!("file:{}", path.display()), &["/bin/echo", "it ran"]).await;
        assert_eq!((refused.exit, refused.stdout.as_str()), (Some(1), ""));
        assert!(refused.error().0.contains(words), "{}", refused.stderr);
    }
}
